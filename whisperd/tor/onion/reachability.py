"""Whether the own onion service is reached: it is dialled through Tor, as anybody else would."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from twisted.internet.defer import ensureDeferred
from twisted.python.failure import Failure

from whisperd import logs
from whisperd.errors import OnionUnreachable, WhisperdError
from whisperd.timers import Clock, OneShot
from whisperd.tor.surroundings import TorSurroundings

#: How often it is dialled, each time over another circuit, before it counts as unreachable.
TRIES = 2
#: Seconds for each of these.
TIMEOUT = 90.0


_SPARED = ("the onion service was not reached through Tor, and the clock was set back, so Tor's directories may "
           "refuse a new descriptor")
_SPARED_REMEDY = ("Wait: tor returns to the introduction points of the published descriptor. If the error stays, "
                  "change to a new address: 'whisperctl onion rotate'.")


class OwnOnion(Protocol):
    """The own onion service."""

    @property
    def state(self) -> str:
        """``up`` while it can be dialled."""

    @property
    def address(self) -> str | None:
        """Its onion name."""

    def again(self) -> None:
        """Publish it anew, if that can be done."""


@dataclass(frozen=True)
class ProbeTarget:
    """The own onion service as it is probed."""

    onion: OwnOnion
    #: Whether there is a tor to dial through.
    dials: Callable[[], bool]
    #: Dials an address with words of isolation and a time limit in seconds; raises when it is not reached.
    dial: Callable[[str, str, float], Awaitable[None]]
    #: Whether it is not to be published anew, because the descriptor that is out is the only one that directories take.
    spare: Callable[[], bool] = lambda: False


class ReachabilityProbe:
    """Dials ``target`` every ``interval`` seconds, and has it published anew when it does not answer.

    ``error`` is set from a probe that failed until one that did not; ``emit`` hears ``onion-probe`` (state, address).
    """

    def __init__(self, target: ProbeTarget, *, interval: float, reactor: Clock, emit: Callable[..., object],
                 around: TorSurroundings) -> None:
        self.error: WhisperdError | None = None
        self._target = target
        self._onion = target.onion
        self._interval = interval
        self._reactor = reactor
        self._emit = emit
        self._around = around
        self._reached: float | None = None
        self._timer = OneShot(reactor, self._begin)
        self._stopped = False

    @property
    def reached_age(self) -> int | None:
        """Seconds since it was reached last, or None."""
        return None if self._reached is None else round(self._reactor.seconds() - self._reached)

    def published(self) -> None:
        """A descriptor was uploaded: probe soon, and from then on at intervals."""
        self._in(self._around.timing.settle)

    def stop(self) -> None:
        """Probe no more."""
        self._stopped = True
        self._timer.cancel()

    def _in(self, seconds: float) -> None:
        if not self._stopped:
            self._timer.start(seconds)

    def _begin(self) -> None:
        ensureDeferred(self._probe()).addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        """Probe on: what nobody expected once may not end it for good."""
        if failure.value is not None:
            logs.unexpected(failure.value)
        self._in(self._interval)

    async def _probe(self) -> None:
        if await self._reaches():
            self._in(self._interval)
        elif self._onion.state == "up" and not self._stopped:
            self._tell("unreachable", OnionUnreachable.code)
            if self._target.spare():
                self.error = OnionUnreachable(_SPARED, remedy=_SPARED_REMEDY)
            else:
                self._onion.again()
            self._in(self._interval)  # unless an upload comes first

    async def _reaches(self) -> bool:
        for _ in range(TRIES):
            if self._onion.state != "up" or not self._target.dials():
                return False
            try:
                await self._target.dial(self._onion.address or "", self._around.random(16).hex(), TIMEOUT)
            except WhisperdError as reason:
                self.error = OnionUnreachable(f"the onion service was not reached through Tor: {reason.message}")
            else:
                self.error, self._reached = None, self._reactor.seconds()
                self._tell("reached", "none")
                return True
        return False

    def _tell(self, state: str, code: str) -> None:
        logs.note("onion-probe", reached=state == "reached", code=code)
        self._emit("onion-probe", state=state, address=self._onion.address)
