"""What is to happen to each of many connections a fixed time after something: one timer for all of them.

A timer of Twisted's own for each costs more than a message, and memory. Who was added first is due first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any


class Deadlines:
    """``act`` is called with each that was added ``delay`` seconds ago, and not discarded meanwhile; each is there once
    at most. Another ``delay`` is in force for those who wait already once the timer that runs is over. ``clock`` is an
    IReactorTime."""

    def __init__(self, clock: Any, delay: float, act: Callable[[Any], object]) -> None:
        self.delay = delay
        self._clock = clock
        self._act = act
        self._since: OrderedDict[Hashable, float] = OrderedDict()
        self._timer: Any = None

    def add(self, who: Hashable) -> None:
        """Begin to wait for somebody who is not waited for."""
        self._since[who] = self._clock.seconds()
        if self._timer is None:
            self._timer = self._clock.callLater(self.delay, self._look)

    def discard(self, who: Hashable) -> None:
        """Wait no longer, if anybody does."""
        self._since.pop(who, None)

    def __contains__(self, who: Hashable) -> bool:
        return who in self._since

    def stop(self) -> None:
        """Forget everybody."""
        self._since.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        while self._since:
            who, since = next(iter(self._since.items()))
            left = since + self.delay - self._clock.seconds()
            if left > 0:
                self._timer = self._clock.callLater(left, self._look)
                return
            del self._since[who]
            self._act(who)
