"""What one relay admits, and what it has refused so far. [whisperd-protocol(7), RELAY LIMITS]

Sizes are in bytes, times in seconds. Every refusal has a code of ``wire.frames.ERRORS``. What is limited here is
limited over all listeners together, and never by address: every client of an onion service comes from 127.0.0.1.
"""

from __future__ import annotations

from collections import Counter

#: Sockets beyond ``max_connections`` that are let in, so that health checks are answered and refusals explained.
SPARE_SOCKETS = 32


class Limits:
    """The counters of one relay against its bounds."""

    def __init__(self, *, max_connections: int, max_rooms: int, max_frame: int, room_expiry: int) -> None:
        self.max_connections = max_connections
        self.max_rooms = max_rooms
        self.max_frame = max_frame
        self.room_expiry = room_expiry
        self.sockets = 0
        self.connections = 0
        self.refused: Counter[str] = Counter()

    def socket_opened(self) -> bool:
        """Count a new socket in, whatever it is going to speak; False: close it without a word."""
        if self.sockets >= self.max_connections + SPARE_SOCKETS:
            self.refused["too-many-connections"] += 1
            return False
        self.sockets += 1
        return True

    def socket_closed(self) -> None:
        self.sockets -= 1

    def connection_opened(self) -> bool:
        """Count a socket in that asks to become a WebSocket; False: answer ``too-many-connections``."""
        if self.connections >= self.max_connections:
            self.refused["too-many-connections"] += 1
            return False
        self.connections += 1
        return True

    def connection_closed(self) -> None:
        self.connections -= 1

    def room_allowed(self, rooms: int) -> bool:
        """Return whether one more room may be opened beside ``rooms``; False: answer ``too-many-rooms``."""
        return rooms < self.max_rooms
