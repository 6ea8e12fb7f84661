"""Which sockets and WebSockets a relay lets in, and what each is counted for. [whisperd-protocol(7), RELAY LIMITS]"""

from __future__ import annotations

from collections import deque
from weakref import WeakValueDictionary

from whisperd.relay.limits import CONNECTIONS, CONNECTS, Denial, LimitScope, RelayLimits
from whisperd.relay.unsent import UnsentBytes

#: Sockets beyond ``max_connections`` that are let in, so that health checks are answered and refusals explained.
SPARE_SOCKETS = 32
#: Circuits that are remembered after they have gone, until their buckets are full again; at most so many.
MAX_REMEMBERED = 4_096


class ConnectionLimits:
    """The sockets of one relay against its limits. Nobody is remembered for longer than it takes a bucket to fill up
    again."""

    def __init__(self, limits: RelayLimits) -> None:
        self.sockets = 0
        self.unsent = UnsentBytes(limits)
        self.circuits: WeakValueDictionary[tuple[LimitScope, object], LimitScope] = WeakValueDictionary()
        self._limits = limits
        self._remembered: deque[tuple[float, LimitScope]] = deque(maxlen=MAX_REMEMBERED)

    @property
    def connections(self) -> int:
        """Return how many WebSockets are open."""
        return self._limits.total.used[CONNECTIONS]

    @property
    def max_sockets(self) -> int:
        """Return how many sockets there may be at a time."""
        return self._limits.bounds.max_connections + SPARE_SOCKETS

    def new_listener(self) -> LimitScope:
        """Return the limit scope of one more listener."""
        return LimitScope(self._limits.listener, self._limits.total)

    def source(self, listener: LimitScope, circuit: object, now: float) -> LimitScope:
        """Return the limit scope of a circuit of this listener; ``circuit`` None: of a connection by itself."""
        if circuit is None:
            return LimitScope(self._limits.circuit, listener)
        source = self.circuits.setdefault((listener, circuit), LimitScope(self._limits.circuit, listener))
        self._remembered.append((now, source))
        return source

    def forget(self, now: float) -> None:
        """Let go of circuits that nothing else holds and whose buckets are full again."""
        while self._remembered and abs(now - self._remembered[0][0]) >= 3 * self._limits.bounds.burst:
            self._remembered.popleft()

    def socket_opened(self) -> bool:
        """Count a new socket in, whatever it is going to speak; False: close it without a word."""
        if self.sockets >= self.max_sockets:
            self._limits.refused["too-many-connections"] += 1
            self._limits.total.limits.refused["sockets"] += 1
            return False
        self.sockets += 1
        return True

    def socket_closed(self) -> None:
        """Count a socket out."""
        self.sockets -= 1

    def connect(self, source: LimitScope, now: float) -> Denial | None:
        """Count a socket in that asks to become a WebSocket, or return why not."""
        denial = self._limits.full(source, CONNECTIONS) or self._limits.take(source, CONNECTS, now)
        if denial is None:
            for scope in source:
                scope.used[CONNECTIONS] += 1
        else:
            self._limits.refused[denial.code] += 1
        return denial

    def disconnect(self, source: LimitScope) -> None:
        """Count out what ``connect`` has counted in."""
        for scope in source:
            scope.used[CONNECTIONS] -= 1
