"""The place of a unix socket that is to be made: whether one is there already, and whether anybody answers on it."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

#: Seconds that whoever listens there has to accept.
_ANSWER_SECONDS = 1.0


class NotASocket(Exception):
    """Something else is at the path."""


class InUse(Exception):
    """Somebody answers there; or nobody can tell, because of ``error``."""

    def __init__(self, error: OSError | None = None) -> None:
        super().__init__()
        self.error = error


def is_there(path: Path, *, follow_symlinks: bool = False) -> bool:
    """Return whether there is a unix socket; raises NotASocket for anything else, OSError."""
    try:
        mode = os.stat(path, follow_symlinks=follow_symlinks).st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISSOCK(mode):
        raise NotASocket
    return True


def remove_stale(path: Path) -> None:
    """Remove a socket that nobody answers on; raises InUse, and OSError where it cannot be removed."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_ANSWER_SECONDS)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            pass
        except OSError as error:
            raise InUse(error) from None
        else:
            raise InUse
    path.unlink(missing_ok=True)
