"""The two clocks of a daemon: the reactor's, which begins with the process, and the one on the wall.

Only the second one means anything to the next run, so that is what the store has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from whisperd.timers import Clock


@dataclass(frozen=True)
class Clocks:
    """``reactor`` tells the time of this run, ``wall()`` the unix time, both in seconds."""

    reactor: Clock
    wall: Callable[[], float]

    def on_the_wall(self, moment: float) -> float:
        """Return the unix time at a moment of the reactor's clock."""
        return moment - self.reactor.seconds() + self.wall()

    def in_this_run(self, time: float, limit: float) -> float:
        """Return the moment of the reactor's clock at a unix time, but at most ``limit`` seconds from now: a clock
        that was set back makes no wait longer than it was."""
        return self.reactor.seconds() + min(time - self.wall(), limit)
