"""``python -m contrib.generated``: write every generated part of the tree that is not up to date, and say which."""

from __future__ import annotations

import sys

from contrib.generated.files import ROOT, files


def main() -> int:
    """Write what has changed."""
    for name, text in files().items():
        path = ROOT / name
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(f"written: {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
