"""What commands ask of write-ahead persistence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

_T = TypeVar("_T")


class Persistence(Protocol):
    """``peer.persistence.write_ahead`` has the shape."""

    def check(self) -> None:
        """Raise StoreFailed while the store cannot be written."""

    async def settled(self, name: str = "", waits: str = "this") -> None:
        """Wait until what was changed, of this conversation or of all, is on the disk.

        Raises StoreFailed when it cannot be written, which says that ``waits`` waits for that."""

    def atomically(self, work: Callable[[], _T], *names: str) -> _T:
        """Do ``work()`` and return what it returns: what it changes is on the disk then, together with these
        conversations, or has not happened. Raises StoreFailed."""

    def undo(self, step: Callable[[], None]) -> None:
        """Have ``step()`` called if what is being written now is not committed."""

    def history(self, name: str, after: int) -> list[dict[str, Any]] | None:
        """Return what was said with a number above ``after``, None where the store has no more than memory."""
