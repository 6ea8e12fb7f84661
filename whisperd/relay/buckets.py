"""What circuits, listeners and the whole relay use, as counters and as buckets of time.

A bucket is one number, the time until when its rate is used up in advance: ``n`` of something that may come ``rate``
times a second use up ``n / rate`` seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from weakref import WeakValueDictionary

from whisperd.relay.bounds import ROOMS, WAITING


class ScopeBounds:
    """The bounds of one kind of scope, 0 standing for none, and how often each has refused or slowed somebody."""

    def __init__(self, name: str, most: tuple[int, ...], rates: tuple[int, ...]) -> None:
        self.name = name
        self.most = most
        self.rates = rates
        self.refused: Counter[str] = Counter()
        self.slowed: Counter[str] = Counter()


class Scope:
    """What one circuit, one listener or the whole relay uses: ``held`` at the moment, by kind of bound, and ``until``
    when its rates are used up in advance, by kind of rate."""

    __slots__ = ("__weakref__", "around", "circuits", "held", "level", "until")

    def __init__(self, level: ScopeBounds, parent: Scope | None = None) -> None:
        self.level = level
        self.around: tuple[Scope, ...] = tuple(parent) if parent is not None else ()
        self.held = [0, 0, 0]
        self.until = [0.0, 0.0, 0.0, 0.0]
        self.circuits: WeakValueDictionary[object, Scope] | None = None  # of a listener

    def __iter__(self) -> Iterator[Scope]:
        """Yield this scope and those around it."""
        return iter((self, *self.around))

    def add(self, rooms: int, waiting: int) -> None:
        """Count rooms in or out, here and around."""
        for scope in (self, *self.around):
            scope.held[ROOMS] += rooms
            scope.held[WAITING] += waiting

    def spent(self, rate: int, now: float, burst: float) -> float:
        """Return how many seconds of a rate are used up: at most three bursts, or the clock has gone back."""
        ahead = self.until[rate] - now
        return ahead if 0.0 < ahead <= 3 * burst else 0.0

    def charge(self, rate: int, amount: int, now: float, burst: float) -> float:
        """Use up ``amount`` of a rate; return how many seconds of it are used up then."""
        per_second = self.level.rates[rate]
        if not per_second:
            return 0.0
        ahead, most = self.until[rate] - now, 3 * burst
        spent = min((ahead if 0.0 < ahead <= most else 0.0) + amount / per_second, most)
        self.until[rate] = now + spent
        return spent

    def wait(self, rate: int, now: float, burst: float) -> float:
        """Return the seconds until one more fits into a rate; 0 when it does now."""
        per_second, ahead = self.level.rates[rate], self.until[rate] - now
        if not per_second or not 0.0 < ahead <= 3 * burst:
            return 0.0
        return max(ahead - max(burst - 1 / per_second, 0.0), 0.0)
