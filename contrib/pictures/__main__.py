"""``python -m contrib.pictures``: hold a conversation and draw it into contrib/pictures/conversation.svg.

The picture of the rooms is a generated file: ``python -m contrib.generated`` writes it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from contrib.pictures import session, terminal

HERE = Path(__file__).parent


def main() -> int:
    """Write the picture."""
    (HERE / "conversation.svg").write_text(terminal.picture(session.screens()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
