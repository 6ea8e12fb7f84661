"""The reactor that the daemon runs on: Twisted's for epoll, with less around each event.

Nothing here logs with a context, so none is set up for each event; and Twisted's timers are only gone through when one
is due or something was planned. Together these are a fifth of what a short message costs the relay.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from select import EPOLLIN
from typing import Any

from twisted.internet.base import DelayedCall
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.main import installReactor
from twisted.python import log


class QuietReactor(EPollReactor):
    """Twisted's epoll reactor; an exception of a connection ends that connection, as it does there."""

    _planned = False  # since the last wait: Twisted's own loop has to go round

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
        self._planned = False
        due = None if timeout is None else self.seconds() + timeout
        while True:
            try:
                events = self._poller.poll(-1 if timeout is None else timeout, len(self._selectables))
            except InterruptedError:
                return
            for number, event in events:
                selectable = self._selectables.get(number)
                if selectable is not None:  # an event before this one may have closed it
                    self._handle(selectable, number, event)
            if self._planned or self.threadCallQueue or not events or not self.running:
                return
            if due is not None:
                timeout = due - self.seconds()
                if timeout <= 0:
                    return

    doIteration = doPoll

    def _handle(self, selectable: Any, number: int, event: int) -> None:
        try:
            if event != EPOLLIN:
                self._doReadOrWrite(selectable, number, event)
                return
            try:
                why = selectable.doRead()
            except BaseException:
                why = sys.exc_info()[1]
                log.err()
            if why:
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
