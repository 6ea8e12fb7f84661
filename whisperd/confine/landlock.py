"""Landlock: three system calls of Linux by which a process gives up writing and executing. [landlock(7)]

Reading is left alone: Python loads modules late, and tor reads its GeoIP files.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterable
from pathlib import Path

#: The first ABI that keeps files from being cut short as well (Linux 6.2).
COMPLETE = 3

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_GET_VERSION = 1
_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _REMOVE_DIR, _REMOVE_FILE = 1 << 0, 1 << 1, 1 << 4, 1 << 5
_MAKE_CHAR, _MAKE_DIR, _MAKE_REG, _MAKE_SOCK, _MAKE_FIFO, _MAKE_BLOCK, _MAKE_SYM = (1 << bit for bit in range(6, 13))
_REFER, _TRUNCATE, _DEVICE_IOCTL = 1 << 13, 1 << 14, 1 << 15
#: Sending signals to processes outside of this confinement.
_SCOPE_SIGNAL = 1 << 1

_BASIC = (_EXECUTE | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_CHAR | _MAKE_DIR | _MAKE_REG | _MAKE_SOCK
          | _MAKE_FIFO | _MAKE_BLOCK | _MAKE_SYM)
_ADDED_BY = {2: _REFER, 3: _TRUNCATE, 5: _DEVICE_IOCTL}
_FILE = _WRITE_FILE | _TRUNCATE
#: What is let be below a writable folder: no device, no symbolic link, nothing to execute.
_FOLDER = _FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _MAKE_SOCK


def abi() -> int:
    """Return the kernel's version of Landlock; raises OSError where it has none, or none that may be used."""
    return _checked(_call(_CREATE_RULESET, None, 0, _GET_VERSION))


def restrict(writable: Iterable[Path], programs: Iterable[Path], version: int) -> None:
    """Let this thread, and all that it starts, write below ``writable`` and execute ``programs``, nothing else.

    What does not exist is passed over. Raises OSError when the kernel refuses; no_new_privs has to be set.
    """
    handled = _handled(version)
    attributes = struct.pack("QQQ", handled, 0, _SCOPE_SIGNAL)[:_attribute_size(version)]
    ruleset = _checked(_call(_CREATE_RULESET, attributes, len(attributes), 0))
    try:
        for path in writable:
            _allow(ruleset, path, handled & (_FOLDER if path.is_dir() else _FILE))
        for path in programs:
            _allow(ruleset, path, _EXECUTE)
        _checked(_call(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)


def _handled(version: int) -> int:
    rights = _BASIC
    for since, added in _ADDED_BY.items():
        rights |= added if version >= since else 0
    return rights


def _attribute_size(version: int) -> int:
    """Return how many bytes of the attributes this kernel knows: files, then network, then scopes."""
    return 24 if version >= 6 else 16 if version >= 4 else 8


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        _checked(_call(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, place), 0))
    finally:
        os.close(place)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def _call(number: int, *arguments: int | bytes | None) -> int:
    """Make a system call; -1 on failure, with errno kept for ``ctypes.get_errno``. -1 outside of Linux, too."""
    syscall = getattr(ctypes.CDLL(None, use_errno=True), "syscall", None) if os.uname().sysname == "Linux" else None
    if syscall is None:
        ctypes.set_errno(errno.ENOSYS)
        return -1
    syscall.restype = ctypes.c_long
    plain = [ctypes.c_long(each) if isinstance(each, int) else ctypes.c_char_p(each) for each in arguments]
    return int(syscall(ctypes.c_long(number), *plain))
