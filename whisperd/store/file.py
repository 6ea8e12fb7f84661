"""The SQLite file of a sealed store: who may open it, how it is written, and what its mistakes are called.

Every value in it is sealed before it comes here. The write-ahead log is used with an exclusive lock, so that a commit
is one write and one flush, a killed process loses nothing that was committed, and no second daemon gets in; deleted
content is overwritten, and what SQLite sorts stays in memory.

A little of the disk is held back by a file that has no name, so that something can be deleted when there is no room.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from whisperd.errors import StoreBusy, StoreDamaged, StoreFailed, StoreUnusable

#: What a column holds.
Value = bytes | int | str

#: "whsp", and the version of the file's form.
APPLICATION = 0x77687370
FORM = 1
_SCHEMA = (
    "CREATE TABLE head (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE records (place BLOB PRIMARY KEY, version INTEGER NOT NULL, sealed BLOB NOT NULL) WITHOUT ROWID",
)
_PRAGMAS = ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL", "secure_delete = ON",
            "temp_store = MEMORY", "trusted_schema = OFF", "cell_size_check = ON", "wal_autocheckpoint = 256")
#: Why the file could not be written, by SQLite's primary code, and what to do about it.
_FAILURES = {
    sqlite3.SQLITE_FULL: ("the disk of the store's file is full", "Free some space on it, or raise the "
                          "quota"),
    sqlite3.SQLITE_IOERR: ("the disk of the store's file could not be read or written",
                           "Free some space on it, raise the quota or the limit on the size of files, or repair it"),
    sqlite3.SQLITE_READONLY: ("the store's file is read-only", "Let this user write to it and to its folder"),
    sqlite3.SQLITE_CANTOPEN: ("a file beside the store's file could not be "
                              "opened", "Let this user write to its folder"),
    sqlite3.SQLITE_PERM: ("this user may not write to the store's "
                          "file", "Let this user write to it and to its folder"),
    sqlite3.SQLITE_NOMEM: ("there was not enough memory to write the store's file", "Free some memory"),
}
#: Most and least bytes of the disk that are held back for deletions.
_MAX_HELD, _MIN_HELD = 1 << 19, 1 << 15


class StoreFile:
    """The open file. Made by ``open_file``; not for several threads."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._held = -1  # a descriptor
        self._known: dict[Path, tuple[int, int] | None] = {}

    def know(self) -> None:
        """Take note of which file, and which log, is the one that is open."""
        self._known = {place: _identity(place) for place in places(self.path)[:2] if place.exists()}

    @property
    def fresh(self) -> bool:
        """Whether nothing was ever kept in it."""
        return not self.all("SELECT 1 FROM sqlite_schema LIMIT 1")

    def create(self) -> None:
        """Make the tables; part of the transaction that fills them first."""
        for statement in _SCHEMA:
            self.run(statement)
        self.run(f"PRAGMA application_id = {APPLICATION}")
        self.run(f"PRAGMA user_version = {FORM}")

    def run(self, statement: str, *values: Value) -> None:
        """Execute one statement."""
        with typed_errors():
            self._connection.execute(statement, values).close()

    def all(self, statement: str, *values: Value) -> list[tuple[Any, ...]]:
        """Return every row of a query."""
        with typed_errors(), closing(self._connection.execute(statement, values)) as rows:
            return list(rows)

    def head(self, name: str) -> bytes:
        """Return a value of the head; raises StoreDamaged when it is not there."""
        rows = self.all("SELECT value FROM head WHERE name = ?", name)
        if len(rows) != 1 or not isinstance(rows[0][0], bytes):
            raise StoreDamaged
        return rows[0][0]

    def set_head(self, name: str, value: bytes) -> None:
        self.run("INSERT OR REPLACE INTO head VALUES (?, ?)", name, value)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep all that is run inside, or nothing of it; nothing is kept in a file that nobody would find again."""
        for place, identity in self._known.items():
            if _identity(place) != identity:
                raise StoreFailed(f"{place} was removed or replaced while it was in use",
                                  remedy=_then("Put it back, or stop the daemon and restore a copy"))
        self.run("BEGIN IMMEDIATE")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # SQLite may have gone back by itself
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
            raise

    def flush(self) -> None:
        """Move what is in the log into the file, and empty the log."""
        self.all("PRAGMA wal_checkpoint(TRUNCATE)")

    def hold_room(self) -> None:
        """Hold back a little of the disk, unless that is done already; of one that is nearly full not all."""
        if self._held >= 0:
            return
        with suppress(OSError):
            found = os.statvfs(self.path.parent)
            size = min(_MAX_HELD, found.f_bavail * found.f_frsize // 2)
            if size >= _MIN_HELD:
                with tempfile.TemporaryFile(dir=self.path.parent, buffering=0) as file:
                    os.posix_fallocate(file.fileno(), 0, size)
                    self._held = os.dup(file.fileno())

    def give_room(self) -> bool:
        """Let go of what is held back; return whether there was any."""
        held, self._held = self._held, -1
        if held >= 0:
            os.close(held)
        return held >= 0

    @property
    def size(self) -> int:
        """Bytes on the disk, the log included."""
        return sum(place.stat().st_size for place in places(self.path) if place.exists())

    def close(self) -> None:
        self.give_room()
        with suppress(sqlite3.Error):
            self._connection.close()


def open_file(path: Path) -> StoreFile:
    """Open the file, or make an empty one. Raises StoreUnusable, StoreBusy, StoreDamaged or StoreFailed."""
    _prepare(path)
    with typed_errors():
        connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    file = StoreFile(path, connection)
    try:
        for pragma in _PRAGMAS:
            file.all(f"PRAGMA {pragma}")
        file.run("BEGIN EXCLUSIVE")  # takes the lock, which stays
        file.run("COMMIT")
        _check(file)
        file.know()
        file.hold_room()
    except BaseException:
        file.close()
        raise
    return file


def places(path: Path) -> tuple[Path, ...]:
    """Return the file and those that SQLite may put beside it."""
    return (path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm", "-journal")))


def _prepare(path: Path) -> None:
    """Make the file with mode 0600 if it is not there; refuse one that others can reach."""
    try:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
        _refuse_others(path, os.geteuid())
    except OSError as error:
        raise StoreUnusable(f"{path} cannot be opened: {error.strerror}") from None


def preflight(path: Path) -> None:
    """Raise StoreUnusable for a file that could not be opened, and make none. To root it may be that of any user."""
    try:
        _refuse_others(path, os.geteuid() or None)
    except OSError as error:
        raise StoreUnusable(f"{path} cannot be opened: {error.strerror}") from None


def _refuse_others(path: Path, owner: int | None) -> None:
    for place in places(path):
        if not os.path.lexists(place):
            continue
        found = place.lstat()
        if not stat.S_ISREG(found.st_mode) or owner not in (None, found.st_uid):
            raise StoreUnusable(f"{place} does not belong to this user")
        if found.st_mode & 0o077:
            raise StoreUnusable(f"other users can read or write {place}")


def _check(file: StoreFile) -> None:
    """Raise StoreDamaged, or StoreUnusable, when the file is not one that we made."""
    if file.fresh:
        return
    found = sorted(str(row[0]) for row in file.all("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL"))
    numbers = file.all("PRAGMA application_id")[0][0], file.all("PRAGMA user_version")[0][0]
    if numbers[0] == APPLICATION and numbers[1] > FORM:
        raise StoreUnusable("the store's file was written by a newer version of whisperd", remedy="Update whisperd.")
    if found != sorted(_SCHEMA) or numbers != (APPLICATION, FORM):
        raise StoreDamaged("this file is not a store, or it is damaged")


def _identity(place: Path) -> tuple[int, int] | None:
    """Return what tells a file from every other one; None where there is none, or none that may be seen."""
    try:
        found = place.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _then(remedy: str) -> str:
    return f"{remedy}. Nothing is sent until it is stored; the daemon tries again automatically."


@contextmanager
def typed_errors() -> Iterator[None]:
    """Turn what SQLite complains of into our own errors."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise StoreBusy from None
        if code in _FAILURES:
            message, remedy = _FAILURES[code]
            raise StoreFailed(message, remedy=_then(remedy)) from None
        if isinstance(error, sqlite3.ProgrammingError | sqlite3.InterfaceError):
            raise  # a mistake of ours
        raise StoreDamaged from None
