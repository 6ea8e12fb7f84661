"""The bounds of a relay, as its configuration gives them, and how they are spread over its limit scopes."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import asdict

from whisperd.config import RelaySection
from whisperd.relay.limits import GAUGES, RATES, Bounds


class ConfiguredBounds(Struct, frozen=True, kw_only=True):
    """The keys of ``[relay]`` that bound something; each is described in whisperd.toml(5)."""

    max_connections: int
    max_rooms: int
    max_waiting: int
    max_frame: int
    max_unsent: int
    max_unsent_total: int
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

    def spread(self) -> Bounds:
        """Return what holds for each limit scope; a listener has its share in percent, and with 100 no bound."""
        values = asdict(self)
        share = 0 if self.listener_share == 100 else self.listener_share
        maxima, rates = tuple(values[f"max_{name}"] for name in GAUGES), tuple(values[name] for name in RATES)
        by_scope = {
            "circuit": (tuple(values[f"circuit_{name}"] for name in GAUGES),
                        tuple(values[f"circuit_{name}"] for name in RATES)),
            "listener": (tuple(-(-number * share // 100) for number in maxima),
                         tuple(-(-rate * share // 100) for rate in rates)),
            "total": (maxima, rates),
        }
        others = {name: values[name] for name in Bounds.__struct_fields__ if name != "by_scope"}
        return Bounds(**others, by_scope=by_scope)


def read(settings: RelaySection, connections: int) -> Bounds:
    """Return the bounds that ``settings`` has as attributes; ``connections`` is what 0 connections or rooms mean."""
    values = {name: getattr(settings, name) for name in ConfiguredBounds.__struct_fields__}
    values["max_connections"] = connections
    return ConfiguredBounds(**{**values, "max_rooms": values["max_rooms"] or connections}).spread()
