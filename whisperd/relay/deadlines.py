"""What is to happen to each of many connections a fixed time after something: one timer for all of them.

A timer of Twisted's own for each costs more than a message, and memory. Who was added first is due first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from whisperd.timers import Clock, OneShot

Who = TypeVar("Who", bound=Hashable)


class Deadlines(Generic[Who]):
    """``act`` is called with each that was added ``delay`` seconds ago, and not discarded meanwhile; each is there once
    at most."""

    def __init__(self, clock: Clock, delay: float, act: Callable[[Who], object]) -> None:
        self._delay = delay
        self._clock = clock
        self._act = act
        self._since: OrderedDict[Who, float] = OrderedDict()
        self._timer = OneShot(clock, self._act_on_due)

    def apply(self, delay: float) -> None:
        """Put another delay into force; for those who wait already once the timer that runs is over."""
        self._delay = delay

    def add(self, who: Who) -> None:
        """Begin to wait for somebody, from now on if somebody waited already."""
        self._since.pop(who, None)
        self._since[who] = self._clock.seconds()
        if not self._timer:
            self._timer.start(self._delay)

    def discard(self, who: Who) -> None:
        """Wait no longer, if anybody does."""
        self._since.pop(who, None)

    def __contains__(self, who: Who) -> bool:
        return who in self._since

    def stop(self) -> None:
        """Forget everybody."""
        self._since.clear()
        self._timer.cancel()

    def _act_on_due(self) -> None:
        while self._since:
            who, since = next(iter(self._since.items()))
            left = since + self._delay - self._clock.seconds()
            if left > 0:
                self._timer.start(left)
                return
            del self._since[who]
            self._act(who)
