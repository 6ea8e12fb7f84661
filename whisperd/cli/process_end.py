"""A process of somebody else: whether it has ended."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from contextlib import contextmanager

from whisperd.errors import TimedOut


class Watched:
    """A process, by its descriptor; None for one that cannot be seen from here."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def wait_ended(self, seconds: float) -> None:
        """Return when it has ended, at once if it cannot be seen; raises TimedOut."""
        if self._descriptor is None:
            return
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        if not poll.poll(max(seconds, 0.0) * 1_000):
            raise TimedOut


@contextmanager
def watched(pid: int) -> Iterator[Watched]:
    """Hold on to a process that runs now, so that no later one with its number is taken for it. [pidfd_open(2)]"""
    try:
        descriptor = os.pidfd_open(pid) if pid > 0 else None
    except OSError:  # another container, or a filter of system calls
        descriptor = None
    try:
        yield Watched(descriptor)
    finally:
        if descriptor is not None:
            os.close(descriptor)
