"""What waits for slow clients, of one and of all of them: who does not read must not fill the memory of the relay."""

from __future__ import annotations

from typing import Protocol

from whisperd.relay.limits import RelayLimits
from whisperd.relay.session import Session
from whisperd.relay.transport import Connection

#: Bytes that a transport holds by itself before anything is counted here; a client that is counted has that many more.
OWN_BUFFER = Connection.bufferSize


class SlowReader(Protocol):
    """The connection of a client for whom bytes wait."""

    session: Session | None

    def dropConnection(self, abort: bool = False) -> None:
        """Close it, at once and with all that waits for it when ``abort`` is true. [autobahn]"""


class _Waiting:
    """What waits for one client: ``used`` of what may wait for it, and the bytes that it ``holds`` in memory."""

    __slots__ = ("holds", "used")

    def __init__(self) -> None:
        self.used = 0
        self.holds = OWN_BUFFER


class UnsentBytes:
    """The bytes that wait for the slow clients of one relay, its listeners taken together."""

    def __init__(self, limits: RelayLimits) -> None:
        self.total = 0
        self._limits = limits
        self._waiting: dict[SlowReader, _Waiting] = {}
        self._cut: set[SlowReader] = set()  # those that are not gone yet
        self._cutting = False

    def add(self, client: SlowReader, size: int, maximum: int) -> bool:
        """Count ``size`` bytes more that wait for ``client``; return False when that is more than ``maximum`` for it,
        or when it had to be cut off. What it is told of it afterwards may take up to ``maximum`` again.

        When all together wait for more than the relay may hold, those with most are cut off."""
        if client in self._cut:
            return False
        waiting = self._waiting.get(client)
        if waiting is None:
            waiting = self._waiting[client] = _Waiting()
            self.total += waiting.holds
        waiting.used += size
        if waiting.used > maximum:
            waiting.used = -maximum
            return False
        waiting.holds += size
        self.total += size
        if not self._cutting:
            self._cut_the_worst()
        return client not in self._cut

    def forget(self, client: SlowReader) -> None:
        """Nothing waits for ``client`` any more: it has read all, or it is gone."""
        self._cut.discard(client)
        self._uncount(client)

    def _cut_the_worst(self) -> None:
        """Cut off those with most until the rest fits. Their partners are told, which may count bytes here again."""
        self._cutting = True
        try:
            while self.total > self._limits.bounds.max_unsent_total and self._waiting:
                worst = max(self._waiting, key=lambda each: self._waiting[each].holds)
                self._uncount(worst)
                self._cut.add(worst)
                self._limits.total.limits.refused["unsent"] += 1
                worst.dropConnection(abort=True)
                if worst.session is not None:  # it is told nothing: what it would be told would wait, too
                    worst.session.refuse("slow-reader")
        finally:
            self._cutting = False

    def _uncount(self, client: SlowReader) -> None:
        waiting = self._waiting.pop(client, None)
        if waiting is not None:
            self.total -= waiting.holds
