"""Notices that the machine has slept: more time has passed than was waited for.

The reactor's clock goes on while a machine sleeps; what it waits by stands still meanwhile. So the
next look comes at most INTERVAL seconds after the machine woke up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: Seconds between two looks at the clock.
INTERVAL = 10.0
#: Seconds that a look may be late on a busy machine.
LATE = 20.0


class Awake:
    """Calls ``woke`` when the machine did."""

    def __init__(self, reactor: Any, woke: Callable[[], None]) -> None:
        self._reactor = reactor
        self._woke = woke
        self._call: Any = None
        self._last = 0.0

    def start(self) -> None:
        """Begin to look; nothing happens when that was begun."""
        if self._call is None:
            self._look_later()

    def stop(self) -> None:
        """Look no more."""
        if self._call is not None and self._call.active():
            self._call.cancel()
        self._call = None

    def _look_later(self) -> None:
        self._last = self._reactor.seconds()
        self._call = self._reactor.callLater(INTERVAL, self._look)

    def _look(self) -> None:
        late = self._reactor.seconds() - self._last - INTERVAL
        self._look_later()
        if abs(late) > LATE:
            self._woke()
