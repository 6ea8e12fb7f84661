"""What one relay admits, how much of it is used, and what it has refused so far. [whisperd-protocol(7), RELAY LIMITS]

Everything is counted three times: for the circuit that a client came by (where nobody tells circuits apart, each
connection is its own), for its listener, and for the whole relay. There are bounds on how much there may be at a time,
and rates: a rate is a bucket that holds ``burst`` seconds of it. A refusal has a code of ``wire.codes.ERRORS``, says
when to come again, and is counted; nobody is remembered for it longer than it takes a bucket to fill up again.

Sizes are in bytes, times in seconds; ``now`` is of any clock, and one that jumps opens buckets, never closes them.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from weakref import WeakValueDictionary

from msgspec import Struct

from whisperd.relay.bounds import (
    BYTES,
    CODES,
    CONNECTIONS,
    CONNECTS,
    FRAMES,
    GAUGES,
    JOINS,
    RATES,
    ROOMS,
    WAITING,
    Bounds,
)
from whisperd.relay.buckets import Scope, ScopeBounds
from whisperd.wire.relay_errors import ERRORS

#: Sockets beyond ``max_connections`` that are let in, so that health checks are answered and refusals explained.
SPARE_SOCKETS = 32
#: Circuits that are remembered after they have gone, until their buckets are full again; at most so many.
MAX_REMEMBERED = 4_096


class Denial(Struct, frozen=True):
    """A refusal: a key of ``wire.codes.ERRORS``, and the seconds after which trying again makes sense."""

    code: str
    retry_after: int | None = None


class RelayLimits:
    """The use of one relay against its bounds. ``draining``: no room is opened any more."""

    def __init__(self, bounds: Bounds) -> None:
        self.circuit = ScopeBounds("circuit", (), ())
        self.listener = ScopeBounds("listener", (), ())
        self.total = Scope(ScopeBounds("total", (), ()))
        self.draining = False
        self.sockets = self.frames = self.bytes = 0
        self.refused: Counter[str] = Counter()
        self._remembered: deque[tuple[float, Scope]] = deque(maxlen=MAX_REMEMBERED)
        self.apply(bounds)

    def apply(self, bounds: Bounds) -> None:
        """Put these bounds into force; what is there already stays."""
        self.bounds = bounds
        for level in (self.circuit, self.listener, self.total.level):
            level.most, level.rates = bounds.of(level.name)

    @property
    def connections(self) -> int:
        return self.total.held[CONNECTIONS]

    def new_listener(self) -> Scope:
        """Return the scope of one more listener."""
        scope = Scope(self.listener, self.total)
        scope.circuits = WeakValueDictionary()
        return scope

    def source(self, listener: Scope, circuit: object, now: float) -> Scope:
        """Return the scope of a circuit of this listener; ``circuit`` None: of a connection by itself."""
        if circuit is None or listener.circuits is None:
            return Scope(self.circuit, listener)
        source = listener.circuits.get(circuit) or Scope(self.circuit, listener)
        listener.circuits[circuit] = source
        self._remembered.append((now, source))
        return source

    def forget(self, now: float) -> None:
        """Let go of circuits that nothing else holds and whose buckets are full again."""
        while self._remembered and abs(now - self._remembered[0][0]) >= 3 * self.bounds.burst:
            self._remembered.popleft()

    def socket_opened(self) -> bool:
        """Count a new socket in, whatever it is going to speak; False: close it without a word."""
        if self.sockets >= self.bounds.max_connections + SPARE_SOCKETS:
            self.refused["too-many-connections"] += 1
            self.total.level.refused["sockets"] += 1
            return False
        self.sockets += 1
        return True

    def socket_closed(self) -> None:
        self.sockets -= 1

    def connect(self, source: Scope, now: float) -> Denial | None:
        """Count a socket in that asks to become a WebSocket, or return why not."""
        denial = self._full(source, CONNECTIONS) or self._take(source, CONNECTS, now)
        if denial is None:
            for scope in (source, *source.around):
                scope.held[CONNECTIONS] += 1
        else:
            self.refused[denial.code] += 1
        return denial

    def disconnect(self, source: Scope) -> None:
        """Count out what ``connect`` has counted in."""
        for scope in (source, *source.around):
            scope.held[CONNECTIONS] -= 1

    def join(self, source: Scope, now: float, *, opens: bool) -> Denial | None:
        """Count a join; return why it may not be. ``opens``: it would open a room."""
        denial = self._take(source, JOINS, now)
        if denial is not None or not opens:
            return denial
        if self.draining:
            return Denial("draining", ERRORS["draining"].retry_after)
        return self._full(source, ROOMS) or self._full(source, WAITING)

    def spend(self, source: Scope, frames: int, size: int, now: float) -> float | Denial:
        """Charge frames that have come in. Return for how many seconds nothing more should be read from there, or why
        it has to be closed: two bursts and more were sent at once.

        Where the whole relay or a listener is beyond its rate, those are slowed down who have used up more than half
        of what is theirs; the further it is beyond, the less they may have used, down to a thirty-second.
        """
        self.frames += frames
        self.bytes += size
        burst, hold = self.bounds.burst, 0.0
        for rate, amount in ((FRAMES, frames), (BYTES, size)):
            own = source.charge(rate, amount, now, burst)
            if own > 2 * burst:
                source.level.refused[RATES[rate]] += 1
                return Denial(CODES[RATES[rate]], math.ceil(own - burst))
            for scope in (source, *source.around):
                over = (own if scope is source else scope.charge(rate, amount, now, burst)) - burst
                if over > 0 and (own > max(burst / 2 - over / 4, burst / 32) or not source.level.rates[rate]):
                    scope.level.slowed[RATES[rate]] += 1
                    hold = max(hold, over)
        return hold

    def _full(self, source: Scope, gauge: int) -> Denial | None:
        for scope in (source, *source.around):
            most = scope.level.most[gauge]
            if most and scope.held[gauge] >= most:
                return self._deny(scope, GAUGES[gauge], None)
        return None

    def _take(self, source: Scope, rate: int, now: float) -> Denial | None:
        burst = self.bounds.burst
        for scope in (source, *source.around):
            seconds = scope.wait(rate, now, burst)
            if seconds > 0:
                return self._deny(scope, RATES[rate], math.ceil(seconds))
        for scope in (source, *source.around):
            scope.charge(rate, 1, now, burst)
        return None

    def _deny(self, scope: Scope, limit: str, retry_after: int | None) -> Denial:
        scope.level.refused[limit] += 1
        code = CODES[limit]
        return Denial(code, retry_after or ERRORS[code].retry_after)
