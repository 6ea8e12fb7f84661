"""How long to wait before the next attempt: longer each time, up to a bound, and never the same for two daemons."""

from __future__ import annotations

from collections.abc import Callable

#: Seconds before the second attempt, and at most.
FIRST = 1.0
MAX = 60.0


def pause(attempt: int, random: Callable[[int], bytes], bound: float | None = None) -> float:
    """Return the seconds to wait after failed attempt number ``attempt`` (from 1): half of it is left to chance.

    At most ``bound`` (None: LONGEST)."""
    longest = min(FIRST * 2.0 ** min(attempt - 1, 16), MAX if bound is None else bound)
    share = int.from_bytes(random(4), "big") / 2**32
    return longest * (0.5 + share / 2)
