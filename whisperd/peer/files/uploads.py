"""The disk's side of files that go out: open descriptors. Every call may block.

After a restart a file is found again by the path that its descriptor had, and is sent if it still is what was offered.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
from collections.abc import Callable
from contextlib import suppress

from whisperd.errors import FileChanged
from whisperd.peer.files.downloads import failed

_BLOCK = 1 << 20


class UploadSource:
    """A file that goes out: its own copy of a descriptor that whoever sends it opened.

    Raises FileFailed for a descriptor that cannot be read or is of no plain file.
    """

    def __init__(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise failed("only regular files can be sent", "Pack a folder into an archive first.")
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY:
            raise failed("the file is not open for reading")
        self.size = status.st_size
        self.abandoned = False
        self._file = os.dup(descriptor)

    def place(self) -> str:
        """Return the path by which Left finds this file, empty where there is none."""
        with suppress(OSError, ValueError):
            path = os.readlink(f"/proc/self/fd/{self._file}")
            path.encode()
            if os.path.samestat(os.lstat(path), os.fstat(self._file)):
                return path
        return ""

    def digest(self, wanted: Callable[[], bool] | None = None) -> bytes:
        """Return the SHA-256 of the whole; raises FileFailed, also when ``wanted`` says that nobody needs it."""
        found, offset = hashlib.sha256(), 0
        while offset < self.size:
            block = self.read(offset, min(_BLOCK, self.size - offset))
            if not block:
                raise failed("the file became shorter while it was being read")
            if wanted is not None and not wanted():
                raise failed("the transfer was cancelled")
            found.update(block)
            offset += len(block)
        return found.digest()

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes at ``offset``, fewer than ``size`` at the end only; raises FileFailed."""
        try:
            return os.pread(self._file, size, offset)
        except OSError as error:
            raise failed(f"the file cannot be read: {error.strerror}") from None

    def close(self, *, wanted: bool = False) -> None:
        """Close it."""
        self.shut()

    def shut(self) -> None:
        """Close it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class Left:
    """A file that was sent before a restart, of ``size`` bytes and this SHA-256: all that counts is that it still is.

    So nothing is read for the other side that whoever offered it has not had."""

    def __init__(self, place: str, size: int, digest: bytes) -> None:
        #: Set by another thread: nobody wants to know any more.
        self.abandoned = False
        self._place = place
        self._size = size
        self._digest = digest

    def open(self) -> UploadSource:
        """Return the file; raises FileFailed, or FileChanged when it is not what it was."""
        if not self._place:
            raise failed("the file has no path at which the daemon could find it after a restart", "Send it again.")
        try:
            descriptor = os.open(self._place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except (OSError, ValueError) as error:
            raise failed(f"the file cannot be opened again: {getattr(error, 'strerror', error)}",
                         "Send it again.") from None
        try:
            source = UploadSource(descriptor)
        finally:
            os.close(descriptor)
        try:
            if source.size != self._size or source.digest(lambda: not self.abandoned) != self._digest:
                raise FileChanged
        except BaseException:
            source.close()
            raise
        return source

    def close(self, *, wanted: bool = False) -> None:
        """There is nothing to close."""

    def shut(self) -> None:
        """There is nothing to close."""
