"""Whether a tor that says nothing is still alive: a connection to one that hangs stays open for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import defer

from whisperd.errors import TorCommandFailed
from whisperd.tor.control.connection import TorControlConnection

#: Seconds between two questions, and that tor has for the answer.
INTERVAL = 30.0
TIMEOUT = 30.0


async def until_gone(control: TorControlConnection, *, reactor: Any,
                     alive: Callable[[set[str] | None], object] = lambda _: None) -> None:
    """Return when the connection has ended; ask for a sign of life every INTERVAL until then, and call ``alive`` when
    it comes, with the onion services that tor holds for this connection (None: it does not say).

    Behind a filter the connection outlives a tor that is started again, and only this tells that they are gone.
    Raises what ``alive`` raises, and TorControlUnreachable, with the connection closed, when tor does not answer
    within TIMEOUT.
    """
    while not control.gone:
        try:
            await control.when_lost().addTimeout(INTERVAL, reactor)
        except defer.TimeoutError:
            alive(await _held(control))


async def _held(control: TorControlConnection) -> set[str] | None:
    try:
        answer = await control.request("GETINFO onions/current", TIMEOUT)
    except TorCommandFailed:  # a filter's answer is a sign of life, too
        return None
    return {f"{label}.onion" for label in answer.partition("=")[2].split()}
