"""What keeps the confinement from being whole on this machine: each with the reason that is known, and its remedy."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from whisperd.confine import landlock

_ALLOW = ("Let the filter of system calls around it, as a container's seccomp profile, allow landlock_create_ruleset, "
          "landlock_add_rule and landlock_restrict_self.")
_NEWER = "Use Linux 6.2 or later with CONFIG_SECURITY_LANDLOCK."
_PREFER = "Or set daemon.sandbox = 'prefer'."


@dataclass(frozen=True)
class Obstacle:
    """One thing that is missing: ``what`` in half a sentence, and one or two whole ones that mend it."""

    what: str
    remedy: str


def obstacles(library: ctypes.CDLL | None) -> list[Obstacle]:
    """Return what is missing before anything is tried; ``library`` is libseccomp, or None where it is not installed."""
    found = list(_landlock())
    if not library:
        found.append(Obstacle("libseccomp is not installed", "Install libseccomp2."))
    return found


def _landlock() -> Iterator[Obstacle]:
    try:
        abi = landlock.abi()
    except OSError as error:
        yield no_landlock(error)
        return
    if abi < landlock.COMPLETE:
        yield Obstacle("this kernel's Landlock does not keep files from being cut short", "Use Linux 6.2 or later.")
    try:
        threads = len(os.listdir("/proc/self/task"))
    except OSError as error:
        yield Obstacle(f"/proc cannot be read, so that nobody knows of other threads ({error.strerror})",
                       "Mount /proc, and let the daemon read what it says of itself.")
        return
    if threads > 1:
        yield Obstacle("other threads were running already", "Start it as a program of its own.")


def no_landlock(error: OSError) -> Obstacle:
    """Return what the kernel's refusal to tell its version of Landlock means. [landlock_create_ruleset(2), ERRORS]"""
    if error.errno == errno.EOPNOTSUPP:
        return Obstacle("Landlock is switched off in this kernel", "Start the machine with 'lsm=landlock,' and what "
                        "/sys/kernel/security/lsm has, on the kernel's command line.")
    if error.errno != errno.ENOSYS:
        return Obstacle(f"a filter of system calls denies Landlock ({error.strerror})", _ALLOW)
    if filtered():
        return Obstacle("this kernel has no Landlock, or the filter of system calls around the daemon hides it",
                        f"{_NEWER} {_ALLOW}")
    return Obstacle("this kernel has no Landlock", _NEWER)


def filtered() -> bool:
    """Return whether a filter of system calls is in force for this process already. [proc_pid_status(5), Seccomp]"""
    with suppress(OSError):
        return "\nSeccomp:\t2\n" in Path("/proc/self/status").read_text()
    return False


def whats(found: list[Obstacle]) -> str:
    """Return what is missing, in one line; empty where nothing is."""
    return "; ".join(each.what for each in found)


def remedies(found: list[Obstacle], *, required: bool = False) -> str:
    """Return what mends it, each sentence once."""
    return " ".join(dict.fromkeys([*(each.remedy for each in found), *([_PREFER] if found and required else [])]))
