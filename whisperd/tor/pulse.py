"""Whether a tor that says nothing is still alive: a connection to one that hangs stays open for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import defer

from whisperd.tor.control import ControlConnection

#: Seconds between two questions, and that tor has for the answer.
INTERVAL = 30.0
TIMEOUT = 30.0


async def until_gone(control: ControlConnection, *, reactor: Any, alive: Callable[[], object] = lambda: None) -> None:
    """Return when the connection has ended; ask for a sign of life every INTERVAL until then, and call ``alive`` when
    it comes.

    Raises TorControlUnreachable, with the connection closed, when tor does not answer within TIMEOUT.
    """
    while not control.gone:
        try:
            await control.when_lost().addTimeout(INTERVAL, reactor)
        except defer.TimeoutError:
            await control.request("GETINFO version", TIMEOUT)
            alive()
