"""The default store: in RAM, gone with the process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from zope.interface import implementer

from whisperd.interfaces import IStore


@implementer(IStore)
class MemoryStore:
    """Keeps bytes by collection and key in memory, and overwrites what it forgets."""

    name = "memory"
    durable = False

    def __init__(self) -> None:
        self._collections: dict[str, dict[str, bytearray]] = {}
        self._undo: list[Callable[[], None]] | None = None

    def get(self, collection: str, key: str) -> bytes | None:
        """Return the bytes kept under ``key``, or None."""
        kept = self._collections.get(collection, {}).get(key)
        return None if kept is None else bytes(kept)

    def put(self, collection: str, key: str, value: bytes) -> None:
        """Keep ``value``, in place of what was there."""
        self.delete(collection, key)
        self._collections.setdefault(collection, {})[key] = bytearray(value)
        self.undo(lambda: self.delete(collection, key))

    def delete(self, collection: str, key: str) -> None:
        """Forget ``key``; no error when it is not there."""
        kept = self._collections.get(collection, {}).pop(key, None)
        if kept is not None:
            if self._undo is not None:
                before = bytes(kept)
                self.undo(lambda: self.put(collection, key, before))
            kept[:] = bytes(len(kept))

    def keys(self, collection: str) -> list[str]:
        """Return the keys of a collection."""
        return list(self._collections.get(collection, {}))

    def wipe(self) -> None:
        """Forget everything."""
        for collection in list(self._collections):
            for key in self.keys(collection):
                self.delete(collection, key)
        self._collections.clear()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Nothing can come in between; what fails inside leaves everything as it was."""
        if self._undo is not None:
            yield
            return
        undo = self._undo = []
        try:
            yield
        except BaseException:
            self._undo = None
            for step in reversed(undo):
                step()
            raise
        finally:
            self._undo = None

    def undo(self, step: Callable[[], None]) -> None:
        """Have ``step()`` called if the ``together`` that this is in fails."""
        if self._undo is not None:
            self._undo.append(step)

    def make_room(self) -> bool:
        """Nothing is held back."""
        return False
