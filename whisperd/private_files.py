"""Files that only their owner may read, written in one step: after a crash there is the whole file or the one before.

Everything here raises OSError; callers say which file of theirs it was and what to do.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

#: Bytes that are read of a file at most.
MAX_SIZE = 65_536


class OthersMayRead(OSError):
    """The file's mode lets others than its owner read or write it."""


def read(path: Path, limit: int = MAX_SIZE) -> bytes | None:
    """Return the first ``limit`` bytes of a file of mode 0600 or stricter, None when there is none.

    Raises OthersMayRead or another OSError."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(limit)
    except FileNotFoundError:
        return None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise OthersMayRead(f"other users than its owner may read {path}")
    return content


def write(path: Path, content: bytes, *, make_folder: bool = True) -> None:
    """Write a file of mode 0600, and with ``make_folder`` its folder (0700) where it lacks, both on the disk on return.
    Raises OSError."""
    beside = path.with_name(f".{path.name}.new")  # always the same: what a killed writer left goes with the next write
    if make_folder:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        beside.unlink()
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        sync_folder(path.parent)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise


def remove(path: Path) -> None:
    """Remove a file, if it is there, and have the disk know. Raises OSError."""
    path.unlink(missing_ok=True)
    if path.parent.is_dir():
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have what was renamed or removed in ``folder`` on the disk on return. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
