"""The base of every failure that a user can see."""

from __future__ import annotations

from typing import ClassVar


class WhisperdError(Exception):
    """Something failed that a person should hear about, with its remedy."""

    code: ClassVar[str] = "internal"
    exit_status: ClassVar[int] = 1
    summary: ClassVar[str] = "an internal error happened in whisperd"
    remedy: str = "Look at the daemon's log. If that does not explain it, report a bug."

    def __init__(self, message: str | None = None, *, remedy: str | None = None) -> None:
        super().__init__(message or self.summary)
        if remedy is not None:
            self.remedy = remedy

    @property
    def message(self) -> str:
        """What happened, in one sentence."""
        return str(self.args[0])
