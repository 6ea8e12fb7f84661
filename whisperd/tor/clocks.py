"""Whether the machine's clock was set, or the machine slept: then the onion service is to be dialled, to see.

Tor renews circuits and descriptors by that clock, and notices most jumps itself. One it cannot mend: a descriptor that
went out while the clock was ahead counts as newer than what comes once the clock is right, until the directories
forget it three hours later.
"""

from __future__ import annotations

import time
from collections.abc import Callable

#: Seconds by which the clock may drift, or be corrected, between two looks.
HARMLESS = 300.0


class Clocks:
    """Compares the clock that can be set with one that cannot, and that stands still while the machine sleeps."""

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._apart = lambda: wall() - steady()
        self._before = self._apart()

    def jumped(self) -> bool:
        """Tell whether they have come apart by more than HARMLESS since the last look that found so, or the start."""
        now = self._apart()
        if abs(now - self._before) <= HARMLESS:
            return False
        self._before = now
        return True
