"""What waits for slow clients, of one and of all of them: who does not read must not fill the memory of the relay.

Only what waits counts, and not what has gone out meanwhile: who reads is never too slow, however much there is to read.
"""

from __future__ import annotations

from typing import Protocol

from twisted.internet.abstract import FileDescriptor
from twisted.protocols.policies import ProtocolWrapper

from whisperd.relay.limits import RelayLimits
from whisperd.relay.session import Session
from whisperd.relay.transport import Connection

#: Bytes that a transport holds by itself before anything is counted here; a client that is counted has that many more.
OWN_BUFFER = Connection.bufferSize


class SlowReader(Protocol):
    """The connection of a client for whom bytes wait."""

    session: Session | None

    @property
    def transport(self) -> object:
        """The Twisted transport that it writes to."""

    def dropConnection(self, abort: bool = False) -> None:
        """Close it, at once and with all that waits for it when ``abort`` is true. [autobahn]"""


class _Waiting:
    """The bytes that one client ``holds`` in memory, and whether it was ``told`` that they are too many."""

    __slots__ = ("holds", "told")

    def __init__(self) -> None:
        self.holds = 0
        self.told = False


class UnsentBytes:
    """The bytes that wait for the slow clients of one relay, its listeners taken together.

    ``total`` is what they were when each was last looked at: at most so many wait."""

    def __init__(self, limits: RelayLimits) -> None:
        self.total = 0
        self._limits = limits
        self._waiting: dict[SlowReader, _Waiting] = {}
        self._cut: set[SlowReader] = set()  # those that are not gone yet
        self._cutting = False

    def add(self, client: SlowReader, size: int, maximum: int) -> bool:
        """Count ``size`` bytes more that are to wait for ``client``; return False if that is more than ``maximum`` or
        when it had to be cut off. What it is told of it afterwards may take up to ``maximum`` again.

        When all together wait for more than the relay may hold, those with most are cut off."""
        if client in self._cut:
            return False
        waiting = self._waiting.setdefault(client, _Waiting())
        if unsent(client.transport) + size > maximum * (1 + waiting.told):
            waiting.told = True
            return False
        self._measure(client, size)
        if not self._cutting:
            self._cut_the_worst(client, size)
        return client not in self._cut

    def forget(self, client: SlowReader) -> None:
        """Nothing waits for ``client`` any more: it has read all, or it is gone."""
        self._cut.discard(client)
        self._uncount(client)

    def _measure(self, client: SlowReader, coming: int) -> bool:
        """Count what waits for a client now; return whether that is less than it was."""
        waiting, before = self._waiting[client], self._waiting[client].holds
        waiting.holds = OWN_BUFFER + unsent(client.transport) + coming
        self.total += waiting.holds - before
        return waiting.holds < before

    def _cut_the_worst(self, writing: SlowReader, size: int) -> None:
        """Cut off those with most until the rest fits. Their partners are told, which may count bytes here again.

        ``size`` bytes are about to be written for ``writing``."""
        self._cutting = True
        try:
            while self.total > self._limits.bounds.max_unsent_total and self._waiting:
                worst = max(self._waiting, key=lambda each: self._waiting[each].holds)
                if self._measure(worst, size if worst is writing else 0):
                    continue  # it has read since
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


def unsent(transport: object) -> int:
    """Return how many bytes wait at the socket below ``transport``, beneath TLS and the like."""
    while isinstance(transport, ProtocolWrapper):
        transport = transport.transport
    if not isinstance(transport, FileDescriptor):
        return 0
    return len(transport.dataBuffer) - transport.offset + transport._tempDataLen
