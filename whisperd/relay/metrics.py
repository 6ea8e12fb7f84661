"""What a relay counts, for ``whisperd.metrics``: nothing of any one client. [whisperctl(1), METRICS]"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whisperd.metrics import Metric, Samples, exposition

METRICS: dict[str, Metric] = {
    "whisperd_relay_connections": Metric("gauge", "Open WebSockets."),
    "whisperd_relay_rooms": Metric("gauge", "Rooms.", ("state",)),
    "whisperd_relay_draining": Metric("gauge", "1 while the relay opens no new rooms, otherwise 0."),
    "whisperd_relay_access_codes": Metric("gauge", "Valid access codes."),
    "whisperd_relay_frames_total": Metric("counter", "Frames received."),
    "whisperd_relay_bytes_total": Metric("counter", "Bytes of the frames received."),
    "whisperd_relay_refused_total": Metric("counter", "Refusals, by error code.", ("code",)),
    "whisperd_relay_limit": Metric("gauge", "The value of a limit.", ("limit", "scope")),
    "whisperd_relay_limit_used": Metric("gauge", "The part of a limit that is in use.", ("limit", "scope")),
    "whisperd_relay_limit_refused_total": Metric("counter", "Refusals because of a limit.", ("limit", "scope")),
    "whisperd_relay_limit_slowed_total": Metric("counter", "Number of times a limit slowed a client down.",
                                                ("limit", "scope")),
    "whisperd_relay_tls_handshakes_total": Metric("counter", "TLS handshakes, by key agreement.", ("group",)),
}


def text(status: Mapping[str, Any], limits: list[dict[str, Any]], counted: Mapping[str, int],
         groups: Mapping[str, int]) -> str:
    """Return the whole text, of what the relay shows elsewhere and of ``counted``: frames, bytes, access codes."""
    rows = [((("limit", row["limit"]), ("scope", row["scope"])), row) for row in limits]
    samples: dict[str, Samples] = {
        "connections": [((), status["connections"])],
        "rooms": [((("state", state),), status[state]) for state in ("paired", "waiting")],
        "draining": [((), int(status["draining"]))],
        "access_codes": [((), counted["codes"])],
        "frames_total": [((), counted["frames"])],
        "bytes_total": [((), counted["bytes"])],
        "refused_total": [((("code", code),), number) for code, number in sorted(status["refused"].items())],
        "limit": [(labels, row["max"]) for labels, row in rows],
        "limit_used": [(labels, row["used"]) for labels, row in rows if row["used"] is not None],
        "limit_refused_total": [(labels, row["refused"]) for labels, row in rows],
        "limit_slowed_total": [(labels, row["slowed"]) for labels, row in rows if row["limit"].endswith("_rate")],
        "tls_handshakes_total": [((("group", group),), number) for group, number in sorted(groups.items())],
    }
    return exposition(METRICS, {f"whisperd_relay_{name}": values for name, values in samples.items()})
