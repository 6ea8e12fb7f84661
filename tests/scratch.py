"""One folder below /tmp for a whole run of the tests, which any user may enter and which goes with the run.

The process that begins a run makes it, and those that test side by side find it. What a run that was killed has left is
removed by the next one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

_VARIABLE = "FOLDER_OF_THIS_RUN_OF_TESTS"
_PREFIX = "whisperd-run-"


class Scratch:
    """The folder of a run, for the process that began it. It is locked, so that others know that it is in use."""

    def __init__(self) -> None:
        beginning = os.open(tempfile.gettempdir(), os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(beginning, fcntl.LOCK_EX)  # or another run would find a folder that is not locked yet
            for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
                _remove_if_left(path)
            self._path = Path(tempfile.mkdtemp(prefix=_PREFIX))
            self._lock = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        finally:
            os.close(beginning)
        self._path.chmod(0o755)
        os.environ[_VARIABLE] = str(self._path)

    def remove(self) -> None:
        """Remove it, with all that lies in it."""
        _remove(self._path)
        os.close(self._lock)
        del os.environ[_VARIABLE]


def scratch() -> Path:
    """Return the folder of this run."""
    return Path(os.environ[_VARIABLE])


def new_folder(name: str, below: Path | None = None) -> Path:
    """Return a new folder in that of this run, or ``below`` another, which any user may enter."""
    made = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=below or scratch()))
    made.chmod(0o755)
    return made


def _remove_if_left(path: Path) -> None:
    """Remove the folder of a run that is no more: nobody has locked it."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:  # it has just been removed, or is somebody else's
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(path)
    except BlockingIOError:
        pass
    finally:
        os.close(lock)


def _remove(path: Path) -> None:
    for mounted in Path("/proc/self/mounts").read_text().splitlines():
        if (place := mounted.split()[1]).startswith(f"{path}/"):
            subprocess.run(["umount", "--lazy", place], check=False)
    shutil.rmtree(path, ignore_errors=True)
