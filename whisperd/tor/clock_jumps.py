"""Whether the machine's clock was set, or the machine slept: then the onion service is to be dialled, to see.

Tor renews circuits and descriptors by that clock, and notices most jumps itself. One it cannot mend: a descriptor that
went out while the clock was ahead counts as newer than what comes once the clock is right, and the directories refuse
that, until the clock has caught up or they forget the other [rend-spec-v3, REV-COUNTER-MGMT]. It is good meanwhile: tor
goes back to the introduction points in it, but to those only if it is not asked to publish anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable

#: Seconds by which the clock may drift, or be corrected, between two calls of ``jumped``.
HARMLESS = 300.0
#: Seconds after an upload within which a directory has forgotten a descriptor: it lives for three hours, and what has
#: ended is removed every half an hour.
FORGOTTEN = 3.5 * 3600
#: Seconds by which tor's next upload may be late: it comes one or two hours after the one before, by that clock.
_LATE = 3600.0


class Clocks:
    """Compares the clock that can be set with one that cannot, and that stands still while the machine sleeps."""

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._steady = steady
        self._before = self._apart()
        self._caught_up = steady()
        self._late = False

    def jumped(self) -> bool:
        """Tell whether they have come apart by more than HARMLESS since the last call that found so, or the start."""
        now = self._apart()
        if abs(now - self._before) <= HARMLESS:
            return False
        until = max(self._caught_up, self._steady()) - (now - self._before)
        self._caught_up = min(until, self._steady() + FORGOTTEN)
        self._late = self._caught_up > self._steady() + _LATE
        self._before = now
        return True

    def _apart(self) -> float:
        return self._wall() - self._steady()

    def behind(self) -> bool:
        """Tell whether a descriptor from before the last jump may count as newer than one that is made now."""
        return self._steady() < self._caught_up

    def caught_up(self) -> bool:
        """Tell once, when it is behind no more, whether it was so far behind that directories may forget a descriptor
        before tor thinks that it is time for the next."""
        if not self._late or self.behind():
            return False
        self._late = False
        return True
