"""Whether the own onion service is reached: it is dialled through Tor, as anybody else would."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from twisted.internet.defer import ensureDeferred
from twisted.internet.protocol import Factory
from twisted.internet.protocol import Protocol as NetworkProtocol
from twisted.python.failure import Failure

from whisperd import logs
from whisperd.errors import OnionUnreachable, WhisperdError
from whisperd.tor.dial.dialer import Dialer

#: Seconds from an upload to the first probe.
SETTLE = 30.0
#: How often it is dialled, each time over another circuit, before it counts as unreachable.
TRIES = 2
#: Seconds for each of these.
TIMEOUT = 90.0


_SPARED = ("the onion service was not reached through Tor, and the clock was set back: directories may take no other "
           "descriptor yet")
_SPARED_REMEDY = ("Wait: tor goes back to the introduction points of the one that is out. If it stays so, take a new "
                  "address: 'whisperctl onion rotate'.")


class Target(Protocol):
    """What is dialled."""

    @property
    def state(self) -> str:
        """``up`` while it can be dialled."""

    @property
    def address(self) -> str | None:
        """Its onion name."""

    def again(self) -> None:
        """Publish it anew, if that can be done."""


class ReachabilityProbe:
    """Dials ``target`` at ``port`` every ``interval`` seconds, and has it published anew when it does not answer.

    ``dial(address, isolation, timeout)`` raises when it is not reached; without one a connection is enough. ``error``
    is set from a probe that failed until one that did not; ``emit`` hears ``onion-probe`` (state, address). While
    ``spare()``, it is not published anew, because the descriptor that is out is the only one that directories take."""

    def __init__(self, target: Target, dialer: Dialer, *, port: int, interval: float, reactor: Any,
                 random: Callable[[int], bytes], emit: Callable[..., object],
                 dial: Callable[[str, str, float], Awaitable[None]] | None = None,
                 spare: Callable[[], bool] = lambda: False) -> None:
        self.error: WhisperdError | None = None
        self._target = target
        self._dial = dial or self._connect
        self._spare = spare
        self._dialer = dialer
        self._port = port
        self._interval = interval
        self._reactor = reactor
        self._random = random
        self._emit = emit
        self._reached: float | None = None
        self._timer: Any = None
        self._stopped = False

    @property
    def reached_age(self) -> int | None:
        """Seconds since it was reached last, or None."""
        return None if self._reached is None else round(self._reactor.seconds() - self._reached)

    def published(self) -> None:
        """A descriptor was uploaded: probe soon, and from then on at intervals."""
        self._in(SETTLE)

    def stop(self) -> None:
        """Probe no more."""
        self._stopped = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _in(self, seconds: float) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if not self._stopped:
            self._timer = self._reactor.callLater(seconds, self._begin)

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
        elif self._target.state == "up" and not self._stopped:
            self._tell("unreachable", OnionUnreachable.code)
            if self._spare():
                self.error = OnionUnreachable(_SPARED, remedy=_SPARED_REMEDY)
            else:
                self._target.again()
            self._in(self._interval)  # unless an upload comes first

    async def _reaches(self) -> bool:
        for _ in range(TRIES):
            if self._target.state != "up" or self._dialer.socks is None:
                return False
            try:
                await self._dial(self._target.address or "", self._random(16).hex(), TIMEOUT)
            except WhisperdError as reason:
                self.error = OnionUnreachable(f"the onion service was not reached through Tor: {reason.message}")
            else:
                self.error, self._reached = None, self._reactor.seconds()
                self._tell("reached", "none")
                return True
        return False

    def _tell(self, state: str, code: str) -> None:
        logs.note("onion-probe", reached=state == "reached", code=code)
        self._emit("onion-probe", state=state, address=self._target.address)

    async def _connect(self, address: str, isolation: str, timeout: float) -> None:
        factory: Any = Factory.forProtocol(NetworkProtocol)
        factory.noisy = False
        reached = await self._dialer.connect(address, self._port, factory, isolation=isolation, timeout=timeout)
        reached.transport.abortConnection()
