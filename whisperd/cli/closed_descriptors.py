"""Descriptors 0, 1 and 2: whoever starts a program may have closed them."""

from __future__ import annotations

import fcntl
import os


def occupy() -> None:
    """Keep descriptors 0 to 2 from becoming a socket or a file of the program, where they were closed.

    They can still be neither read nor written. [open(2), O_PATH]
    """
    while (descriptor := os.open("/", os.O_PATH | os.O_CLOEXEC)) <= 2:  # the lowest that is free
        pass
    os.close(descriptor)


def was_closed(descriptor: int) -> bool:
    """Return whether a descriptor is closed, or was until it was occupied."""
    try:
        return bool(fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_PATH)
    except OSError:
        return True
