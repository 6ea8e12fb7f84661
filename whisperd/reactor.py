"""The reactor that the daemon runs on: Twisted's for epoll, with less around each event.

Nothing here logs with a context, so none is set up for each event; and Twisted's timers are only gone through when one
is due or something was planned. Together these are a fifth of what a short message costs the relay.

Twisted's timers go by the clock that administrators and NTP set: set back by a day, nothing that was planned happens
for a day. Here they go by one that nobody sets.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import time
from collections.abc import Callable
from select import EPOLLIN, EPOLLOUT
from typing import Any

from twisted.internet.base import DelayedCall
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.main import installReactor
from twisted.python import log

_BOTH = EPOLLIN | EPOLLOUT


class Alarm:
    """A timer that epoll can wait for: set seldom, where each wait with an end of its own would set one anew.
    [timerfd_create(2)]"""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.number = self._libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self.number < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")

    def set(self, seconds: float) -> None:
        """Become readable in so many seconds, or not at all with 0; not readable until then."""
        whole, part = divmod(max(int(seconds * 1e9), 1 if seconds else 0), 1_000_000_000)
        self._libc.timerfd_settime(self.number, 0, (ctypes.c_long * 4)(0, 0, whole, part), None)


def steady(begun: float = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)) -> float:
    """Return unix seconds as the clock had them when this process began, grown by what has passed since.

    It goes on while the machine sleeps, and does not follow a clock that is set later.
    """
    return begun + time.clock_gettime(time.CLOCK_BOOTTIME)


class QuietReactor(EPollReactor):
    """Twisted's epoll reactor; an exception of a connection ends that connection, as it does there."""

    seconds = staticmethod(steady)
    _planned = False  # since the last wait: Twisted's own loop has to go round

    def __init__(self) -> None:
        super().__init__()
        self._alarm = Alarm()
        self._poller.register(self._alarm.number, EPOLLIN)

    def callLater(self, delay: float, callable: Callable[..., object], *args: object, **kw: object) -> DelayedCall:
        self._planned = True
        return super().callLater(delay, callable, *args, **kw)

    def stop(self) -> None:
        self._planned = True
        super().stop()

    def _moveCallLaterSooner(self, delayedCall: DelayedCall) -> None:
        self._planned = True
        super()._moveCallLaterSooner(delayedCall)

    def doPoll(self, timeout: float | None) -> None:
        """Handle events as they come, until ``timeout`` seconds are over or the loop around has something to do."""
        self._planned, poll, selectables = False, self._poller.poll, self._selectables
        wait = 0 if timeout == 0 else -1
        self._alarm.set(timeout or 0)
        while True:
            try:
                events = poll(wait, len(selectables) + 1)
            except InterruptedError:
                return
            for number, event in events:
                selectable = selectables.get(number)  # an event before this one may have closed it
                if selectable is None:
                    self._planned = self._planned or number == self._alarm.number
                    continue
                try:
                    if event & _BOTH == EPOLLIN:
                        why = selectable.doRead()
                    else:
                        why = self._doReadOrWrite(selectable, number, event)
                except BaseException:
                    why = sys.exc_info()[1]
                    log.err()
                if why:
                    self._end(selectable, why)
            if self._planned or self.threadCallQueue or not wait or not self.running:
                return

    doIteration = doPoll

    def forget(self, number: int) -> None:
        """Handle no event of a file that is closed next: epoll forgets it by itself then."""
        self._reads.discard(number)
        self._writes.discard(number)
        self._selectables.pop(number, None)

    def _end(self, selectable: Any, why: Any) -> None:
        try:
            self._disconnectSelectable(selectable, why, True)
        except Exception:
            log.err()


def install() -> None:
    """Make it the reactor of this process, unless there is one already, and have the collector look less often.

    A connection that is gone leaves no cycle behind (a test holds it to that), so there is little to collect.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    if "twisted.internet.reactor" not in sys.modules:
        installReactor(QuietReactor())
