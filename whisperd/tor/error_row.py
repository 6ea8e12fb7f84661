"""How what tor's parts tell is put into rows, ready for JSON."""

from __future__ import annotations

from whisperd.errors import WhisperdError
from whisperd.interfaces import ErrorRow


def error_row(error: WhisperdError | None) -> ErrorRow | None:
    """Return an error as ``status`` shows it."""
    if error is None:
        return None
    return {"code": error.code, "message": error.message, "remedy": error.remedy}
