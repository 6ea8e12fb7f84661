"""One client that follows the log: what it is told, and what becomes of it when it does not read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.python import threadable

from whisperd import logs
from whisperd.logs import LEVELS, LogLine
from whisperd.wire.control import Event

#: Lines that a client may be behind, once its socket is full, before it is cut off.
MAX_BEHIND = 256


class LogReader(Protocol):
    """The client that follows the log."""

    @property
    def uid(self) -> int:
        """The number of its user."""

    @property
    def slow(self) -> bool:
        """Whether what was written waits for the client."""

    def tell(self, event: Event) -> None:
        """Write one notification."""

    def finish(self) -> None:
        """Close, after what is written has been read."""

    def in_reactor(self, call: Callable[[], None]) -> None:
        """Call in the thread of the reactor, soon."""


class Following:
    """Tells ``client`` the last ``lines`` lines of at least ``level``, then each as it is written, until ``stop``."""

    def __init__(self, client: LogReader, level: str, lines: int) -> None:
        self._client = client
        self._level = LEVELS.index(level)
        self._first = logs.recent(level, lines)
        self._behind: list[LogLine] = []
        self._end: Callable[[], None] | None = logs.follow(self._hear)
        self._started = False

    def start(self) -> None:
        """Begin to tell."""
        self._started = True
        waiting, self._first = self._first, []
        for line in waiting:
            self._tell(line)

    def stop(self) -> None:
        """Tell nothing more."""
        if self._end is not None:
            self._end()
            self._end = None

    def _hear(self, line: LogLine) -> None:
        if threadable.isInIOThread():
            self._tell(line)
        else:
            self._client.in_reactor(lambda: self._tell(line))

    def _tell(self, line: LogLine) -> None:
        if self._end is None or LEVELS.index(line.level) < self._level:
            return
        if not self._started:
            self._first.append(line)
        elif not self._client.slow:
            self._flush()
            self._client.tell(shown(line))
        elif len(self._behind) < MAX_BEHIND:
            self._behind.append(line)
        else:
            self._drop()

    def _flush(self) -> None:
        waiting, self._behind = self._behind, []
        for line in waiting:
            self._client.tell(shown(line))

    def _drop(self) -> None:
        self.stop()
        self._client.tell({"event": "log-dropped", "lines": len(self._behind) + 1})
        self._client.finish()
        logs.note("control-dropped", uid=self._client.uid)

    def caught_up(self) -> None:
        """The client reads again."""
        if self._end is not None:
            self._flush()


def shown(line: LogLine) -> Event:
    """Return the notification for a line."""
    return {"event": "log-line", "time": line.stamp, "level": line.level, "kind": line.event,
            "fields": dict(line.fields)}
