"""The limits of a relay as rows to show: each with its use, its refusals, and how often it slowed somebody down."""

from __future__ import annotations

from whisperd.relay.access_codes import AccessCodes
from whisperd.relay.admission import ConnectionLimits
from whisperd.relay.limits import GAUGES, RATES, LimitScope, RelayLimits, ScopeLimits

#: Limits that are no numbers at a time and no rates -> the code of their refusals.
_OTHERS = {
    "max_frame": "frame-too-large",
    "max_unsent": "slow-reader",
    "handshake_timeout": "handshake-timeout",
    "join_timeout": "join-timeout",
    "room_expiry": "expired",
}

Row = dict[str, object]


def rows(limits: RelayLimits, sockets: ConnectionLimits, listeners: list[LimitScope], now: float) -> list[Row]:
    """Return one row for each limit that is in force.

    ``used`` is what there is at the moment, of the busiest listener where it is a listener's, and of a rate what is
    used up of its burst; None where it is not counted together. ``max`` is the bound, of a rate its whole burst.
    """
    total = limits.total.limits
    return [_row("sockets", total.name, sockets.max_sockets, sockets.sockets, total.refused["sockets"], 0),
            _row("unsent", total.name, limits.bounds.max_unsent_total, sockets.unsent.total,
                 total.refused["unsent"], 0),
            *_rows_of(total, [limits.total], now), *_rows_of(limits.listener, listeners, now),
            *_rows_of(limits.circuit, [], now),
            *(_row(name, "connection", getattr(limits.bounds, name), None, limits.refused[code], 0)
              for name, code in _OTHERS.items())]


def guesses(access: AccessCodes, now: float) -> list[Row]:
    """Return the same for wrong access codes a minute, where codes are needed."""
    found = [_row("access_guesses", "total", access.guesses, access.guessed(now), access.refused["total"], 0),
             _row("access_guesses", "circuit", access.circuit_guesses, None, access.refused["circuit"], 0)]
    return [row for row in found if access.required and row["max"]]


def _rows_of(limits: ScopeLimits, counted: list[LimitScope], now: float) -> list[Row]:
    found = []
    for number, name in enumerate(GAUGES):
        used = max((scope.used[number] for scope in counted), default=None)
        found.append(_row(name, limits.name, limits.max[number], used, limits.refused[name], 0))
    for number, name in enumerate(RATES):
        bucket = limits.buckets[number]
        spent = max((bucket.spent(scope.until[number], now) for scope in counted), default=None)
        found.append(_row(name, limits.name, round(bucket.rate * bucket.burst),
                          None if spent is None else round(spent * bucket.rate),
                          limits.refused[name], limits.slowed[name]))
    return [row for row in found if row["max"]]


def _row(limit: str, scope: str, maximum: int, used: int | None, refused: int, slowed: int) -> Row:
    return {"limit": limit, "scope": scope, "max": maximum, "used": used, "refused": refused, "slowed": slowed}
