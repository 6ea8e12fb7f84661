"""Checks of what two sides say: order, loss, replay, tampering, and who may read what."""

from __future__ import annotations

from zope.interface import Invalid
from zope.interface.verify import verifyObject

from whisperd.interfaces import IRatchetSession
from whisperd.plugin.conformance.ratchet_bench import AD, CHECKS, MIN_BOUNDS, RatchetBench
from whisperd.plugin.conformance.report import Broken, changed, places
from whisperd.plugin.registry import RATCHET, fault


@CHECKS.add
def interface(bench: RatchetBench) -> None:
    """Provides IRatchet, with a proper id, version, API version, level and bounds; sessions provide theirs."""
    if found := fault(bench.plugin, RATCHET, getattr(bench.plugin, "id", "")):
        raise Broken(found)
    for session in bench.pair():
        try:
            verifyObject(IRatchetSession, session)
        except Invalid as error:
            raise Broken(f"a session does not provide IRatchetSession: {error}") from error
    for name, least in MIN_BOUNDS.items():
        bound = getattr(bench.plugin, name)
        bench.expect(type(bound) is int and least <= bound <= 1 << 16, f"{name} is not a number from {least} to 65536")


@CHECKS.add
def self_test(bench: RatchetBench) -> None:
    """Passes its own self-test."""
    bench.plugin.self_test()


@CHECKS.add
def ping_pong(bench: RatchetBench) -> None:
    """Messages of all sizes from 0 to 65536 bytes go back and forth."""
    one, other = bench.pair()
    for size in (0, 1, 15, 16, 100, 4_096, 65_536, 3):
        bench.tell(one, other, bench.random(size))
        bench.tell(other, one, bench.random(size))


@CHECKS.add
def one_way(bench: RatchetBench) -> None:
    """Hundreds of messages in one direction arrive, then as many in the other."""
    one, other = bench.pair()
    for sender, receiver in ((one, other), (other, one)):
        for number in range(300):
            bench.tell(sender, receiver, b"%d" % number)


@CHECKS.add
def who_speaks_first(bench: RatchetBench) -> None:
    """The initiator can encrypt at once; the responder only after its first decrypt, ValueError before."""
    one, other = bench.pair()
    if one.can_encrypt is not True or other.can_encrypt is not False:
        raise Broken("can_encrypt is not True for the initiator and False for the responder")
    bench.raises(ValueError, "a responder that encrypts first", lambda: other.encrypt(b"", AD))
    bench.tell(one, other, b"hello")
    if other.can_encrypt is not True:
        raise Broken("can_encrypt stays False after a decrypt")
    bench.tell(other, one, b"hello to you")


