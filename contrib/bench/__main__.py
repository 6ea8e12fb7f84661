"""``python -m contrib.bench [SUBJECT...]``: measure, print a table, write build/bench.json."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from contrib.bench import exchanges, handshake, invite, ratchet, recovery, relay, throughput, turns, whisperctl
from contrib.bench.harness import Row

SUBJECTS: dict[str, Callable[[], list[Row]]] = {
    "relay": relay.measure,
    "whisperctl": whisperctl.measure,
    "ratchet": ratchet.measure,
    "exchanges": exchanges.measure,
    "handshake": handshake.measure,
    "invite": invite.measure,
    "turns": turns.measure,
    "recovery": recovery.measure,
    "throughput": throughput.measure,
}
REPORT = Path("build/bench.json")


def table(rows: list[Row]) -> Table:
    """Return the rows as they are printed."""
    shown = Table(title="whisperd, measured against")
    for heading in ("what", "value", "against", "reference", "ratio", "target"):
        shown.add_column(heading, justify="left" if heading in ("what", "against") else "right")
    for row in rows:
        verdict = "" if row.target is None else f"≤ {row.target:g} {'ok' if row.reached else 'missed'}"
        shown.add_row(row.name, f"{row.value:.4g} {row.unit}", row.against, f"{row.reference:.4g} {row.unit}",
                      f"{row.ratio:.2f}", verdict)
    return shown


def main(names: list[str]) -> int:
    """Measure the subjects named, or all; return 2 for a name that is none."""
    unknown = set(names) - set(SUBJECTS)
    if unknown:
        print(f"no such subject: {', '.join(sorted(unknown))}; there are {', '.join(SUBJECTS)}", file=sys.stderr)
        return 2
    rows: list[Row] = []
    for name in names or SUBJECTS:
        print(f"==> measuring {name}", flush=True)
        rows += SUBJECTS[name]()
    Console(width=None if sys.stdout.isatty() else 150).print(table(rows))
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps([row.as_json() for row in rows], indent=1) + "\n")
    print(f"written: {REPORT}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
