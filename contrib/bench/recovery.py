"""How long the onion, and a conversation over it, take to come back after each thing that can happen to tor.

Real tor processes on a private network; the stage and the faults are those of tests/integration/faults.py. Everything
is measured against what a tor of this run took from its start to an onion that answers: below that nothing that loses
its tor can come.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.defer import ensureDeferred
from twisted.internet.task import react

from contrib.bench.harness import Row

FLOOR = "start of a fresh tor to an answer"
#: Seconds that all of it may take.
DEADLINE = 900


def measure() -> list[Row]:
    """Have every fault strike once, in a process of its own, whose reactor ends with it."""
    done = subprocess.run([sys.executable, "-m", "contrib.bench.recovery"], stdout=subprocess.PIPE, timeout=DEADLINE,
                          check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return [Row(f"after {name}: {what}", "s", seconds, FLOOR, found["floor"])
            for name, figures in found["faults"].items() for what, seconds in figures.items()]


async def _strike_all(reactor: Any) -> dict[str, Any]:
    from tests.integration import faults
    from tests.integration.half_open import control_half_open
    from tests.tor.proxy import CUT_AFTER
    from whisperd.tor.service import TorService
    from whisperd.tor.testnet import Testnet

    strikes = {
        "SIGKILL of tor and its restart": faults.tor_killed,
        "a cut of the control connection": faults.control_cut,
        "a cut while tor adds the onion": faults.cut_at_verb(CUT_AFTER, "ADD_ONION", TorService.republish),
        "a control connection that only tor takes for open": control_half_open(0),
        "three refusals of tor": faults.tor_refusing(3),
        "10 s of SIGSTOP": faults.tor_stopped(10),
        "65 s of SIGSTOP, which are noticed": faults.tor_stopped(65),
        "10 s without directory authorities while publishing": faults.authorities_away(10),
        "10 s without any relay": faults.network_away(10),
    }
    network = await Testnet.up(reactor=reactor)
    try:
        with tempfile.TemporaryDirectory(prefix="whisperd-bench-") as folder:
            async with faults.stage(Path(folder), network) as scene:
                found = {name: await faults.recover(scene, strike) for name, strike in strikes.items()}
                floor = scene.published
            (Path(folder) / "launched").mkdir(mode=0o700)
            async with faults.stage(Path(folder) / "launched", network, launch=True) as scene:
                found["SIGKILL of a launched tor"] = await faults.recover(scene,
                                                                          faults.launched_tor_gets(signal.SIGKILL))
    finally:
        await network.down()
    return {"floor": floor, "faults": {name: {"the onion answers": each.onion, "the conversation goes on":
                                              each.conversation} for name, each in found.items()}}


def main() -> None:
    """Print what was found as JSON."""
    react(lambda reactor: ensureDeferred(_strike_all(reactor)).addCallback(lambda found: print(json.dumps(found))))


if __name__ == "__main__":
    main()
