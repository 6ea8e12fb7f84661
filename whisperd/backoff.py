"""How long to wait before the next attempt: longer each time, up to a bound, and never the same for two daemons."""

from __future__ import annotations

from collections.abc import Callable

#: Seconds before the second attempt, and at most.
FIRST = 1.0
MAX = 60.0
#: How often a pause is doubled at most, however large the bound is.
_MAX_DOUBLINGS = 16


class Backoff:
    """The pauses between attempts of one thing: doubled each time, from ``first`` up to ``maximum`` seconds.

    Half of each pause is left to chance, for which ``random(n)`` returns ``n`` bytes."""

    def __init__(self, random: Callable[[int], bytes], *, first: float = FIRST, maximum: float = MAX) -> None:
        self._random = random
        self._first = first
        self._maximum = maximum
        self._delay = first
        self._asked = False

    def next(self, maximum: float | None = None) -> float:
        """Return the seconds to wait after an attempt that failed; ``maximum`` is another bound for this pause."""
        bound = self._maximum if maximum is None else maximum
        delay = self._delay if self._asked else min(self._delay, bound)
        self._delay = min(2 * self._delay, self._first * 2.0**_MAX_DOUBLINGS)
        self._asked = False
        return delay * (0.5 + int.from_bytes(self._random(4), "big") / 2**33)

    def ask(self, seconds: float) -> None:
        """Let the next pause be about so long, whatever the bound is: somebody has asked for it."""
        self._delay, self._asked = seconds, True

    def reset(self) -> None:
        """An attempt has worked: the next pause is the first again."""
        self._delay, self._asked = self._first, False
