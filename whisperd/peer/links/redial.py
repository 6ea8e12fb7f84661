"""The pauses between two attempts to connect: jittered, doubled each time, and cut short when the machine woke up."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from whisperd.interfaces import Random

#: Seconds between two attempts: doubled each time, and jittered down to half of it.
FIRST_DELAY = 0.5
MAX_DELAY = 30.0
#: Seconds that a connection has to live for the next attempt to count as the first.
STEADY = 30.0


class Redial:
    """The pauses of one link."""

    def __init__(self, reactor: Any, random: Random) -> None:
        self._reactor = reactor
        self._random = random
        self._delay = FIRST_DELAY
        self._fixed: float | None = None
        self._call: Any = None
        self._nap: Deferred[None] | None = None

    def worked(self) -> None:
        """The next attempt is the first again."""
        self._delay = FIRST_DELAY

    def lived(self, seconds: float) -> None:
        """A connection has ended that lived so long."""
        if seconds >= STEADY:
            self.worked()

    def at_least(self, seconds: float) -> None:
        """Make the next pause about so long."""
        self._delay = seconds

    def exactly(self, seconds: float) -> None:
        """Make the next pause exactly so long."""
        self._fixed = seconds

    def pause(self) -> Deferred[None]:
        """Return a Deferred that fires when it is time for the next attempt; it may be cancelled."""
        self._nap = Deferred(lambda _: self._call.cancel() if self._call.active() else None)
        self._call = self._reactor.callLater(self._next(), self._over)
        return self._nap

    def hurry(self) -> None:
        """What made the last attempts fail may be over: end a pause that is under way, unless it has to be kept."""
        self.worked()
        if self._nap is not None and self._fixed is None and self._call.active():
            self._call.cancel()
            self._over()

    def _over(self) -> None:
        nap, self._nap = self._nap, None
        self._fixed = None
        if nap is not None:
            nap.callback(None)

    def _next(self) -> float:
        if self._fixed is not None:
            return self._fixed
        delay, self._delay = self._delay, min(2 * self._delay, MAX_DELAY)
        return delay * (0.5 + self._random(1)[0] / 510)
