"""``python -m contrib.pages``: write the program's tables into the man pages, between their BEGIN and END marks."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from contrib.pages.tables import TABLES

_REGION = re.compile(r'^(\.\\" BEGIN ([a-z ]+)\n)(?:.*?)(^\.\\" END\n)', re.M | re.S)


def renewed(page: str) -> str:
    """Return a page's source with every marked region written anew; raises KeyError for a mark of no table."""
    return _REGION.sub(lambda found: found[1] + "\n".join(TABLES[found[2]]()) + "\n" + found[3], page)


def main() -> int:
    """Write what has changed, and say so."""
    for path in sorted(Path("man").glob("*.[1-8]")):
        before = path.read_text()
        after = renewed(before)
        if after != before:
            path.write_text(after)
            print(f"written: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
