"""``whisperctl status --json`` as a whole process, beside what its interpreter and its imports cost."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from contrib.bench.daemons import BIN, whisperd_relay
from contrib.bench.harness import Round, Row, interleave

ROUNDS = 15
#: Milliseconds within which the whole command has to be done.
AT_ONCE = 150.0
NAME = "whisperctl status --json, whole process"


def wall(command: list[str], environment: dict[str, str]) -> Round:
    """Return a round that runs ``command`` once; milliseconds from start to exit."""

    def run() -> float:
        start = time.perf_counter_ns()
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
        return (time.perf_counter_ns() - start) / 1e6

    return run


def measure() -> list[Row]:
    """Ask a relay daemon for its status."""
    with whisperd_relay() as daemon:
        environment = {**os.environ, "WHISPERD_SOCKET": daemon.control}
        found = interleave({
            "status": wall([str(BIN / "whisperctl"), "status", "--json"], environment),
            "imports": wall([sys.executable, "-c", "import click, msgspec"], environment),
            "bare": wall([sys.executable, "-c", "pass"], environment),
        }, ROUNDS)
    return [
        Row(NAME, "ms", found["status"], "what a person takes for at once", AT_ONCE, target=1.0),
        Row(NAME, "ms", found["status"], "python importing click and msgspec", found["imports"]),
        Row(NAME, "ms", found["status"], "bare python", found["bare"]),
    ]