@CHECKS.add
def reorder(bench: RatchetBench) -> None:
    """Messages are read in any order, across changes of direction too."""
    one, other = bench.talking()
    bench.tell(one, other, b"begin")
    half = range(MIN_BOUNDS["max_skip"] // 2)
    early = [(b"early %d" % number, one.encrypt(b"early %d" % number, AD)) for number in half]
    bench.tell(other, one, b"turn")
    late = [(b"late %d" % number, one.encrypt(b"late %d" % number, AD)) for number in half]
    for plaintext, message in [*reversed(late), *early[::2], *reversed(early[1::2])]:
        bench.hear(other, message, plaintext)


@CHECKS.add
def loss(bench: RatchetBench) -> None:
    """Lost messages, whole turns of them too, do not disturb the others."""
    one, other = bench.talking()
    for turn in range(12):
        for number in range(6):
            message = one.encrypt(b"%d" % number, AD)
            if (turn + number) % 3:
                bench.hear(other, message, b"%d" % number)
        if turn % 4 != 1:
            bench.tell(other, one, b"turn")
        else:
            other.encrypt(b"lost", AD)


@CHECKS.add
def replay(bench: RatchetBench) -> None:
    """No message is read twice: not at once, not later, not after turns, not after dump and load."""
    one, other = bench.talking()
    heard = []
    for number in range(8):
        message = one.encrypt(b"%d" % number, AD)
        if number != 3:
            bench.hear(other, message, b"%d" % number)
            heard.append(message)
        bench.rejected(other, heard[-1], "a message heard just before")
    for _ in range(3):
        for message in heard:
            bench.rejected(other, message, "a message heard before")
        bench.tell(other, one, b"turn")
        bench.tell(one, other, b"turn")
    other = bench.plugin.load(other.dump(), bench.random)
    for message in heard:
        bench.rejected(other, message, "a message heard before dump and load")


@CHECKS.add
def tampering(bench: RatchetBench) -> None:
    """A message with one bit changed is rejected, whether it is next, ahead, late or the first of a turn."""
    one, other = bench.talking()
    late = one.encrypt(b"late", AD)
    for _ in range(4):
        bench.tell(one, other, b"between")
    ahead = [one.encrypt(b"next", AD), one.encrypt(b"ahead", AD)]
    bench.tell(other, one, b"turn")
    good = [("late", late, b"late"), ("next", ahead[0], b"next"), ("ahead", ahead[1], b"ahead"),
            ("turning", one.encrypt(b"turning", AD), b"turning")]
    for name, message, _ in good:
        for place in places(len(message), bench.max_places):
            bench.rejected(other, changed(bench.random, message, place), f"a {name} message changed at byte {place}")
    for _, message, plaintext in reversed(good):
        bench.hear(other, message, plaintext)


@CHECKS.add
def truncation(bench: RatchetBench) -> None:
    """A message that is cut off at any place, longer, empty or random is rejected."""
    one, other = bench.talking()
    message = one.encrypt(b"whole", AD)
    for place in places(len(message), bench.max_places):
        bench.rejected(other, message[:place], f"a message cut at byte {place}")
    bench.rejected(other, message + b"\0", "a longer message")
    for size in (0, 1, len(message), 65_536):
        bench.rejected(other, bench.random(size), f"{size} random bytes")
    bench.hear(other, message, b"whole")


@CHECKS.add
def associated_data(bench: RatchetBench) -> None:
    """A message can be read only with exactly the associated data that it was encrypted with."""
    one, other = bench.talking()
    message = one.encrypt(b"bound", AD)
    for ad in (b"", AD[:-1], AD + b"\0", bench.random(len(AD))):
        bench.rejected(other, message, "a message with other associated data", ad)
    bench.hear(other, message, b"bound")
    bench.tell(one, other, b"bound to nothing", b"")


@CHECKS.add
def reflection(bench: RatchetBench) -> None:
    """A side does not take its own messages for the other's."""
    one, other = bench.talking()
    for side in (one, other, one):
        mine = side.encrypt(b"mine", AD)
        bench.rejected(side, mine, "an own message")
    bench.tell(one, other, b"to the other")


@CHECKS.add
def sessions_apart(bench: RatchetBench) -> None:
    """A message of another session, with another secret or another offer, is rejected."""
    one, other = bench.talking()
    stranger, _ = bench.talking()
    bench.rejected(other, stranger.encrypt(b"strange", AD), "a message of another session")
    (offer, private), (_, another) = (bench.plugin.offer(bench.random) for _ in range(2))
    secret = bench.random(32)
    left = bench.plugin.initiator(secret, offer, bench.random)
    right = bench.plugin.responder(bench.random(32), private, bench.random)
    bench.rejected(right, left.encrypt(b"wrong", AD), "a message under another secret")
    right = bench.plugin.responder(secret, another, bench.random)
    bench.rejected(right, left.encrypt(b"wrong", AD), "a message to another offer")
    bench.tell(one, other, b"right")


@CHECKS.add
def freshness(bench: RatchetBench) -> None:
    """The same plaintext is never encrypted to the same message, not in another session either."""
    one, other = bench.talking()
    messages = [one.encrypt(b"same", AD) for _ in range(8)]
    for message in messages:
        bench.hear(other, message, b"same")
    messages += [other.encrypt(b"same", AD), bench.pair()[0].encrypt(b"same", AD)]
    if len(set(messages)) != len(messages):
        raise Broken("a message came twice")
