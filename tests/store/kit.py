"""Sealed stores for tests: as cheap to open as they may be, and opened again without stretching the passphrase."""

from __future__ import annotations

from pathlib import Path

from whisperd.store.sealed import Opening, SealedStore
from whisperd.store.sealing import Cost

CHEAP = Cost(64, 3, 1)
PASSPHRASE = b"correct horse"


class Place:
    """One store's file; ``open`` opens it, at first by its passphrase and then by the master key."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._master = b""

    def closed(self) -> SealedStore:
        return SealedStore(self.path, cost=CHEAP)

    def open(self) -> SealedStore:
        store = self.closed()
        try:
            if store.state == "new":
                opening = store.prepare(PASSPHRASE)
                self._master = bytes(opening.master)
            else:
                opening = Opening(bytearray(self._master))
            store.unlock(opening)
        except BaseException:
            store.close()
            raise
        return store


def content(store: SealedStore, *collections: str) -> dict[tuple[str, str], bytes | None]:
    """Return all that stands in the collections."""
    return {(collection, key): store.get(collection, key) for collection in collections
            for key in store.keys(collection)}
