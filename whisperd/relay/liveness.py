"""When a connection of a listener is answered, pinged or cut off for what it does not do in time.

Seconds: a request has the time of the configuration (dripping does not extend it); a ping comes after 30 of silence,
and a client is gone after two more of these without an answer; one that is asked for a sign of life has 10, and so has
one that is told that its connection ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from whisperd.relay.deadlines import Deadlines
from whisperd.timers import Clock, OneShot

PING_INTERVAL = 30
PING_TIMEOUT = 2 * PING_INTERVAL
#: A round trip over two onion services takes one or two.
PROBE_TIMEOUT = 10
CLOSE_TIMEOUT = 10


class Aborting(Protocol):
    """A transport, as far as it is cut off here."""

    def abortConnection(self) -> None:
        """Close at once, whatever is still to be sent."""


class Losing(Protocol):
    """What has to know at once that a connection is lost."""

    def lost(self) -> None:
        """Take note."""


class Watched(Protocol):
    """A connection, as far as it is told of its deadlines."""

    @property
    def transport(self) -> Aborting:
        """Return what it is carried by."""

    def __hash__(self) -> int:
        """Return the same for the same connection."""

    @property
    def session(self) -> Losing | None:
        """Return its session, None when there is none yet or any more."""

    def ping(self) -> None:
        """Send one ping, whose answer is to be told as ``heard``."""

    def sendPing(self) -> None:
        """Send one ping."""

    def release(self) -> None:
        """Take frames again."""

    def dropConnection(self, abort: bool) -> None:
        """End the connection."""


WatchedT = TypeVar("WatchedT", bound=Watched)


class Liveness(Generic[WatchedT]):
    """The deadlines of one listener's connections. ``late`` is called with one whose request has not come in time."""

    def __init__(self, clock: Clock, late: Callable[[WatchedT], object]) -> None:
        self._clock = clock
        self._requests: Deadlines[WatchedT] = Deadlines(clock, 0, late)
        self._silences: Deadlines[WatchedT] = Deadlines(clock, PING_INTERVAL, self._ping)
        self._pings: Deadlines[WatchedT] = Deadlines(clock, PING_TIMEOUT, self._give_up)
        self._probes: Deadlines[WatchedT] = Deadlines(clock, PROBE_TIMEOUT, self._silent)
        self._endings: Deadlines[WatchedT] = Deadlines(clock, CLOSE_TIMEOUT, _cut_off)
        self._answers: dict[WatchedT, list[Callable[[bool], None]]] = {}
        self._holds: dict[WatchedT, OneShot] = {}

    def apply(self, request_timeout: float) -> None:
        """Let requests have so many seconds."""
        self._requests.apply(request_timeout)

    def made(self, connection: WatchedT) -> None:
        """Wait for a request."""
        self._requests.add(connection)

    def opened(self, connection: WatchedT) -> None:
        """Wait for a silence."""
        self._requests.discard(connection)
        self._silences.add(connection)

    def heard(self, connection: WatchedT) -> None:
        """Take note that a client that was pinged is there."""
        self._pings.discard(connection)
        self._silences.add(connection)

    def probe(self, connection: WatchedT, answer: Callable[[bool], None]) -> None:
        """Ask for a sign of life, and call ``answer`` with True when it comes, with False when the client is gone; one
        ping is enough for all who ask meanwhile."""
        if connection not in self._answers:
            self._answers[connection] = []
            self._probes.add(connection)
            connection.sendPing()
        self._answers[connection].append(answer)

    def ponged(self, connection: WatchedT) -> None:
        """Tell those who have asked for a sign of life."""
        self._settle(connection, True)

    def hold(self, connection: WatchedT, seconds: float) -> None:
        """Release a connection after so many seconds, whatever was said before."""
        if connection not in self._holds:
            self._holds[connection] = OneShot(self._clock, lambda: self._release(connection))
        self._holds[connection].start(seconds)

    def ending(self, connection: WatchedT) -> None:
        """Wait for the end."""
        self._endings.add(connection)

    def gone(self, connection: WatchedT) -> None:
        """Wait for nothing any more."""
        for deadlines in (self._requests, self._silences, self._pings, self._endings):
            deadlines.discard(connection)
        if connection in self._holds:
            self._holds.pop(connection).cancel()
        if connection in self._answers:
            self._settle(connection, False)

    def stop(self) -> None:
        """Plan nothing any more."""
        for deadlines in (self._requests, self._silences, self._pings, self._probes, self._endings):
            deadlines.stop()

    def _ping(self, connection: WatchedT) -> None:
        self._pings.add(connection)
        connection.ping()

    def _give_up(self, connection: WatchedT) -> None:
        if connection.session is not None:
            connection.session.lost()
        connection.dropConnection(abort=True)

    def _silent(self, connection: WatchedT) -> None:
        self._give_up(connection)
        self._settle(connection, False)

    def _settle(self, connection: WatchedT, alive: bool) -> None:
        self._probes.discard(connection)
        for answer in self._answers.pop(connection, ()):
            answer(alive)

    def _release(self, connection: WatchedT) -> None:
        del self._holds[connection]
        connection.release()


def _cut_off(connection: Watched) -> None:
    connection.transport.abortConnection()
