"""Checks of a ratchet at work: sessions that are set back or moved to another process, and what they cost."""

from __future__ import annotations

from functools import partial
from typing import Any

from whisperd.errors import MessageRejected
from whisperd.interfaces import Random
from whisperd.plugin.conformance import other_process
from whisperd.plugin.conformance.cost import MAX_FORGED, MAX_MESSAGE, agreements
from whisperd.plugin.conformance.ratchet_bench import AD, CHECKS, RatchetBench
from whisperd.plugin.conformance.report import Broken, below

_MAX_OVERHEAD = 8_192
_MAX_STATE = 65_536
_MAX_SKIPPED_KEY = 256
#: Bytes of plaintext that are compared, and how many forged messages come in a row.
_COMPARED = 256
_FLOOD = 64
#: How far ahead forged messages claim to be, besides next and as far as may be.
_AHEAD = (16, 128)


@CHECKS.add
def rollback(bench: RatchetBench) -> None:
    """After a return to an older state, messages under keys that were used before are rejected, and those of the other
    side can be read again."""
    one, other = bench.talking()
    bench.tell(one, other, b"before")
    earlier_one, earlier_other = one.dump(), other.dump()
    messages = [one.encrypt(b"%d" % number, AD) for number in range(3)]
    for number, message in enumerate(messages):
        bench.hear(other, message, b"%d" % number)
    again = bench.plugin.load(earlier_one, bench.random)
    for _ in messages:
        bench.rejected(other, again.encrypt(b"again", AD), "a message under a key that was used")
    restored = bench.plugin.load(earlier_other, bench.random)
    for number, message in enumerate(messages):
        bench.hear(restored, message, b"%d" % number)
    bench.tell(restored, one, b"on")
    bench.tell(one, restored, b"and on")


@CHECKS.add
def keystream_after_rollback(bench: RatchetBench) -> None:
    """What a side sends after a return to an older state shares no keystream with what it sent before."""
    one, other = bench.talking()
    for place in range(2):
        earlier = one.dump()
        plaintexts = [bench.random(_COMPARED) for _ in range(2)]
        said = [bench.plugin.load(earlier, bench.random).encrypt(plaintext, AD) for plaintext in plaintexts]
        shared = _exclusive_or(*plaintexts)[: _COMPARED // 2]
        if shared in _exclusive_or(*said) or shared in _exclusive_or(*(message[::-1] for message in said))[::-1]:
            raise Broken("two plaintexts were encrypted by the same keystream")
        bench.tell(one, other, b"after a turn" if place else b"the first of its chain")


@CHECKS.add
def two_processes(bench: RatchetBench) -> None:
    """A session continues in another process, and what it sends there can be read here."""
    one, other = bench.pair()
    bench.tell(one, other, b"hello", other_process.AD)
    bench.tell(other, one, b"hello to you", other_process.AD)
    plaintexts = [b"first", b"second", b"third"]
    messages = [one.encrypt(plaintext, other_process.AD) for plaintext in plaintexts]
    *said, dump = other_process.in_another_process(bench.plugin, "go-on", other.dump(), *messages)
    if said[::2] != plaintexts:
        raise Broken("the other process read something else")
    for plaintext, answer in zip(plaintexts, said[1::2], strict=True):
        bench.hear(one, answer, plaintext[::-1], other_process.AD)
    bench.tell(one, bench.plugin.load(dump, bench.random), b"back here", other_process.AD)


@CHECKS.add
def sizes(bench: RatchetBench) -> None:
    """A message is at most 8192 bytes longer than its plaintext; a state has at most 64 KiB, and 256 bytes more for
    each kept key."""
    one, other = bench.talking()
    for _ in range(32):
        sender, receiver = (one, other) if below(bench.random, 2) else (other, one)
        message = sender.encrypt(bytes(100), AD)
        if len(message) > 100 + _MAX_OVERHEAD:
            raise Broken(f"a message is {len(message) - 100} bytes longer than its plaintext")
        bench.hear(receiver, message, bytes(100))
    for _ in range(bench.plugin.max_skip):
        one.encrypt(b"missing", AD)
    bench.tell(one, other, b"overtaking")
    for side in (one, other):
        if len(side.dump()) > _MAX_STATE + _MAX_SKIPPED_KEY * bench.plugin.max_skip:
            raise Broken(f"a state has {len(side.dump())} bytes")


@CHECKS.add
def cpu_budget(bench: RatchetBench) -> None:
    """A message, encrypted and decrypted, takes less CPU time than 150 X25519 agreements."""
    one, other = bench.talking()

    def ping_pong() -> None:
        bench.tell(one, other, bytes(100))
        bench.tell(other, one, bytes(100))

    cost = agreements(ping_pong, 10, maximum=2 * MAX_MESSAGE) / 2
    if cost > MAX_MESSAGE:
        raise Broken(f"a message costs as much as {cost:.0f} agreements")


@CHECKS.add
def flood(bench: RatchetBench) -> None:
    """Rejecting a forged message takes less CPU time than 4 X25519 agreements and changes nothing: random bytes, or a
    good header with another body, of the first chain or the next, near or max_skip ahead, while the keys of all earlier
    chains have to be tried."""
    one, other = bench.talking()
    for _ in range(bench.plugin.max_chains + 1):
        one.encrypt(b"missing", AD)
        bench.tell(one, other, b"overtaking")
        bench.tell(other, one, b"turn")
    _withstands(bench, other, {"random bytes": bench.random(len(one.encrypt(bytes(100), AD)))})
    for chain in ("a chain that begins", "a chain that was heard"):
        _withstands(bench, other, {f"a message of {chain}, {ahead} ahead, with another body": message
                                   for ahead, message in forgeries(bench.plugin, one, bench.random).items()})
        bench.tell(one, other, chain.encode())


def forgeries(plugin: Any, sender: Any, random: Random) -> dict[int, bytes]:
    """Return messages of 100 bytes that are not authentic, by how many others of the chain they would overtake, besides
    one that was not heard; what they are made of is encrypted by a copy of ``sender``."""
    copy = plugin.load(sender.dump(), random)
    messages = [copy.encrypt(bytes(100), AD) for _ in range(plugin.max_skip)]
    ahead = (0, *(number for number in _AHEAD if number < plugin.max_skip), plugin.max_skip - 1)
    return {number: messages[number][:-1] + bytes((messages[number][-1] ^ 1,)) for number in ahead}


def _withstands(bench: RatchetBench, receiver: Any, forged: dict[str, bytes]) -> None:
    before = receiver.dump()
    for what, message in forged.items():
        cost = agreements(partial(_reject, receiver, message), _FLOOD, maximum=MAX_FORGED)
        if cost > MAX_FORGED:
            raise Broken(f"{what} costs as much as {cost:.1f} agreements")
    bench.expect(receiver.dump() == before, "forged messages were rejected, but the state has changed")


def _reject(receiver: Any, message: bytes) -> None:
    try:
        receiver.decrypt(message, AD)
    except MessageRejected:
        return
    raise Broken("a forged message was accepted")


def _exclusive_or(one: bytes, other: bytes) -> bytes:
    return bytes(left ^ right for left, right in zip(one, other, strict=False))
