"""``python -m contrib.site [FOLDER]``: write the site into the folder, build/site by default."""

from __future__ import annotations

import sys
from pathlib import Path

from contrib.site.site import write


def main() -> int:
    """Write the site and say where its first page is."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/site")
    write(folder)
    print(f"written: {folder}/index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
