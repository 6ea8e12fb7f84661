"""The disk's side of files that come in: one folder, and nothing outside of it. Every call may block.

What comes in is a hidden partial file, mode 0600 and locked, until the whole of it is there; then it gets its name,
and never that of another file. Paths of the other side are never followed: names are used inside of the folder only.

Where a store is to go on with files after a restart, what is partial is flushed to the disk every so often, with the
hash up to there; what is found again counts as far as it has that hash.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import stat
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TypeVar

from whisperd.errors import FileFailed, HashMismatch, NoDownloads
from whisperd.interfaces import Random
from whisperd.peer.files.names import alternatives
from whisperd.peer.files.transfer import OnDisk

#: Bytes of an incoming file that may have to be sent again after a restart.
FLUSH_EVERY = 1 << 20

_PREFIX, _SUFFIX = ".whisperd-", ".part"
_PARTIAL = re.compile(rf"{re.escape(_PREFIX)}[0-9a-f]{{16}}{re.escape(_SUFFIX)}")
_BLOCK = 1 << 20
_FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Digesting(Protocol):
    """A hash that is being computed. [hashlib]"""

    def update(self, data: bytes, /) -> None:
        """Go on with more bytes."""


_Into = TypeVar("_Into", bound=Digesting)


class Downloads:
    """The folder that ``peer.downloads`` names; empty: none, and nothing can be accepted.

    With ``durable`` a store goes on with partial files after a restart."""

    def __init__(self, folder: str, random: Random = os.urandom, *, durable: bool = False) -> None:
        self.durable = durable
        self._folder = folder
        self._random = random

    def check(self) -> None:
        """Raise NoDownloads when no folder is configured."""
        if not self._folder:
            raise NoDownloads

    def sweep(self, wanted: Collection[str] = ()) -> None:
        """Remove the partial files that a daemon left which was killed, but for those that are ``wanted``; those of a
        living one are locked."""
        if not self._folder or not os.path.isdir(self._folder):
            return
        with suppress(OSError):
            for path in Path(self._folder).glob(f"{_PREFIX}*{_SUFFIX}"):
                if path.name not in wanted:
                    _remove_if_left(path)

    def open(self) -> Partial:
        """Begin a file; raises NoDownloads, or FileFailed when the folder cannot be written to."""
        partial = Partial(self)
        partial.open()
        return partial

    def left(self, on_disk: OnDisk, size: int, digest: bytes) -> Partial:
        """Return the file of ``size`` bytes and this SHA-256 of which a part was left; its ``open`` finds it."""
        return Partial(self, on_disk, size, digest)

    def folder(self) -> int:
        """Return a descriptor of the folder; raises NoDownloads or FileFailed."""
        self.check()
        try:
            return os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise failed(f"the folder peer.downloads cannot be opened: {error.strerror}") from None

    def new_name(self) -> str:
        return f"{_PREFIX}{self._random(8).hex()}{_SUFFIX}"


class Partial:
    """A file that comes in. ``size`` is how much of it is written, ``on_disk`` how much of that is sure to stay."""

    def __init__(self, downloads: Downloads, left: OnDisk | None = None, whole: int = 0, digest: bytes = b"") -> None:
        self.size = 0
        self.on_disk = left or OnDisk()
        #: Set by another thread: nobody wants to know any more.
        self.abandoned = False
        self._downloads = downloads
        self._whole = whole, digest
        self._folder = self._file = -1
        self._finished: str | None = None
        self._hash = hashlib.sha256()

    @property
    def is_open(self) -> bool:
        return self._file >= 0

    def open(self) -> None:
        """Find what was left, or begin anew where that is not there. Raises NoDownloads or FileFailed."""
        self._folder = self._downloads.folder()
        try:
            self._file = self._find()
            if self._file < 0:
                self._begin()
        except OSError as error:
            self.shut()
            raise failed(f"no file can be created in the folder peer.downloads: {error.strerror}") from None
        except BaseException:
            self.shut()
            raise

    def write(self, data: bytes) -> None:
        """Append ``data``; on FileFailed nothing of it was appended."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.pwrite(self._file, rest, self.size + len(data) - len(rest)):]
            written = self._hash.copy()
            written.update(data)
            if self._downloads.durable and self.size + len(data) - self.on_disk.size >= FLUSH_EVERY:
                os.fsync(self._file)
                self.on_disk = OnDisk(self.on_disk.place, self.size + len(data), written.digest())
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, self.size)
            raise failed(f"the file cannot be written: {error.strerror}",
                          "Free some space on the disk, then accept the file again. The transfer continues where it "
                         "stopped.") from None
        self._hash = written
        self.size += len(data)

    def finish(self, name: str, digest: bytes) -> str:
        """Give the file a name that no other has, and return it; raises HashMismatch or FileFailed.

        The hidden name stays until it is closed: whoever finds both after a restart knows that it was finished."""
        if self._hash.digest() != digest:
            raise HashMismatch
        try:
            os.fsync(self._file)
            self._finished = self._other_name() or self._link(name)
            os.fsync(self._folder)
        except OSError as error:
            raise failed(f"the file could not be given its name: {error.strerror}") from None
        return self._finished

    def close(self, *, wanted: bool) -> None:
        """Close it; unless it was finished and is ``wanted``, nothing of it stays."""
        if self._folder < 0:
            with suppress(FileFailed, NoDownloads):
                self._folder = self._downloads.folder()
        if self._folder >= 0:
            gone = [self.on_disk.place, None if wanted else self._finished]
            for name in filter(None, gone):
                with suppress(OSError):
                    os.unlink(name, dir_fd=self._folder)
        self.shut()

    def shut(self) -> None:
        """Close it, and leave it as it is."""
        for descriptor in (self._file, self._folder):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._folder = -1

    # -- inside ---------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        name = self._downloads.new_name()
        self._file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600, dir_fd=self._folder)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._hash = hashlib.sha256()
        self.size, self.on_disk = 0, OnDisk(name, 0, self._hash.digest())

    def _find(self) -> int:
        """Return a descriptor of what was left, cut to what is sure, or -1 where that is not there; then it is gone."""
        name = self.on_disk.place
        if not _PARTIAL.fullmatch(name):
            return -1
        file = -1
        with suppress(FileNotFoundError):
            if stat.S_ISREG(os.stat(name, dir_fd=self._folder, follow_symlinks=False).st_mode):
                file = os.open(name, os.O_RDWR | _FLAGS, dir_fd=self._folder)
        try:
            if file >= 0:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if file >= 0 and self._is_what_was_left(file):
                found, file = file, -1
                return found
        finally:
            if file >= 0:
                os.close(file)
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._folder)
        return -1

    def _is_what_was_left(self, file: int) -> bool:
        status, (whole, digest) = os.fstat(file), self._whole
        found = self._hash_of(file, 0, self.on_disk.size, hashlib.sha256())
        if status.st_size < self.on_disk.size or found.digest() != self.on_disk.digest:
            return False
        if status.st_size == whole:
            complete = self._hash_of(file, self.on_disk.size, whole, found.copy())
            if complete.digest() == digest:
                os.fsync(file)
                self.size, self._hash = whole, complete
                self.on_disk = OnDisk(self.on_disk.place, whole, digest)
                return True
        if status.st_nlink > 1:  # somebody has taken a copy of it, which is not to be changed
            return False
        os.ftruncate(file, self.on_disk.size)
        self.size, self._hash = self.on_disk.size, found
        return True

    def _hash_of(self, file: int, begin: int, end: int, into: _Into) -> _Into:
        while begin < end:
            block = os.pread(file, min(_BLOCK, end - begin), begin)
            if not block or self.abandoned:
                break
            into.update(block)
            begin += len(block)
        if self.abandoned:
            raise failed("the transfer was cancelled")
        return into

    def _other_name(self) -> str | None:
        """Return the name that this file was given before a restart, if it was."""
        status = os.fstat(self._file)
        if status.st_nlink < 2:
            return None
        with os.scandir(self._folder) as entries:
            return next((entry.name for entry in entries
                         if entry.inode() == status.st_ino and entry.name != self.on_disk.place), None)

    def _link(self, name: str) -> str:
        for candidate in alternatives(name):
            with suppress(FileExistsError):
                os.link(self.on_disk.place, candidate, src_dir_fd=self._folder, dst_dir_fd=self._folder)
                return candidate
        raise AssertionError("alternatives never end")


def _remove_if_left(path: Path) -> None:
    with suppress(OSError):
        file = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
        finally:
            os.close(file)


def failed(message: str, remedy: str | None = None) -> FileFailed:
    """Return the error, with its own remedy where it has one."""
    return FileFailed(message, remedy=remedy)
