"""Whether a tor that says nothing is still alive: a connection to one that hangs stays open for ever."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet import defer

from whisperd.errors import TorCommandFailed
from whisperd.timers import Clock
from whisperd.tor.control.control_port import TorControl
from whisperd.tor.event_loop import at_most
from whisperd.tor.timing import TorTiming


async def until_gone(control: TorControl, *, reactor: Clock, timing: TorTiming,
                     alive: Callable[[set[str] | None], object] = lambda _: None) -> None:
    """Return when the connection has ended; ask for a sign of life every ``timing.keepalive`` seconds until then, and
    call ``alive`` when it comes, with the onion services that tor holds for this connection (None: it does not say).

    Behind a filter the connection outlives a tor that is started again, and only this tells that they are gone.
    Raises what ``alive`` raises, and TorControlUnreachable, with the connection closed, when tor does not answer
    within ``timing.keepalive_answer``.
    """
    while not control.gone:
        try:
            await at_most(timing.keepalive, control.when_lost(), reactor)
        except defer.TimeoutError:
            alive(await _held(control, timing.keepalive_answer))


async def _held(control: TorControl, timeout: float) -> set[str] | None:
    try:
        answer = await control.request("GETINFO onions/current", timeout)
    except TorCommandFailed:  # a filter's answer is a sign of life, too
        return None
    return {f"{label}.onion" for label in answer.partition("=")[2].split()}
