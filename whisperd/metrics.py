"""Metrics as text that Prometheus reads: counters and gauges only, no label that names anybody; and the daemon's own.

[Prometheus, text-based exposition format 0.0.4; whisperctl(1), METRICS]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from whisperd.wire.results import DaemonStatus

Labels = tuple[tuple[str, str], ...]
Samples = list[tuple[Labels, float]]


@dataclass(frozen=True)
class Metric:
    """One row of a table: "counter" or "gauge", and what it counts."""

    kind: str
    help: str
    labels: tuple[str, ...] = ()


METRICS: dict[str, Metric] = {
    "whisperd_uptime_seconds": Metric("gauge", "Seconds since the daemon started."),
    "whisperd_tor_up": Metric("gauge", "1 while tor is up, otherwise 0; absent where the daemon uses none, or "
                               "cannot know."),
    "whisperd_onion_up": Metric("gauge", "1 while the onion service is published, otherwise 0; absent where none "
                                 "is wanted."),
    "whisperd_onion_reached_age_seconds": Metric(
        "gauge", "Seconds since the onion service was last reached through Tor; absent if it never was."),
}


def text(status: DaemonStatus) -> str:
    """Return the daemon's own metrics, of what ``status`` answers."""
    tor, onion = status.tor, status.tor.onion
    age = onion.reached_age
    return exposition(METRICS, {
        "whisperd_uptime_seconds": [((), status.uptime)],
        "whisperd_tor_up": [((), int(tor.state == "up"))] if tor.mode != "off" and tor.state != "unknown" else [],
        "whisperd_onion_up": [((), int(onion.state == "up"))] if onion.wanted else [],
        "whisperd_onion_reached_age_seconds": [] if age is None else [((), age)],
    })


def exposition(table: Mapping[str, Metric], samples: Mapping[str, Samples]) -> str:
    """Return the samples of every metric in ``table``, with help and type; ends with a newline."""
    return "".join(f"{line}\n" for name, metric in table.items() for line in _lines(name, metric, samples[name]))


def _lines(name: str, metric: Metric, samples: Samples) -> Iterator[str]:
    yield f"# HELP {name} {metric.help}"
    yield f"# TYPE {name} {metric.kind}"
    for labels, value in samples:
        inner = ",".join(f'{label}="{word}"' for label, word in labels)
        yield f"{name}{{{inner}}} {value}" if inner else f"{name} {value}"
