"""A sealed store at work in a daemon: it is unlocked, locked, moved and wiped while the daemon runs.

What is slow is done in a thread; one thing at a time.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeVar

from twisted.internet.defer import Deferred, DeferredLock

from whisperd.config import StoreSection
from whisperd.errors import StoreDamaged, StoreFailed, StoreLocked, StoreNotEmpty, UsageError
from whisperd.logs import note
from whisperd.store import export
from whisperd.store.passphrases import checked, from_keyring
from whisperd.store.sealed import SealedStore
from whisperd.store.sealing import Cost
from whisperd.threads import ThreadReactor, in_thread

Row = dict[str, Any]
P = ParamSpec("P")
T = TypeVar("T")

#: Most bytes of an export that are read.
MAX_IMPORTED = 1 << 30


class StoreUser(Protocol):
    """Who works with the store while it is open."""

    def store_opened(self) -> None:
        """It has been unlocked: begin to work with it."""

    async def store_closing(self) -> None:
        """It is about to be locked: stop working with it."""


@dataclass(frozen=True)
class Portable:
    """What may be taken to another store, by collections.

    An export holds those of ``moving`` only if they are taken from here, and those of ``moved`` are removed then; a
    store that has no others than ``beside`` holds nothing. An import puts what ``taken_in`` makes of its records.
    """

    moving: frozenset[str] = frozenset()
    moved: frozenset[str] = frozenset()
    beside: frozenset[str] = frozenset()
    taken_in: Callable[[Sequence[export.Record]], Sequence[export.Record]] = list


class Vault:
    """``store`` at work for ``user``, with the keys of ``[store]``; ``emit(name, **fields)`` takes events."""

    def __init__(self, store: SealedStore, settings: StoreSection, user: StoreUser, *, reactor: ThreadReactor,
                 emit: Callable[..., object], portable: Portable) -> None:
        self.store = store
        self._settings = settings
        self._user = user
        self._reactor = reactor
        self._emit = emit
        self._portable = portable
        self._lock = DeferredLock()

    @property
    def is_open(self) -> bool:
        return self.store.state == "open"

    async def stop(self) -> None:
        """Lock, and let go of the file."""
        self.store.close()

    def status(self) -> Row:
        """Return what 'store status' shows."""
        cost, trouble = self.store.cost, self.store.trouble
        return {"kind": "sealed", "state": self.store.state,
                "trouble": trouble and {"code": trouble.code, "message": trouble.message, "remedy": trouble.remedy},
                "file": str(self.store.path), "size": self.store.size,
                "records": self.store.count, "unlock": self._settings.unlock,
                "argon2": {"memory": cost.memory, "passes": cost.passes, "lanes": cost.lanes},
                "history": self._settings.history, "history_days": self._settings.history_days}

    async def unlock(self, passphrase: str) -> Row:
        """Unlock it, or make it; an empty passphrase stands for the one in the keyring, if it is there.

        Raises WrongPassphrase, StoreDamaged, StoreFailed, StoreKeyMissing or UsageError."""
        return await self._alone(self._unlock, passphrase)

    async def lock(self) -> Row:
        """Let conversations sleep, and destroy the keys here. Raises StoreLocked."""
        return await self._alone(self._lock_up)

    async def change(self, old: str, new: str) -> Row:
        """Put another passphrase in the place of the old one, unless that is the keyring's.

        Raises WrongPassphrase, StoreLocked or UsageError."""
        return await self._alone(self._change, old, new)

    async def export(self, file: int, passphrase: str, move: bool = False) -> Row:
        """Write everything but live conversations into the descriptor ``file``; with ``move`` those too, and they are
        gone from here. Raises StoreLocked, StoreFailed or UsageError."""
        return await self._alone(self._export, file, passphrase, move)

    async def take_in(self, file: int, passphrase: str) -> Row:
        """Take in what an export holds. Raises StoreLocked, StoreNotEmpty, WrongPassphrase or StoreDamaged."""
        return await self._alone(self._take_in, file, passphrase)

    async def wipe(self) -> Row:
        """Destroy the key, then the file."""
        return await self._alone(self._wipe)

    # -- inside ---------------------------------------------------------------------------------------------------

    async def _alone(self, work: Callable[P, Awaitable[Row]], *args: P.args, **kwargs: P.kwargs) -> Row:
        await self._lock.acquire()
        try:
            return await work(*args, **kwargs)
        finally:
            self._lock.release()

    async def _unlock(self, passphrase: str) -> Row:
        if not self.is_open:
            secret = passphrase.encode(errors="surrogateescape")
            if not passphrase and self._settings.unlock == "keyring":
                secret = await self._thread(self._from_keyring)
            elif self.store.state == "new":
                secret = checked(passphrase)
            self.store.unlock(await self._thread(self.store.prepare, secret))
            self._tell()
            self._user.store_opened()
        return self.status()

    async def _lock_up(self) -> Row:
        self._need_open()
        await self._user.store_closing()
        self.store.lock()
        self._tell()
        return self.status()

    async def _change(self, old: str, new: str) -> Row:
        self._need_open()
        if self._settings.unlock == "keyring":  # which would go on giving the old one at every start
            raise UsageError("the passphrase of this store is in the keyring, so nobody types it",
                             remedy="To change to a passphrase of your own, see whisperctl(1), EXAMPLES.")
        old_secret, secret = old.encode(errors="surrogateescape"), checked(new)
        slot = await self._thread(self.store.new_slot, old_secret, secret)
        self._need_open()
        self.store.replace_slot(slot)
        return self.status()

    async def _export(self, file: int, passphrase: str, move: bool) -> Row:
        self._need_open()
        secret = checked(passphrase)
        if move:
            await self._user.store_closing()
        try:
            records = [(collection, key, self.store.get(collection, key) or b"")
                       for collection in self.store.collections() if move or collection not in self._portable.moving
                       for key in self.store.keys(collection)]
            data = await self._thread(export.encode, records, secret, self.store.cost, os.urandom)
            await self._thread(_write, file, data)
            if move:
                with self.store.together():
                    for collection in self._portable.moved:
                        for key in self.store.keys(collection):
                            self.store.delete(collection, key)
        finally:
            if move and self.is_open:
                self._user.store_opened()
        return {"records": len(records), "size": len(data), "moved": move}

    async def _take_in(self, file: int, passphrase: str) -> Row:
        self._need_open()
        self._need_empty()
        data = await self._thread(_read, file)
        records = await self._thread(export.decode, data, passphrase.encode(errors="surrogateescape"))
        await self._user.store_closing()
        try:
            self._need_empty()
            with self.store.together():
                for record in self._portable.taken_in(records):
                    self.store.put(*record)
        finally:
            self._user.store_opened()
        return {"records": len(records)}

    async def _wipe(self) -> Row:
        self.store.lock()  # nothing more can be written, so conversations find no key to sleep with
        self.store.destroy()
        await self._user.store_closing()
        self._tell()
        return self.status()

    def _from_keyring(self) -> bytes:
        return from_keyring(self.store.path, new=self.store.state == "new", random=os.urandom)

    def _tell(self) -> None:
        note("store-state", state=self.store.state)
        self._emit("store-state", state=self.store.state)

    def _need_open(self) -> None:
        if not self.is_open:
            raise StoreLocked

    def _need_empty(self) -> None:
        if not self._portable.beside.issuperset(self.store.collections()):
            raise StoreNotEmpty

    def _thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        return in_thread(self._reactor, work, *args, **kwargs)


def _write(file: int, data: bytes) -> None:
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(file, view):]
        os.fsync(file)
    except OSError as error:
        raise StoreFailed(f"the export could not be written: {error.strerror}",
                          remedy="Free some space on its disk, or choose another place.") from None


def _read(file: int) -> bytes:
    found = bytearray()
    try:
        while part := os.read(file, 1 << 20):
            found += part
            if len(found) > MAX_IMPORTED:
                raise UsageError("this file is too large to be the export of a store")
    except OSError as error:
        raise StoreDamaged(f"the export cannot be read: {error.strerror}") from None
    return bytes(found)


def make_store(settings: StoreSection) -> SealedStore:
    """Return the sealed store, locked, and make its folder if it is not there. Raises the errors of ``SealedStore``."""
    path = Path(settings.file).absolute()
    with suppress(OSError):  # the store itself complains
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return SealedStore(path, cost=Cost(settings.argon2_memory, settings.argon2_passes))
