"""The default store: in RAM, gone with the process."""

from __future__ import annotations

from collections.abc import Iterator
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

    def get(self, collection: str, key: str) -> bytes | None:
        """Return the bytes kept under ``key``, or None."""
        kept = self._collections.get(collection, {}).get(key)
        return None if kept is None else bytes(kept)

    def put(self, collection: str, key: str, value: bytes) -> None:
        """Keep ``value``, in place of what was there."""
        self.delete(collection, key)
        self._collections.setdefault(collection, {})[key] = bytearray(value)

    def delete(self, collection: str, key: str) -> None:
        """Forget ``key``; no error when it is not there."""
        kept = self._collections.get(collection, {}).pop(key, None)
        if kept is not None:
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
        """Nothing can come in between: what is put in memory is kept at once."""
        yield
