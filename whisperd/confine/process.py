"""What every process of whisperd forbids itself at start, before it holds any secret.

No core dump, no attaching by other processes of the same user, no new privileges through set-uid programs.
"""

from __future__ import annotations

import ctypes
import os
import resource

_PR_GET_DUMPABLE = 3
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_PR_GET_NO_NEW_PRIVS = 39


def harden() -> None:
    """Switch off core dumps, ptrace by the same user and gaining privileges; files are created for the owner only."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(0o077)
    _prctl(_PR_SET_DUMPABLE, 0)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def facts() -> dict[str, bool]:
    """Return what is in force in this process now, as the kernel says."""
    return {
        "no_new_privileges": _prctl(_PR_GET_NO_NEW_PRIVS) == 1,
        "no_core_dump": resource.getrlimit(resource.RLIMIT_CORE) == (0, 0),
        "no_tracing": _prctl(_PR_GET_DUMPABLE) == 0,
    }


def _prctl(option: int, value: int = 0) -> int:
    """Call prctl(2); -1 where there is none, as outside of Linux."""
    prctl = getattr(ctypes.CDLL(None, use_errno=True), "prctl", None)
    return -1 if prctl is None else int(prctl(option, value, 0, 0, 0))
