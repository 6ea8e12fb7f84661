"""The reactor that the daemon runs on: Twisted's for epoll, without a logging context around each event.

Nothing here logs with a context, and setting one up is a tenth of what a short message costs the relay.
"""

from __future__ import annotations

import sys
from select import EPOLLIN
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.main import installReactor
from twisted.python import log


class QuietReactor(EPollReactor):
    """Twisted's epoll reactor; an exception of a connection ends that connection, as it does there."""

    def doPoll(self, timeout: float | None) -> None:
        """Wait for events, ``timeout`` seconds at most, and handle them."""
        try:
            events = self._poller.poll(-1 if timeout is None else timeout, len(self._selectables))
        except InterruptedError:
            return
        for number, event in events:
            selectable = self._selectables.get(number)
            if selectable is not None:  # an event before this one may have closed it
                self._handle(selectable, number, event)

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
    """Make it the reactor of this process, unless there is one already."""
    if "twisted.internet.reactor" not in sys.modules:
        installReactor(QuietReactor())
