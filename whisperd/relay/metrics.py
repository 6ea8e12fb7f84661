"""What a relay counts, as text that Prometheus reads: counters and gauges only, and nothing of any one client.

[Prometheus, text-based exposition format 0.0.4; whisperctl(1), METRICS]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Labels = tuple[tuple[str, str], ...]
Samples = list[tuple[Labels, float]]


@dataclass(frozen=True)
class Metric:
    """One row of the table: "counter" or "gauge", and what it counts."""

    kind: str
    help: str
    labels: tuple[str, ...] = ()


METRICS: dict[str, Metric] = {
    "whisperd_relay_connections": Metric("gauge", "WebSockets that are open."),
    "whisperd_relay_rooms": Metric("gauge", "Rooms.", ("state",)),
    "whisperd_relay_draining": Metric("gauge", "1 while no room is opened, otherwise 0."),
    "whisperd_relay_access_codes": Metric("gauge", "Access codes that are good."),
    "whisperd_relay_frames_total": Metric("counter", "Frames that came in."),
    "whisperd_relay_bytes_total": Metric("counter", "Bytes of the frames that came in."),
    "whisperd_relay_refused_total": Metric("counter", "Refusals, by what was told.", ("code",)),
    "whisperd_relay_limit": Metric("gauge", "What a limit allows.", ("limit", "scope")),
    "whisperd_relay_limit_used": Metric("gauge", "What is used of a limit.", ("limit", "scope")),
    "whisperd_relay_limit_refused_total": Metric("counter", "Refusals of a limit.", ("limit", "scope")),
    "whisperd_relay_limit_slowed_total": Metric("counter", "How often a limit slowed somebody down.",
                                                ("limit", "scope")),
    "whisperd_relay_tls_handshakes_total": Metric("counter", "TLS handshakes, by their key agreement.", ("group",)),
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
        "limit": [(labels, row["most"]) for labels, row in rows],
        "limit_used": [(labels, row["used"]) for labels, row in rows if row["used"] is not None],
        "limit_refused_total": [(labels, row["refused"]) for labels, row in rows],
        "limit_slowed_total": [(labels, row["slowed"]) for labels, row in rows if row["limit"].endswith("_rate")],
        "tls_handshakes_total": [((("group", group),), number) for group, number in sorted(groups.items())],
    }
    return "\n".join(line for name, metric in METRICS.items()
                     for line in _lines(name, metric, samples[name.removeprefix("whisperd_relay_")])) + "\n"


def _lines(name: str, metric: Metric, samples: Samples) -> Iterator[str]:
    yield f"# HELP {name} {metric.help}"
    yield f"# TYPE {name} {metric.kind}"
    for labels, value in samples:
        inner = ",".join(f'{label}="{word}"' for label, word in labels)
        yield f"{name}{{{inner}}} {value}" if inner else f"{name} {value}"
