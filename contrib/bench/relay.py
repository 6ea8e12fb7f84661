"""The relay beside a relay written straight onto autobahn, one of Node and ws, and peerjs-server; same run, same load.

The targets are against those of Node, and are stated for WH15P3R's dialect: the rows of ``whisperd.1`` stand beside the
same ones. Where there is no Node, a line says so before the table, and the comparison with autobahn stands alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from statistics import median, quantiles

from contrib.bench import node_peers, relay_loads
from contrib.bench.daemons import Started, autobahn_relay, pipe, whisperd_relay
from contrib.bench.dialects import Meeting, PeerJs, Piped, Whisper, Whisperd
from contrib.bench.harness import Round, Row, in_turns, interleave
from contrib.bench.relay_crowd import Crowd, before_others
from contrib.setup.pgo import with_pgo

ROUNDS = 9
WARM_UP = 5
CROWD_ROUNDS = 45
IDLE_ROUNDS = 3
PLAIN, NODE, PEERJS = "plain autobahn relay", "Node ws relay", "peerjs-server"
PIPE = "bytes through Python, no relay"
#: (bytes of a message, messages under way at a time, target against Node)
LOADS = ((300, 1, 0.85), (300, 8, 0.5), (3000, 8, 0.45))
DIALECTS: dict[str, tuple[Meeting, str | None]] = {"WH15P3R": (Whisper, None), "whisperd.1": (Whisperd, "whisperd.1")}


def measure() -> list[Row]:
    """Load all relays in turns."""
    print(f"    Python {sys.version.split()[0]}, built with{'' if with_pgo() else 'out'} PGO: {sys.executable}")
    missing = node_peers.install()
    print(f"    Node: {missing or node_peers.version()}")
    print("    Ours has every limit, ping and check on, and hashes tokens; the others do not.\n"
          "    Under these loads ours, that on autobahn and that on ws say the same frames to the same clients.\n"
          "    The targets are stated for WH15P3R's dialect; whisperd.1 is held against the same ones. A session has\n"
          "    three frames more there (16 in, 19 out), and messages are bytes, where WH15P3R's are JSON that a relay\n"
          "    has to read: the one on ws saves more by that than ours.")
    with _one_core():
        rows = _processor_and_memory(missing is None)
    return rows + (_crowd() if missing is None else [])


def _processor_and_memory(node: bool) -> list[Row]:
    with ExitStack() as stack:
        relays = {"ours": stack.enter_context(whisperd_relay()), PLAIN: stack.enter_context(autobahn_relay())}
        if node:
            relays[NODE] = stack.enter_context(node_peers.node_relay())
        _warm_up(relays)
        through = stack.enter_context(pipe())
        rows = [row for dialect in DIALECTS for row in _processor(relays, through, dialect)]
    return rows + _idle(node)


@contextmanager
def _one_core() -> Iterator[None]:
    """Keep this process and what it starts on one core: where a client wakes up must not decide what a relay costs."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _warm_up(relays: dict[str, Started]) -> None:
    """Load every relay with all that follows, until a compiler that watches it has made of it what it can."""
    for relay in relays.values():
        for meet, protocol in DIALECTS.values():
            for load in (relay_loads.ping_pong(relay, meet, 300, 1), relay_loads.sessions(relay, meet),
                         relay_loads.accepts(relay, protocol)):
                for _ in range(WARM_UP):
                    load()


def _processor(relays: dict[str, Started], through: Started, dialect: str) -> list[Row]:
    meet, protocol = DIALECTS[dialect]
    rows: list[Row] = []
    for size, flight, target in LOADS:
        load = partial(relay_loads.ping_pong, size=size, flight=flight)
        rounds = {name: load(relay, meet) for name, relay in relays.items()} | {PIPE: load(through, Piped)}
        rows += _rows(f"relay, {dialect}, a message of {size} bytes, {flight} in flight", "CPU µs", target,
                      interleave(rounds, ROUNDS))
    rows += _compare(relays, f"relay, {dialect}, a whole session", "CPU ms", 0.65,
                     partial(relay_loads.sessions, meet=meet))
    rows += _compare(relays, f"relay, {dialect}, a connection accepted", "CPU µs", 0.7,
                     partial(relay_loads.accepts, protocol=protocol))
    rows += _compare(relays, f"relay, {dialect}, a lone session, p50", "ms", 1.0,
                     partial(relay_loads.lone_session, meet=meet))
    return rows


def _compare(relays: dict[str, Started], name: str, unit: str, target: float,
             load: Callable[[Started], Round]) -> list[Row]:
    return _rows(name, unit, target, interleave({each: load(relay) for each, relay in relays.items()}, ROUNDS))


def _rows(name: str, unit: str, target: float, found: dict[str, float], rival: str = NODE) -> list[Row]:
    """Return one row for each relay that ours is compared with; the target holds against ``rival``."""
    ours = found.pop("ours")
    return [Row(name, unit, ours, each, figure, target if each == rival else None)
            for each, figure in found.items()]


def _idle(node: bool) -> list[Row]:
    starts = {"ours": whisperd_relay, PLAIN: autobahn_relay, **({NODE: node_peers.node_relay} if node else {})}
    figures: dict[str, list[float]] = {name: [] for name in starts}
    for _ in range(IDLE_ROUNDS):
        for name, start in starts.items():
            figures[name].append(relay_loads.idle(start(), Whisper) / 1000)
    return _rows("relay, an idle joined connection", "KB", 0.5, {name: median(each) for name, each in figures.items()})


def _crowd() -> list[Row]:
    """Return the latencies of a crowd beside peerjs-server, and beside ws for orientation; on all cores, so that a
    message waits for its relay and not for those who send it."""
    with before_others() as allowed, ExitStack() as stack:
        if not allowed:
            print("    Others on this machine have turns between those of the relays: p99 tells of them, too.")
        crowds = {name: Crowd(stack.enter_context(start()), meet) for name, start, meet in (
            ("ours", whisperd_relay, Whisper), (PEERJS, node_peers.peerjs_server, PeerJs),
            (NODE, node_peers.node_relay, Whisper))}
        for crowd in crowds.values():
            for _ in range(WARM_UP):
                crowd.round()
        found = in_turns({name: crowd.round for name, crowd in crowds.items()}, CROWD_ROUNDS)
        for crowd in crowds.values():
            crowd.close()
    return [_within(f"relay, 2000 messages a second over 1000 sessions, {name}", each, found, index)
            for index, name in enumerate(("p50", "p99")) for each in (PEERJS, NODE)]


def _within(name: str, rival: str, found: dict[str, list[tuple[float, float]]], index: int) -> Row:
    """Return the row of one percentile, its ratio from within each round, and print how far the rounds lie apart."""
    ours, theirs = ([percentiles[index] for percentiles in found[each]] for each in ("ours", rival))
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    low, middle, high = quantiles(ratios, n=4)
    print(f"    {name}: {middle:.2f} of {rival}'s, half of {len(ratios)} rounds between {low:.2f} and {high:.2f}")
    return Row(name, "ms", median(ours), rival, median(theirs), 1.0 if rival == PEERJS else None, middle)
