"""The control socket's place in the file system: its folder, its lock, and what a daemon that died left there."""

from __future__ import annotations

import fcntl
import grp
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from whisperd import unix_sockets
from whisperd.errors import ConfigError, DaemonRunning

SOCKET_MODE = 0o660
_FOLDER_MODE = stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP


@contextmanager
def private_umask() -> Iterator[None]:
    """Let whatever is created meanwhile be its owner's alone."""
    before = os.umask(0o177)
    try:
        yield
    finally:
        os.umask(before)


class SocketPlace:
    """Claims the path of a control socket for one daemon, until it is released.

    ``group`` is the name or number of the group that owns the socket; empty: the daemon's own. ConfigError when there
    is no such group.
    """

    def __init__(self, path: str, group: str = "") -> None:
        self.path = Path(path)
        self.group = group_id(group)
        self._lock: int | None = None

    def claim(self) -> None:
        """Make the folder, take the lock, clear away a dead daemon's socket.

        Raises DaemonRunning when another daemon has it, ConfigError when the place cannot be used.
        """
        try:
            self.make_folder()
            self._take_lock()
        except OSError as error:
            raise _unusable(self.path, error) from None
        try:
            self._clear()
        except BaseException:
            self.release()
            raise

    def hand_over(self) -> None:
        """Give the bound socket to the group, and open it to the group."""
        try:
            if self.group is not None:
                os.chown(self.path, -1, self.group)
            os.chmod(self.path, SOCKET_MODE)
        except PermissionError:
            raise ConfigError("the control socket could not be assigned to control.group",
                              remedy="Add the daemon's user to that group.") from None

    def release(self) -> None:
        """Give the place up: remove the lock file. The socket itself is removed by whoever listened on it."""
        if self._lock is not None:
            with suppress(OSError):
                os.unlink(self._lock_path)
            os.close(self._lock)
            self._lock = None

    def make_folder(self) -> None:
        """Make the folder where it is missing; raises ConfigError when it cannot be made or is open to everybody."""
        folder = self.path.parent
        try:
            if not folder.exists():
                self._make(folder)
            _not_open_to_all(folder)
        except OSError as error:
            raise _unusable(self.path, error) from None

    def preflight(self) -> None:
        """Raise ConfigError for what could be seen to be in the way, and make nothing."""
        try:
            if self.path.parent.exists():
                _not_open_to_all(self.path.parent)
            self._found()
        except OSError as error:
            raise _unusable(self.path, error) from None

    def _make(self, folder: Path) -> None:
        before = os.umask(0o077)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        finally:
            os.umask(before)
        if self.group is not None:
            os.chown(folder, -1, self.group)
            os.chmod(folder, _FOLDER_MODE)

    @property
    def _lock_path(self) -> Path:
        return self.path.with_name(self.path.name + ".lock")

    def _take_lock(self) -> None:
        while self._lock is None:
            lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                raise _taken(self.path) from None
            if _same_file(lock, self._lock_path):
                self._lock = lock
            else:  # removed by a daemon that stopped between our two calls
                os.close(lock)

    def _clear(self) -> None:
        """Remove a socket that nobody answers on."""
        try:
            if self._found():
                unix_sockets.remove_stale(self.path)
        except unix_sockets.InUse:
            raise _taken(self.path) from None
        except OSError as error:
            raise _unusable(self.path, error) from None

    def _found(self) -> bool:
        """Return whether there is a socket already; raises ConfigError when there is something else, OSError."""
        try:
            return unix_sockets.is_there(self.path)
        except unix_sockets.NotASocket:
            raise ConfigError(f"{self.path} exists and is not a socket",
                              remedy="Move it away, or set control.socket to another path.") from None


def _not_open_to_all(folder: Path) -> None:
    mode = folder.stat().st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise ConfigError(f"anybody could replace the control socket, because everybody may write to {folder}",
                          remedy="Remove the write permission for others, or set control.socket to another path.")


def _same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def group_id(group: str, key: str = "group") -> int | None:
    """Return the number of a group that is named by name or number, None for none; raises ConfigError."""
    if not group:
        return None
    if group.isdecimal():
        return int(group)
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise ConfigError(f"control.{key} names the group {group}, which does not exist",
                          remedy=f"Create it ('addgroup --system NAME'), or leave control.{key} empty.") from None


def _taken(path: Path) -> DaemonRunning:
    return DaemonRunning(f"another daemon already serves {path}")


def _unusable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(f"the control socket {path} could not be created: {error.strerror}",
                       remedy="Set control.socket or WHISPERD_SOCKET to a place that this user may write to.")
