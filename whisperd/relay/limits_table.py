"""The limits of a relay as rows to show: each with its use, its refusals, and how often it slowed somebody down."""

from __future__ import annotations

from whisperd.relay.access import AccessCodes
from whisperd.relay.bounds import GAUGES, RATES
from whisperd.relay.buckets import Scope, ScopeBounds
from whisperd.relay.limits import SPARE_SOCKETS, RelayLimits

#: Limits that are no numbers at a time and no rates -> the code of their refusals.
_OTHERS = {
    "max_frame": "frame-too-large",
    "max_unsent": "slow-reader",
    "handshake_timeout": "handshake-timeout",
    "join_timeout": "join-timeout",
    "room_expiry": "expired",
}

Row = dict[str, object]


def rows(limits: RelayLimits, listeners: list[Scope], now: float) -> list[Row]:
    """Return one row for each limit that is in force.

    ``used`` is what there is at the moment, of the busiest listener where it is a listener's, and of a rate what is
    used up of its burst; None where it is not counted together. ``most`` is the bound, of a rate its whole burst.
    """
    total = limits.total.level
    sockets = limits.bounds.max_connections + SPARE_SOCKETS
    return [_row("sockets", total.name, sockets, limits.sockets, total.refused["sockets"], 0),
            *_level(limits, total, [limits.total], now), *_level(limits, limits.listener, listeners, now),
            *_level(limits, limits.circuit, [], now),
            *(_row(name, "connection", getattr(limits.bounds, name), None, limits.refused[code], 0)
              for name, code in _OTHERS.items())]


def guesses(access: AccessCodes, now: float) -> list[Row]:
    """Return the same for wrong access codes a minute, where codes are needed."""
    found = [_row("access_guesses", "total", access.guesses, access.guessed(now), access.refused["total"], 0),
             _row("access_guesses", "circuit", access.circuit_guesses, None, access.refused["circuit"], 0)]
    return [row for row in found if access.required and row["most"]]


def _level(limits: RelayLimits, level: ScopeBounds, scopes: list[Scope], now: float) -> list[Row]:
    burst = limits.bounds.burst
    found = []
    for number, name in enumerate(GAUGES):
        used = max((scope.held[number] for scope in scopes), default=None)
        found.append(_row(name, level.name, level.most[number], used, level.refused[name], 0))
    for number, name in enumerate(RATES):
        rate = level.rates[number]
        spent = max((scope.spent(number, now, burst) for scope in scopes), default=None)
        found.append(_row(name, level.name, rate * burst, None if spent is None else round(spent * rate),
                          level.refused[name], level.slowed[name]))
    return [row for row in found if row["most"]]


def _row(limit: str, scope: str, most: int, used: int | None, refused: int, slowed: int) -> Row:
    return {"limit": limit, "scope": scope, "most": most, "used": used, "refused": refused, "slowed": slowed}
