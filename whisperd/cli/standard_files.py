"""Descriptors 0, 1 and 2: whoever starts a program may have closed them."""

from __future__ import annotations

import os


def occupy() -> None:
    """Keep descriptors 0 to 2 from becoming a socket or a file of the program, where they were closed.

    They can still be neither read nor written. [open(2), O_PATH]
    """
    while (descriptor := os.open("/", os.O_PATH | os.O_CLOEXEC)) <= 2:  # the lowest that is free
        pass
    os.close(descriptor)
