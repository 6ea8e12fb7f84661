"""The folder of a launched tor's sockets, which a daemon that was killed leaves behind and the next one removes."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from whisperd.errors import ConfigError

#: A folder belongs to a running daemon for as long as this file in it is locked.
_LOCK = "lock"
_PREFIX = "tor-"
#: Bytes of a unix socket's path.
_MAX = 107
_IN_MEMORY = ("tmpfs", "ramfs")
#: Those of this process that are still there.
_held: set[SocketsFolder] = set()


class SocketsFolder:
    """A new folder, mode 0700, below ``runtime`` (None or one that cannot be used: the temporary folder).

    Those of daemons that run no more are removed first. Raises ConfigError when one can be made nowhere.
    """

    def __init__(self, runtime: Path | None) -> None:
        for parent in (runtime, _temporary()):
            if parent is not None:
                with suppress(OSError):
                    clear(parent)
                    if self._made(parent):
                        return
        raise ConfigError("there is no suitable folder for tor's sockets",
                          remedy="Set TMPDIR to a folder with a short path that this user may write to.")

    def remove(self) -> None:
        """Remove the folder with what is in it, keys of onion services included. It neither raises nor logs, and what
        a process that is killed meanwhile has left is found by the next."""
        _remove(self.path)
        if self in _held:
            _held.discard(self)
            with suppress(OSError):
                os.close(self._lock)

    def _made(self, parent: Path) -> bool:
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        if len(os.fsencode(self.path / "control")) > _MAX:
            self.path.rmdir()
            return False
        new = self.path / f"{_LOCK}.new"
        self._lock = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        new.rename(self.path / _LOCK)  # never seen unlocked by another daemon
        _held.add(self)
        return True


def _temporary() -> Path | None:
    """Return the temporary folder, None where there is none that can be written to."""
    try:
        return Path(tempfile.gettempdir())
    except OSError:
        return None


def in_memory(path: Path) -> bool:
    """Return whether what is written to ``path`` reaches no disk, but for swap."""
    try:
        device = os.stat(path).st_dev
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    number = f"{os.major(device)}:{os.minor(device)}"
    kinds = {line.partition(" - ")[2].split(" ")[0] for line in mounts if line.split(" ")[2:3] == [number]}
    return bool(kinds) and kinds <= set(_IN_MEMORY)


def remove_all() -> None:
    """Remove every folder that this process has made and that is still there, as its last act; as ``remove``."""
    for folder in list(_held):
        folder.remove()


def clear(parent: Path) -> None:
    """Remove the folders below ``parent`` that daemons of this user made and that no running daemon holds."""
    with suppress(OSError):
        for folder in parent.glob(f"{_PREFIX}*"):
            with suppress(OSError):
                if not folder.is_symlink() and folder.stat().st_uid == os.geteuid() and _abandoned(folder / _LOCK):
                    _remove(folder)


def clear_all(runtime: Path) -> None:
    """Remove them wherever a daemon with this folder of its control socket may have put them; neither raises nor
    logs."""
    clear(runtime)
    with suppress(OSError):
        clear(Path(tempfile.gettempdir()))


def _remove(folder: Path) -> None:
    """Remove the lock last: without it nobody could tell that the folder was abandoned."""
    with suppress(OSError):
        for path in folder.iterdir():
            if path.name == _LOCK:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    path.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def _abandoned(lock: Path) -> bool:
    descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
