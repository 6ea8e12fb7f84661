"""Standard output and standard error of a daemon, written by threads: whoever writes there never waits or fails.

A reader that is gone, a reader that does not read, a stopped terminal, a terminal that hung up, a full disk, a slow
journal: the daemon goes on. What finds no room is dropped and counted, and the count stands where lines are missing.
The descriptors stay as they were given, because other processes share them: O_NONBLOCK would change them for all.
"""

from __future__ import annotations

import atexit
import io
import os
import select
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue

#: Maximum number of writes that wait for a reader.
MAX_WAITING = 1_000
#: Seconds that a process which ends gives a reader for what still waits.
SETTLE_SECONDS = 2.0


class Outlet(io.TextIOBase):
    """A text stream on ``descriptor``. ``lost(lines)`` returns the line that says how many lines are missing.

    It may be written to by any thread and by a destructor: nothing here takes a lock of its own.
    """

    def __init__(self, descriptor: int, encoding: str, lost: Callable[[int], str] = lambda lines: "") -> None:
        self._descriptor = descriptor
        self._encoding = encoding
        self._lost = lost
        self._waiting: SimpleQueue[bytes | threading.Event] = SimpleQueue()
        self._dropped = 0  # lines for which there was no room
        self._failed = 0  # lines that could not be written
        self._torn = False  # the last line that was written is not whole
        self._begun = self._threaded = False

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """What text is encoded in; what that lacks is written as an escape."""
        return self._encoding

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, text: str) -> int:
        """Have ``text`` written soon, if there is room; never raises."""
        data = text.encode(self._encoding, "backslashreplace")
        if self._waiting.qsize() >= MAX_WAITING:
            self._dropped += data.count(b"\n")
        else:
            if self._dropped:
                self._waiting.put(self._mark())
            self._waiting.put(data)
        if not self._begun:
            self._begin()
        if not self._threaded:
            self._write_what_can_be()
        return len(text)

    def settle(self, seconds: float = SETTLE_SECONDS) -> bool:
        """Wait at most ``seconds`` until all is written; return whether it is."""
        if not self._threaded:
            return self._waiting.empty()
        written = threading.Event()
        self._waiting.put(written)
        return written.wait(seconds)

    def _begin(self) -> None:
        self._begun = True
        with suppress(RuntimeError, MemoryError):  # the system lets this user have no more threads
            threading.Thread(target=self._work, name="outlet", daemon=True).start()
            self._threaded = True

    def _work(self) -> None:
        while True:
            self._take(self._waiting.get())
            if self._dropped and self._waiting.empty():
                self._put(self._mark())

    def _write_what_can_be(self) -> None:
        """Without a thread: write for as long as that does not wait."""
        while not self._waiting.empty() and _ready(self._descriptor, 0):
            self._take(self._waiting.get())

    def _take(self, item: bytes | threading.Event) -> None:
        if isinstance(item, threading.Event):
            item.set()
        else:
            self._put(item)

    def _mark(self) -> bytes:
        lines, self._dropped = self._dropped, 0
        return self._lost(lines).encode(self._encoding, "backslashreplace")

    def _put(self, data: bytes) -> None:
        """Write, and wait for as long as that takes; what fails is counted, and told before what works next."""
        lines = data.count(b"\n")
        if self._failed:
            told = self._lost(self._failed).encode(self._encoding, "backslashreplace")
            data = (b"\n" if self._torn else b"") + told + data
        try:
            while data:
                data = data[_written(self._descriptor, data):]
                self._torn = bool(data)
        except OSError:
            self._failed += lines
        else:
            self._failed = 0


def _written(descriptor: int, data: bytes) -> int:
    while True:
        try:
            return os.write(descriptor, data)
        except BlockingIOError:  # somebody else who has it open has made it so
            _ready(descriptor, None)


def _ready(descriptor: int, seconds: float | None) -> bool:
    """Return whether a write would not wait; what it would fail with counts as ready."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(None if seconds is None else 1_000 * seconds))


def take_over(lost: Callable[[int], str]) -> None:
    """Have all that this process writes to its standard streams go through outlets from now on.

    ``lost(lines)`` is the line on standard error that says how many are missing there.
    """
    out, err = Outlet(1, _encoding(sys.stdout)), Outlet(2, _encoding(sys.stderr), lost)
    sys.stdout, sys.stderr = out, err
    atexit.register(err.settle)
    atexit.register(out.settle)


def say(text: str, seconds: float = SETTLE_SECONDS) -> None:
    """Write ``text`` to standard error as the last that a program says there, and wait at most ``seconds`` for it."""
    stream = sys.stderr if isinstance(sys.stderr, Outlet) else Outlet(2, _encoding(sys.stderr))
    stream.write(text)
    stream.settle(seconds)


def _encoding(stream: object) -> str:
    return getattr(stream, "encoding", None) or "ascii"
