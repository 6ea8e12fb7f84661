"""The ratchets' encrypt and decrypt of a 100-byte message, beside the primitives that their specifications ask for, and
beside ratchets that others wrote."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

from contrib.bench import ratchet_floors as floors
from contrib.bench import ratchet_peers as peers
from contrib.bench.harness import Round, Row, interleave, per_call
from contrib.bench.ratchet_floors import ASSOCIATED, PLAINTEXT
from whisperd.errors import MessageRejected
from whisperd.plugin.conformance.ratchet_work import forgeries
from whisperd.plugin.registry import BUNDLED, RATCHET, Registry

AGAINST = "sum of its primitives"
ALLOWED = "allowed"
CALLS, ROUNDS = floors.ROUND, 41
#: Rounds beside peers, which are longer.
PEER_ROUNDS = 15
FORGED = 64
#: The largest ratio to the sum of primitives, ping-pong and one way.
TARGETS: dict[str, tuple[float | None, float | None]] = {
    "double": (1.15, 1.3), "double-he": (1.3, 1.3), "triple": (1.4, None), "triple-cascade": (None, None),
    "kem-every-turn": (None, None)}
#: The largest ratio to a peer in ping-pong, by our ratchet and the peer.
PEER_TARGETS = {("triple", "libsignal"): 0.5, ("double", "vodozemac"): 1.15, ("double", "DoubleRatchet"): 0.5}
#: Microseconds that rejecting a forged message may take.
MAX_FORGED = 100.0
#: Bytes that a message of ``triple`` may be longer than its plaintext, on average.
MAX_OVERHEAD = 150.0

PLUGINS = Registry.load([], BUNDLED[RATCHET])


def sessions(name: str) -> tuple[Any, Any]:
    """Return an initiator and a responder that have heard each other."""
    plugin = PLUGINS.ratchet(name)
    public, private = plugin.offer(os.urandom)
    secret = os.urandom(32)
    one, other = plugin.initiator(secret, public, os.urandom), plugin.responder(secret, private, os.urandom)
    tell(one, other)
    tell(other, one)
    return one, other


def tell(sender: Any, receiver: Any) -> int:
    """Carry one message; return its size."""
    message = sender.encrypt(PLAINTEXT, ASSOCIATED)
    receiver.decrypt(message, ASSOCIATED)
    return len(message)


def ping_pong(name: str) -> Callable[[], object]:
    """Return a call that carries one message, each the other way than the one before: the ratchet turns each time."""
    one, other = sessions(name)
    return peers.alternating(lambda: tell(one, other), lambda: tell(other, one))


def one_way(name: str) -> Callable[[], object]:
    """Return a call that carries one message, always the same way: the ratchet does not turn."""
    sender, receiver = sessions(name)
    return lambda: tell(sender, receiver)


def flood(name: str) -> dict[str, Callable[[], object]]:
    """Return calls that reject forged messages, by what is forged, by a receiver with all earlier chains to try."""
    plugin = PLUGINS.ratchet(name)
    one, other = sessions(name)
    for _ in range(plugin.max_chains + 1):
        one.encrypt(PLAINTEXT, ASSOCIATED)
        tell(one, other)
        tell(other, one)
    forged = {"random bytes": os.urandom(len(one.encrypt(PLAINTEXT, ASSOCIATED)))}
    forged |= {f"a good header {ahead} ahead": message
               for ahead, message in forgeries(plugin, one, os.urandom).items()}
    before = other.dump()

    def reject(message: bytes) -> None:
        try:
            other.decrypt(message, ASSOCIATED)
        except MessageRejected:
            return
        raise AssertionError("a forged message was read")

    for message in forged.values():
        reject(message)
    if other.dump() != before:
        raise AssertionError("a forged message changed the state")
    return {what: partial(reject, message) for what, message in forged.items()}


def measure() -> list[Row]:
    """Measure our ratchets beside their floors, then beside others', then floods of forged messages."""
    for name, reason in peers.install().items():
        print(f"{name} is absent: {reason}")
    rows = []
    for name, targets in TARGETS.items():
        rows += _beside_floor(name, targets)
    rows += _beside_peers()
    for name in BUNDLED[RATCHET]:
        rows += _flooded(name)
    rows.append(Row("triple, mean overhead of a message", "B", overhead("triple"), ALLOWED, MAX_OVERHEAD, 1.0))
    return rows


def overhead(name: str) -> float:
    """Return the mean of how much longer a message is than its plaintext, over two rounds of the sparse ratchet."""
    one, other = sessions(name)
    sizes = [tell(one, other) + tell(other, one) for _ in range(floors.ROUND)]
    return sum(sizes) / len(sizes) / 2 - len(PLAINTEXT)


def _flooded(name: str) -> list[Row]:
    """Measure all forgeries beside the floor, and show the dearest."""
    forged = {what: per_call(reject, FORGED) for what, reject in flood(name).items()}
    found = interleave({**forged, "floor": per_call(floors.rejected, FORGED)}, ROUNDS)
    floor = found.pop("floor")
    what, cost = max(found.items(), key=lambda one: one[1])
    title = f"{name}, dearest forged message: {what}"
    return [Row(title, "µs", cost, ALLOWED, MAX_FORGED, 1.0), Row(title, "µs", cost, "a DH, a few HMACs", floor)]


def _beside_floor(name: str, targets: tuple[float | None, float | None]) -> list[Row]:
    patterns = (("ping-pong", ping_pong(name), floors.TURNS[name]), ("one way", one_way(name), floors.ONE_WAY[name]))
    rows = []
    for (pattern, ours, floor), target in zip(patterns, targets, strict=True):
        found = interleave({"ours": per_call(ours, CALLS), "floor": per_call(floor, CALLS)}, ROUNDS)
        rows.append(Row(f"{name}, {pattern}", "µs", found["ours"], AGAINST, found["floor"], target))
    return rows


def _beside_peers() -> list[Row]:
    with peers.libsignal() as libsignal:
        there = peers.python_peers()
        if libsignal is not None:
            there["libsignal"] = (libsignal("turns", peers.CALLS), libsignal("one-way", peers.CALLS))
        rows = _rows("ping-pong", ping_pong, {name: rounds[0] for name, rounds in there.items()})
        rows += _rows("one way", one_way, {name: rounds[1] for name, rounds in there.items()})
        return rows + ([] if libsignal is None else [_without_garbage(libsignal("turns", peers.SHORT))])


def _rows(pattern: str, ours: Callable[[str], Callable[[], object]], theirs: dict[str, Round]) -> list[Row]:
    """Measure all in turns; the post-quantum ratchets beside each other, and the classical ones."""
    mine_too = {name: per_call(ours(name), peers.CALLS) for name in ("double", "triple")}
    found = interleave(mine_too | theirs, PEER_ROUNDS)
    rows = []
    for name in theirs:
        mine = "triple" if name == "libsignal" else "double"
        target = PEER_TARGETS.get((mine, name)) if pattern == "ping-pong" else None
        rows.append(Row(f"{mine}, {pattern}", "µs", found[mine], name, found[name], target))
    return rows


def _without_garbage(libsignal: Round) -> Row:
    """Measure ``triple`` beside rounds so short that the median one of libsignal collects no garbage."""
    found = interleave({"ours": per_call(ping_pong("triple"), peers.SHORT), "theirs": libsignal}, ROUNDS)
    return Row("triple, ping-pong", "µs", found["ours"], "libsignal between two garbage collections", found["theirs"])
