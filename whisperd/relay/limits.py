"""What frames may use of a relay, and what has been refused so far. [whisperd-protocol(7), RELAY LIMITS]

Everything is counted three times, in limit scopes: for the circuit that a client came by (where nobody tells circuits
apart, each connection is its own), for its listener, and for the whole relay. A rate is a token bucket that holds
``burst`` seconds of it. Sizes are in bytes, times in seconds; ``now`` is of any clock, and one that jumps opens
buckets, never closes them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator

from msgspec import Struct

from whisperd.relay.buckets import TokenBucket
from whisperd.wire.relay_errors import ERRORS

#: What there may be so many of at a time, what may come so often a second, and their places in the lists of a scope.
GAUGES = ("connections", "rooms", "waiting")
RATES = ("connection_rate", "join_rate", "frame_rate", "byte_rate")
CONNECTIONS, ROOMS, WAITING = range(3)
CONNECTS, JOINS, FRAMES, BYTES = range(4)
#: Limit -> the error that says that it is reached.
CODES = {"connections": "too-many-connections", "rooms": "too-many-rooms", "waiting": "too-many-waiting",
         "connection_rate": "too-many-connections", "join_rate": "too-many-joins", "frame_rate": "too-many-frames",
         "byte_rate": "too-many-bytes"}
GiveUp = Callable[["LimitScope"], bool] | None  # forgets a room of a scope that nobody is in, if there is one


class Bounds(Struct, frozen=True, kw_only=True):
    """What the configuration allows; each number is described in whisperd.toml(5). ``by_scope``: for each kind of limit
    scope, ``circuit``, ``listener`` and ``total``, what there may be by GAUGES and by RATES, 0 for any number."""

    max_connections: int
    max_frame: int
    max_unsent: int
    max_unsent_total: int
    room_expiry: int
    handshake_timeout: int
    join_timeout: int
    burst: int
    by_scope: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]


class Denial(Struct, frozen=True):
    """A refusal: a key of ``wire.relay_errors.ERRORS``, and the seconds after which trying again makes sense."""

    code: str
    retry_after: int | None = None


class ScopeLimits:
    """The limits of one kind of limit scope, and how often each of them has refused or slowed somebody."""

    def __init__(self, name: str, bounds: Bounds) -> None:
        self.name = name
        self.refused: Counter[str] = Counter()
        self.slowed: Counter[str] = Counter()
        self.apply(bounds)

    def apply(self, bounds: Bounds) -> None:
        """Put these bounds into force."""
        self.max, rates = bounds.by_scope[self.name]
        self.buckets = tuple(TokenBucket(rate, bounds.burst) for rate in rates)


class LimitScope:
    """What one circuit, one listener or the whole relay uses: ``used`` at the moment, by GAUGES, and ``until`` when its
    rates are used up in advance, by RATES. Iterating yields this one and then those around it."""

    __slots__ = ("__weakref__", "around", "limits", "until", "used")

    def __init__(self, limits: ScopeLimits, parent: LimitScope | None = None) -> None:
        self.limits = limits
        self.around: tuple[LimitScope, ...] = () if parent is None else tuple(parent)
        self.used = [0, 0, 0]
        self.until = [0.0, 0.0, 0.0, 0.0]

    def __iter__(self) -> Iterator[LimitScope]:
        return iter((self, *self.around))

    def add(self, rooms: int, waiting: int) -> None:
        """Count rooms in or out, here and around."""
        for scope in self:
            scope.used[ROOMS] += rooms
            scope.used[WAITING] += waiting

    def charge(self, rate: int, amount: int, now: float) -> float:
        """Use up ``amount`` of a rate; return how many seconds of it are used up then."""
        spent = self.limits.buckets[rate].charge(self.until[rate], amount, now)
        self.until[rate] = now + spent
        return spent

    def deny(self, limit: str, retry_after: int | None = None) -> Denial:
        """Count a refusal by a limit of this scope, and return it."""
        self.limits.refused[limit] += 1
        return Denial(CODES[limit], retry_after or ERRORS[CODES[limit]].retry_after)


class RelayLimits:
    """The use of one relay against its bounds. ``draining``: no room is opened any more."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.circuit, self.listener = ScopeLimits("circuit", bounds), ScopeLimits("listener", bounds)
        self.total = LimitScope(ScopeLimits("total", bounds))
        self.draining = False
        self.frames = self.bytes = 0
        self.refused: Counter[str] = Counter()

    def apply(self, bounds: Bounds) -> None:
        """Put these bounds into force; what is there already stays."""
        self.bounds = bounds
        for limits in (self.circuit, self.listener, self.total.limits):
            limits.apply(bounds)

    def drain(self, draining: bool) -> None:
        """Begin to refuse that rooms are opened, or end that."""
        self.draining = draining

    def join(self, source: LimitScope, now: float, *, opens: bool, give_up: GiveUp = None) -> Denial | None:
        """Count a join; return why it may not be. ``opens``: it would open a room; ``give_up`` may make space."""
        denial = self.take(source, JOINS, now)
        if denial is not None or not opens:
            return denial
        if self.draining:
            return Denial("draining", ERRORS["draining"].retry_after)
        return self.full(source, ROOMS, give_up) or self.full(source, WAITING, give_up)

    def spend(self, source: LimitScope, frames: int, size: int, now: float) -> float | Denial:
        """Charge frames that have come in. Return for how many seconds nothing more should be read from there, or why
        it has to be closed: two bursts and more were sent at once.

        Where the whole relay or a listener is beyond its rate, those are slowed down who have used up more than half
        of what is theirs; the further it is beyond, the less they may have used, down to a thirty-second.
        """
        self.frames += frames
        self.bytes += size
        burst, hold = self.bounds.burst, 0.0
        for rate, amount in ((FRAMES, frames), (BYTES, size)):
            own = source.charge(rate, amount, now)
            if own > 2 * burst:
                return source.deny(RATES[rate], math.ceil(own - burst))
            for scope in source:
                over = (own if scope is source else scope.charge(rate, amount, now)) - burst
                if over > 0 and (own > max(burst / 2 - over / 4, burst / 32) or not source.limits.buckets[rate].rate):
                    scope.limits.slowed[RATES[rate]] += 1
                    hold = max(hold, over)
        return hold

    def full(self, source: LimitScope, gauge: int, give_up: GiveUp = None) -> Denial | None:
        """Return the refusal of one more, where there are as many as there may be and none can be given up."""
        for scope in source:
            while 0 < scope.limits.max[gauge] <= scope.used[gauge]:
                if give_up is None or not give_up(scope):
                    return scope.deny(GAUGES[gauge])
        return None

    def take(self, source: LimitScope, rate: int, now: float) -> Denial | None:
        """Use up one of a rate, or return why not."""
        for scope in source:
            if (seconds := scope.limits.buckets[rate].wait(scope.until[rate], now)) > 0:
                return scope.deny(RATES[rate], math.ceil(seconds))
        for scope in source:
            scope.charge(rate, 1, now)
        return None
