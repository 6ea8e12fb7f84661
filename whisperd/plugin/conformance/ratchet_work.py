"""Checks of a ratchet at work: sessions that are set back or moved to another process, and what they cost."""

from __future__ import annotations

from whisperd.plugin.conformance import elsewhere
from whisperd.plugin.conformance.cost import MOST_MESSAGE, agreements
from whisperd.plugin.conformance.ratchet_bench import AD, CHECKS, Bench
from whisperd.plugin.conformance.report import Broken, below

_MOST_OVERHEAD = 8_192
_MOST_STATE = 65_536
_MOST_KEPT_KEY = 256


@CHECKS.add
def rollback(bench: Bench) -> None:
    """What a side says again after it was set back is rejected; a receiver that was set back hears all again."""
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
def two_processes(bench: Bench) -> None:
    """A session goes on in another process, and what is said there is read here."""
    one, other = bench.pair()
    bench.tell(one, other, b"hello", elsewhere.AD)
    bench.tell(other, one, b"hello to you", elsewhere.AD)
    plaintexts = [b"first", b"second", b"third"]
    messages = [one.encrypt(plaintext, elsewhere.AD) for plaintext in plaintexts]
    *said, dump = elsewhere.in_another_process(bench.plugin, "go-on", other.dump(), *messages)
    if said[::2] != plaintexts:
        raise Broken("the other process read something else")
    for plaintext, answer in zip(plaintexts, said[1::2], strict=True):
        bench.hear(one, answer, plaintext[::-1], elsewhere.AD)
    bench.tell(one, bench.plugin.load(dump, bench.random), b"back here", elsewhere.AD)


@CHECKS.add
def sizes(bench: Bench) -> None:
    """A message is at most 8192 bytes longer than its plaintext; a state has at most 64 KiB and 256 a kept key."""
    one, other = bench.talking()
    for _ in range(32):
        sender, receiver = (one, other) if below(bench.random, 2) else (other, one)
        message = sender.encrypt(bytes(100), AD)
        if len(message) > 100 + _MOST_OVERHEAD:
            raise Broken(f"a message is {len(message) - 100} bytes longer than its plaintext")
        bench.hear(receiver, message, bytes(100))
    for _ in range(bench.plugin.max_skip):
        one.encrypt(b"missing", AD)
    bench.tell(one, other, b"overtaking")
    for side in (one, other):
        if len(side.dump()) > _MOST_STATE + _MOST_KEPT_KEY * bench.plugin.max_skip:
            raise Broken(f"a state has {len(side.dump())} bytes")


@CHECKS.add
def cpu_budget(bench: Bench) -> None:
    """A message, encrypted and decrypted, takes less CPU time than 150 X25519 agreements; so does a forged one."""
    one, other = bench.talking()

    def ping_pong() -> None:
        bench.tell(one, other, bytes(100))
        bench.tell(other, one, bytes(100))

    forged = bytes(len(one.encrypt(bytes(100), AD)))
    costs = {
        "a message": agreements(ping_pong, 10) / 2,
        "a forged message": agreements(lambda: bench.rejected(other, forged, "a forged message"), 10),
    }
    for name, cost in costs.items():
        if cost > MOST_MESSAGE:
            raise Broken(f"{name} costs as much as {cost:.0f} agreements")
