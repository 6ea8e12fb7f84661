"""Timers of the edges: one that runs once and can be set again, and one that notices that the machine has slept.

Cores take the time as an argument and name the moment at which they want to be called; only edges wait.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

#: Seconds between two checks of the clock, and seconds that a check may be late on a busy machine.
CHECK_SECONDS, LATE_SECONDS = 10.0, 20.0


class DelayedCall(Protocol):
    """What ``callLater`` returns. [twisted.internet.interfaces.IDelayedCall]"""

    def getTime(self) -> float:
        """Return when it is called, in seconds of the clock."""

    def active(self) -> bool:
        """Return whether it is still to be called."""

    def cancel(self) -> None:
        """Do not call; raises when it has been called or cancelled."""


class Clock(Protocol):
    """The time, as an edge is given it: Twisted's reactor, or its ``task.Clock`` in tests."""

    def seconds(self) -> float:
        """Return the time in seconds, from any beginning."""

    def callLater(self, delay: float, callable: Callable[..., object], /) -> DelayedCall:
        """Call after ``delay`` seconds."""


class Reactor(Clock, Protocol):
    """The time, and the way back from other threads. [twisted.internet.interfaces.IReactorFromThreads]"""

    def callFromThread(self, callable: Callable[..., object], /, *args: object) -> None:
        """Call in the thread of the reactor, soon."""


class OneShot:
    """Calls ``call`` once, some seconds after ``start``; setting it again or ``cancel`` undoes what was set before."""

    def __init__(self, reactor: Clock, call: Callable[[], object]) -> None:
        self._reactor = reactor
        self._call = call
        self._delayed: DelayedCall | None = None

    def __bool__(self) -> bool:
        """Return whether it is set."""
        return self._delayed is not None

    @property
    def due(self) -> float | None:
        """When it calls, by the reactor's clock in seconds; None while it is not set."""
        return None if self._delayed is None else self._delayed.getTime()

    def start(self, seconds: float) -> None:
        """Call after so many seconds; a moment that has passed is now."""
        self.cancel()
        self._delayed = self._reactor.callLater(max(0.0, seconds), self._run)

    def start_at(self, moment: float | None) -> None:
        """Call at ``moment`` by the reactor's clock; None cancels."""
        if moment is None:
            self.cancel()
        else:
            self.start(moment - self._reactor.seconds())

    def start_earlier(self, seconds: float) -> None:
        """Call after so many seconds, unless it is set and calls sooner."""
        if self._delayed is None or self._delayed.getTime() > self._reactor.seconds() + seconds:
            self.start(seconds)

    def cancel(self) -> None:
        """Do not call; nothing happens when it is not set."""
        delayed, self._delayed = self._delayed, None
        if delayed is not None and delayed.active():
            delayed.cancel()

    def _run(self) -> None:
        self._delayed = None
        self._call()


class Repeating:
    """Calls ``call`` every ``seconds``, from ``start`` until ``stop``; an exception of it does not end that."""

    def __init__(self, reactor: Clock, call: Callable[[], object], seconds: float) -> None:
        self._call = call
        self._seconds = seconds
        self._timer = OneShot(reactor, self._run)

    def every(self, seconds: float) -> None:
        """Let so many seconds pass between two calls, once the next one has been made."""
        self._seconds = seconds

    def start(self) -> None:
        """Begin to wait for the first call; nothing happens when that was begun."""
        if not self._timer:
            self._timer.start(self._seconds)

    def stop(self) -> None:
        """Call no more."""
        self._timer.cancel()

    def _run(self) -> None:
        self._timer.start(self._seconds)
        self._call()


class SleepDetector:
    """Calls ``woke`` when the machine has slept: more time has passed than was waited for.

    The reactor's clock goes on while a machine sleeps; what it waits by stands still meanwhile. So the next check comes
    at most CHECK_SECONDS after the machine woke up.
    """

    def __init__(self, reactor: Clock, woke: Callable[[], object]) -> None:
        self._reactor = reactor
        self._woke = woke
        self._timer = OneShot(reactor, self._check)
        self._last = 0.0

    def start(self) -> None:
        """Begin to check; nothing happens when that was begun."""
        if not self._timer:
            self._check_later()

    def stop(self) -> None:
        """Check no more."""
        self._timer.cancel()

    def _check_later(self) -> None:
        self._last = self._reactor.seconds()
        self._timer.start(CHECK_SECONDS)

    def _check(self) -> None:
        late = self._reactor.seconds() - self._last - CHECK_SECONDS
        self._check_later()
        if abs(late) > LATE_SECONDS:
            self._woke()
