"""The bounds of a relay, as its configuration gives them, and how they are spread over its scopes.

A scope is a circuit, a listener or the whole relay. 0 stands for no bound of its own.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

#: What there may be so many of at a time, and what may come so often in a second; indices into a scope's lists.
GAUGES = ("connections", "rooms", "waiting")
RATES = ("connection_rate", "join_rate", "frame_rate", "byte_rate")
CONNECTIONS, ROOMS, WAITING = range(3)
CONNECTS, JOINS, FRAMES, BYTES = range(4)

#: Limit -> the error that says that it is reached.
CODES = {
    "connections": "too-many-connections",
    "rooms": "too-many-rooms",
    "waiting": "too-many-waiting",
    "connection_rate": "too-many-connections",
    "join_rate": "too-many-joins",
    "frame_rate": "too-many-frames",
    "byte_rate": "too-many-bytes",
}


class Bounds(Struct, frozen=True, kw_only=True):
    """The keys of ``[relay]`` that bound something; each is described in whisperd.toml(5)."""

    max_connections: int
    max_rooms: int
    max_waiting: int
    max_frame: int
    max_unsent: int
    room_expiry: int
    handshake_timeout: int
    join_timeout: int
    burst: int
    connection_rate: int
    join_rate: int
    frame_rate: int
    byte_rate: int
    listener_share: int
    circuit_connections: int
    circuit_rooms: int
    circuit_waiting: int
    circuit_connection_rate: int
    circuit_join_rate: int
    circuit_frame_rate: int
    circuit_byte_rate: int

    @classmethod
    def read(cls, settings: Any, connections: int) -> Bounds:
        """Return the bounds that ``settings`` has as attributes; ``connections`` is what 0 stands for."""
        values = {name: getattr(settings, name) for name in cls.__struct_fields__}
        values["max_connections"] = connections
        return cls(**{**values, "max_rooms": values["max_rooms"] or connections})

    def of(self, level: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the most at a time, by GAUGES, and the rates a second, by RATES, of one kind of scope."""
        values = asdict(self)
        if level == "circuit":
            return (tuple(values[f"circuit_{name}"] for name in GAUGES),
                    tuple(values[f"circuit_{name}"] for name in RATES))
        most, rates = tuple(values[f"max_{name}"] for name in GAUGES), tuple(values[name] for name in RATES)
        if level == "total":
            return most, rates
        share = self.listener_share
        if share == 100:
            return (0,) * len(GAUGES), (0,) * len(RATES)
        return tuple(-(-number * share // 100) for number in most), tuple(-(-rate * share // 100) for rate in rates)
