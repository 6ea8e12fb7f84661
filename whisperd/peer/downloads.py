"""The disk's side of files: one folder for what comes in, open descriptors for what goes out. Every call may block.

What comes in is a hidden partial file, mode 0600 and locked, until the whole of it is there; then it gets its name,
and never that of another file. Paths of the other side are never followed: names are used inside of the folder only.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path

from whisperd.errors import FileFailed, HashMismatch, NoDownloads
from whisperd.interfaces import Random
from whisperd.peer.filenames import alternatives

_PREFIX, _SUFFIX = ".whisperd-", ".part"
_BLOCK = 1 << 20


class Downloads:
    """The folder that ``peer.downloads`` names; empty: none, and nothing can be accepted."""

    def __init__(self, folder: str, random: Random = os.urandom) -> None:
        self._folder = folder
        self._random = random

    def check(self) -> None:
        """Raise NoDownloads when no folder is configured."""
        if not self._folder:
            raise NoDownloads

    def sweep(self) -> None:
        """Remove the partial files that a daemon left which was killed; those of a living one are locked."""
        if not self._folder or not os.path.isdir(self._folder):
            return
        with suppress(OSError):
            for path in Path(self._folder).glob(f"{_PREFIX}*{_SUFFIX}"):
                _remove_if_left(path)

    def open(self) -> Partial:
        """Begin a file; raises NoDownloads, or FileFailed when the folder cannot be written to."""
        self.check()
        try:
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise _failed(f"the folder of peer.downloads cannot be opened: {error.strerror}") from None
        try:
            return Partial(folder, f"{_PREFIX}{self._random(8).hex()}{_SUFFIX}")
        except OSError as error:
            os.close(folder)
            raise _failed(f"no file can be made in the folder of peer.downloads: {error.strerror}") from None


class Partial:
    """A file that comes in. ``size`` is how much of it is written."""

    def __init__(self, folder: int, name: str) -> None:
        self.size = 0
        self._folder = folder
        self._name = name
        self._kept: str | None = None
        self._hash = hashlib.sha256()
        self._file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600,
                             dir_fd=folder)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def write(self, data: bytes) -> None:
        """Append ``data``; on FileFailed nothing of it was appended."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.pwrite(self._file, rest, self.size + len(data) - len(rest)):]
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, self.size)
            raise _failed(f"the file cannot be written: {error.strerror}",
                          "Make room on the disk, then accept the file again: it goes on where it stopped.") from None
        self._hash.update(data)
        self.size += len(data)

    def keep(self, name: str, digest: bytes) -> str:
        """Give the file a name that no other has, and return it; raises HashMismatch or FileFailed."""
        if self._hash.digest() != digest:
            raise HashMismatch
        try:
            os.fsync(self._file)
            self._kept = self._link(name)
            os.unlink(self._name, dir_fd=self._folder)
            os.fsync(self._folder)
        except OSError as error:
            raise _failed(f"the file cannot be given its name: {error.strerror}") from None
        return self._kept

    def close(self, *, wanted: bool) -> None:
        """Close it; unless it was kept and is ``wanted``, nothing of it stays."""
        if self._file < 0:
            return
        if not (wanted and self._kept):
            for name in filter(None, (self._name, self._kept)):
                with suppress(OSError):
                    os.unlink(name, dir_fd=self._folder)
        os.close(self._file)
        os.close(self._folder)
        self._file = -1

    def _link(self, name: str) -> str:
        for candidate in alternatives(name):
            with suppress(FileExistsError):
                os.link(self._name, candidate, src_dir_fd=self._folder, dst_dir_fd=self._folder)
                return candidate
        raise AssertionError("alternatives never end")


class Source:
    """A file that goes out: its own copy of a descriptor that whoever sends it opened.

    Raises FileFailed for a descriptor that cannot be read or is of no plain file.
    """

    def __init__(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise _failed("only plain files can be sent", "Pack a folder into an archive first.")
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY:
            raise _failed("the file is not open for reading")
        self.size = status.st_size
        self._file = os.dup(descriptor)

    def digest(self) -> bytes:
        """Return the SHA-256 of the whole; raises FileFailed."""
        found, offset = hashlib.sha256(), 0
        while offset < self.size:
            block = self.read(offset, min(_BLOCK, self.size - offset))
            if not block:
                raise _failed("the file became shorter while it was read")
            found.update(block)
            offset += len(block)
        return found.digest()

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes at ``offset``, fewer than ``size`` at the end only; raises FileFailed."""
        try:
            return os.pread(self._file, size, offset)
        except OSError as error:
            raise _failed(f"the file cannot be read: {error.strerror}") from None

    def close(self, *, wanted: bool = False) -> None:
        """Close it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _remove_if_left(path: Path) -> None:
    with suppress(OSError):
        file = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
        finally:
            os.close(file)


def _failed(message: str, remedy: str | None = None) -> FileFailed:
    return FileFailed(message, remedy=remedy)
