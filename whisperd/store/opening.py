"""From the keys of ``[store]`` to a store."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from whisperd.store.sealed import SealedStore
from whisperd.store.sealing import Cost


def make_store(settings: Any) -> SealedStore:
    """Return the sealed store, locked, and make its folder if it is not there. Raises the errors of ``SealedStore``."""
    path = Path(settings.file).absolute()
    with suppress(OSError):  # the store itself complains
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return SealedStore(path, cost=Cost(settings.argon2_memory, settings.argon2_passes))
