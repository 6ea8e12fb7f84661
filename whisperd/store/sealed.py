"""The store that outlives the daemon: one SQLite file of sealed records. [whisperd-security(7), SEALED STORE]

A record's row is place(32), version(8), and its name and value sealed together, bound to this store, the place and the
version. The version is the number of the transaction that wrote it; the head holds that of the last one with the digest
of all places and versions, sealed too. So no record can be changed, moved, left out, or put back as it was before. That
the whole file is an older copy cannot be seen from it: ``peer.resuming`` has the other side tell.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from zope.interface import implementer

from whisperd.errors import StoreBusy, StoreDamaged, StoreFailed, StoreLocked, WhisperdError
from whisperd.interfaces import IStore, Random
from whisperd.store.file import StoreFile, open_file, places
from whisperd.store.hash_tree import Tree
from whisperd.store.sealing import KEY, Cost, SealingKeys, Slot
from whisperd.wire.hidden import hidden

_ID = 16
_VERSION = struct.Struct(">Q")
_ROOT = struct.Struct(">Q32s")


class _Record(msgspec.Struct, frozen=True, array_like=True):
    """What is sealed: the name, and the value."""

    collection: str
    key: str
    value: bytes

    __repr__ = hidden


_records = msgspec.msgpack.Decoder(_Record)
_pack = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True)
class Opening:
    """What the slow part of an unlocking comes to: the master key, and a new slot to write if there is one."""

    master: bytearray = field(repr=False)
    slot: Slot | None = None


@implementer(IStore)
class SealedStore:
    """Keeps bytes by collection and key in the file ``path``. Everything but ``state`` raises StoreLocked while locked.

    Raises StoreUnusable, StoreBusy, StoreDamaged or StoreFailed when it is made, and StoreFailed from whatever writes.
    """

    name = "sealed"
    durable = True

    def __init__(self, path: Path, *, cost: Cost | None = None, random: Random = os.urandom) -> None:
        self.path = path
        self._cost = cost or Cost()
        self._random = random
        self._file: StoreFile | None = open_file(path)
        self._keys: SealingKeys | None = None
        self._version = 0
        self._inside = False
        self._wrote = False
        self._undo: list[Callable[[], None]] = []
        #: Why it could not be written when that was tried last; None when that went well.
        self.trouble: WhisperdError | None = None
        self._names: dict[str, dict[str, bytes]] = {}
        try:
            self._id, self._slot = self._read_head(self._file)
        except BaseException:
            self.close()
            raise

    # -- opening and closing --------------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """``new`` before the first passphrase, ``locked``, or ``open``."""
        if self._keys is not None:
            return "open"
        return "locked" if self._slot else "new"

    @property
    def cost(self) -> Cost:
        """What the passphrase that is in force costs to try."""
        return self._slot.cost if self._slot else self._cost

    def prepare(self, passphrase: bytes) -> Opening:
        """Do the slow part of unlocking; a thread of its own may. Raises WrongPassphrase."""
        if self._slot is None:
            master = bytearray(self._random(KEY))
            return Opening(master, Slot.make(master, passphrase, self._cost, self._id, self._random))
        master = self._slot.open(passphrase, self._id)
        cheap = self._slot.cost.cheaper_than(self._cost)
        return Opening(master, Slot.make(master, passphrase, self._cost, self._id, self._random) if cheap else None)

    def unlock(self, opening: Opening) -> None:
        """Read and check everything. Raises StoreDamaged or StoreFailed."""
        file = self._attached()
        keys = SealingKeys(bytearray(opening.master))
        try:
            self._tree = Tree(keys.digest)
            self._names = {}
            self._keys = keys
            if self._slot is None and opening.slot is not None:
                self._create(file, opening.slot)
            else:
                self._read(file)
                if opening.slot is not None:
                    self.replace_slot(opening.slot)
        except BaseException:
            self.lock()
            raise

    def open_with(self, passphrase: bytes) -> None:
        """Unlock at once; see ``prepare`` and ``unlock``."""
        self.unlock(self.prepare(passphrase))

    def lock(self) -> None:
        """Destroy the keys here; the file stays as it is."""
        if self._keys is not None:
            self._keys.wipe()
        self._keys = None
        self._names = {}

    def close(self) -> None:
        """Lock, and let go of the file."""
        self.lock()
        if self._file is not None:
            self._file.close()
            self._file = None

    def new_slot(self, old: bytes, new: bytes) -> Slot:
        """Wrap the master key under another passphrase; slow, so a thread of its own may. Raises WrongPassphrase."""
        if self._slot is None:
            raise StoreLocked
        master = self._slot.open(old, self._id)
        return Slot.make(master, new, self._cost, self._id, self._random)

    def replace_slot(self, slot: Slot) -> None:
        """Put a slot in the place of the one in force, and empty the log, which had the old one."""
        file = self._attached()
        with file.transaction():
            file.set_head("slot", slot.encode())
        self._slot = slot
        try:
            file.flush()
        except StoreFailed as error:
            raise StoreFailed("the new passphrase is in force, but the store's write-ahead log can still be opened "
                              "with the old one",
                              remedy="Free some space on its disk, and change the passphrase again.") from error

    def destroy(self) -> None:
        """Destroy the wrapped key on the disk, then the file; it is a new and empty store from then on."""
        self.lock()
        file = self._attached()
        if self._slot is not None:
            with suppress(StoreFailed, StoreDamaged):  # what follows does without
                with file.transaction():
                    file.set_head("slot", bytes(len(self._slot.encode())))
                file.flush()
        file.close()
        self._file = None
        try:
            for place in places(self.path):
                place.unlink(missing_ok=True)
        except OSError as error:
            raise StoreFailed(f"the store's file could not be removed: {error.strerror}",
                              remedy="Let this user write to its folder, or delete it by hand.") from None
        self._file = open_file(self.path)
        self._id, self._slot = self._random(_ID), None

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return self._attached().size

    @property
    def count(self) -> int:
        """How many records there are; 0 while locked."""
        return sum(map(len, self._names.values())) if self._keys is not None else 0

    # -- IStore ---------------------------------------------------------------------------------------------------

    def get(self, collection: str, key: str) -> bytes | None:
        """Return the bytes kept under ``key``, or None. Raises StoreDamaged."""
        self._unlocked()
        place = self._names.get(collection, {}).get(key)
        if place is None:
            return None
        rows = self._attached().all("SELECT version, sealed FROM records WHERE place = ?", place)
        if len(rows) != 1 or rows[0][0] != self._tree.get(place):
            raise StoreDamaged
        return self._opened(place, *rows[0]).value

    def put(self, collection: str, key: str, value: bytes) -> None:
        """Keep ``value``; it is on the disk when this, or the ``together`` around it, ends. Raises StoreFailed."""
        keys = self._unlocked()
        with self.together():
            place, version = keys.place(collection, key), self._version + 1
            sealed = keys.seal(_pack(_Record(collection, key, bytes(value))), self._ad(place, version), self._random)
            self._attached().run("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", place, version, sealed)
            self._note(collection, key, place, version)

    def delete(self, collection: str, key: str) -> None:
        """Forget ``key``; no error when it is not there. Raises StoreFailed."""
        self._unlocked()
        place = self._names.get(collection, {}).get(key)
        if place is not None:
            with self.together():
                self._attached().run("DELETE FROM records WHERE place = ?", place)
                self._note(collection, key, place, None)

    def keys(self, collection: str) -> list[str]:
        """Return the keys of a collection."""
        self._unlocked()
        return list(self._names.get(collection, {}))

    def collections(self) -> list[str]:
        """Return the collections that hold something."""
        self._unlocked()
        return [collection for collection, names in self._names.items() if names]

    def wipe(self) -> None:
        """Forget every record; the passphrase stays."""
        self._unlocked()
        with self.together():
            for collection in list(self._names):
                for key in self.keys(collection):
                    self.delete(collection, key)

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is put and deleted inside is kept as one, or not at all. One inside of another belongs to it."""
        self._unlocked()
        if self._inside:
            yield
            return
        file = self._attached()
        self._inside, self._wrote = True, False
        self._undo = []
        try:
            with file.transaction():
                yield
                if self._wrote:
                    self._write_root(file, self._version + 1)
            self._version += self._wrote
        except BaseException as error:
            for step in reversed(self._undo):
                step()
            if isinstance(error, StoreBusy | StoreDamaged | StoreFailed):
                self.trouble = error
            raise
        finally:
            self._inside = False
        if self._wrote:
            self.trouble = None
            file.hold_room()

    def undo(self, step: Callable[[], None]) -> None:
        """Have ``step()`` called if the ``together`` that this is in keeps nothing."""
        if self._inside:
            self._undo.append(step)

    def make_room(self) -> bool:
        """Give up what is held back of the disk for deletions; return whether that was any. It is held back again
        after the next transaction, as far as there is room."""
        return self._attached().give_room()

    # -- inside ---------------------------------------------------------------------------------------------------

    def _read_head(self, file: StoreFile) -> tuple[bytes, Slot | None]:
        """Return the store's id and the slot, or what a new one begins with."""
        if file.fresh:
            return self._random(_ID), None
        return file.head("id"), Slot.decode(file.head("slot"))

    def _create(self, file: StoreFile, slot: Slot) -> None:
        with file.transaction():
            file.create()
            file.set_head("id", self._id)
            file.set_head("slot", slot.encode())
            self._write_root(file, 1)
        self._version, self._slot = 1, slot

    def _write_root(self, file: StoreFile, version: int) -> None:
        plaintext = _ROOT.pack(version, self._tree.root())
        sealed = self._unlocked().seal(plaintext, self._ad(b"root", version), self._random)
        file.set_head("root", _VERSION.pack(version) + sealed)

    def _read(self, file: StoreFile) -> None:
        """Open every record, and compare all with the root."""
        root = file.head("root")
        if len(root) < _VERSION.size:
            raise StoreDamaged
        (self._version,) = _VERSION.unpack_from(root)
        plaintext = self._unlocked().open(root[_VERSION.size :], self._ad(b"root", self._version))
        for place, version, sealed in file.all("SELECT place, version, sealed FROM records"):
            record = self._opened(place, version, sealed)
            self._tree.set(place, version)
            self._names.setdefault(record.collection, {})[record.key] = place
        if plaintext != _ROOT.pack(self._version, self._tree.root()):
            raise StoreDamaged

    def _opened(self, place: object, version: object, sealed: object) -> _Record:
        if not (isinstance(place, bytes) and isinstance(version, int) and isinstance(sealed, bytes)
                and len(place) == KEY and 0 < version <= self._version):
            raise StoreDamaged
        return _records.decode(self._unlocked().open(sealed, self._ad(place, version)))

    def _note(self, collection: str, key: str, place: bytes, version: int | None) -> None:
        """Take note of a change, and of how to take it back."""
        names, before = self._names.setdefault(collection, {}), self._tree.get(place)

        def change(to: int | None) -> None:
            self._tree.set(place, to)
            if to is None:
                names.pop(key, None)
            else:
                names[key] = place

        change(version)
        self._wrote = True
        self._undo.append(lambda: change(before))

    def _ad(self, place: bytes, version: int) -> bytes:
        return self._id + _VERSION.pack(version) + place

    def _attached(self) -> StoreFile:
        if self._file is None:
            raise StoreLocked
        return self._file

    def _unlocked(self) -> SealingKeys:
        if self._keys is None:
            raise StoreLocked
        return self._keys
