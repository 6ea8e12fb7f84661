"""Checks for ratchets: order, loss, replay, tampering, bounds, state, and a random walk against a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from zope.interface import Invalid
from zope.interface.verify import verifyObject

from whisperd.errors import KeyExchangeRefused, MessageRejected
from whisperd.interfaces import IRatchetSession, Random
from whisperd.plugin.conformance.kex import LOW_ORDER
from whisperd.plugin.conformance.model import Walk
from whisperd.plugin.conformance.report import Broken, Checks, Report, changed, places, seeded
from whisperd.plugin.registry import RATCHET, fault

CHECKS = Checks()
AD = b"associated data"
_MOST_OFFER = 4_096


class Bench:
    """One plug-in with a random source of its own, and how to let two sides talk."""

    def __init__(self, plugin: Any, random: Random, thorough: bool) -> None:
        self.plugin = plugin
        self.random = random
        self.most_places = 1 << 20 if thorough else 128
        self.walk_steps = 4_000 if thorough else 600

    def pair(self) -> tuple[Any, Any]:
        """Return the two sides of a fresh session, initiator first."""
        offer, private = self.plugin.offer(self.random)
        secret = self.random(32)
        return (self.plugin.initiator(secret, offer, self.random),
                self.plugin.responder(secret, private, self.random))

    def talking(self) -> tuple[Any, Any]:
        """Return two sides that have both spoken and heard."""
        one, other = self.pair()
        self.tell(one, other, b"hello")
        self.tell(other, one, b"hello to you")
        return one, other

    def tell(self, sender: Any, receiver: Any, plaintext: bytes, ad: bytes = AD) -> None:
        """Send one message; raise Broken unless it arrives as it was."""
        self.hear(receiver, sender.encrypt(plaintext, ad), plaintext, ad)

    def hear(self, receiver: Any, message: bytes, plaintext: bytes, ad: bytes = AD) -> None:
        """Deliver one message; raise Broken unless it is read as ``plaintext``."""
        try:
            found = receiver.decrypt(message, ad)
        except MessageRejected as error:
            raise Broken(f"a good message was rejected: {error}") from error
        if type(found) is not bytes or found != plaintext:
            raise Broken("a message was read as something else")

    def rejected(self, receiver: Any, message: bytes, what: str, ad: bytes = AD) -> None:
        """Deliver one bad message; raise Broken unless it is rejected and the state stays byte for byte the same."""
        before = receiver.dump()
        try:
            receiver.decrypt(message, ad)
        except MessageRejected:
            if receiver.dump() != before:
                raise Broken(f"{what}: rejected, but the state has changed") from None
            return
        except Exception as error:
            raise Broken(f"{what}: raised {error!r}, not MessageRejected") from error
        raise Broken(f"{what}: was accepted")

    def expect(self, held: bool, fault: str) -> None:
        """Raise Broken with ``fault`` unless ``held``."""
        if not held:
            raise Broken(fault)

    def raises(self, kind: type[Exception], what: str, call: Callable[[], Any]) -> None:
        """Raise Broken unless ``call`` raises an exception of this kind."""
        try:
            call()
        except kind:
            return
        except Exception as error:
            raise Broken(f"{what}: raised {error!r}, not {kind.__name__}") from error
        raise Broken(f"{what}: went through")


def check_ratchet(plugin: Any, *, seed: str = "conformance", thorough: bool = False,
                  only: Iterable[str] = ()) -> Report:
    """Return what every check (or those in ``only``) finds in ``plugin``, an IRatchet.

    The random source is made from ``seed``; ``thorough`` changes every single byte instead of some 128 of each value,
    and walks longer.
    """
    results = CHECKS.run(lambda name: Bench(plugin, seeded(f"{seed} {name}"), thorough), only)
    return Report(RATCHET, str(getattr(plugin, "id", "unknown")), results)


@CHECKS.add
def interface(bench: Bench) -> None:
    """Provides IRatchet, with a proper id, version, API version and level, and sessions that provide theirs."""
    if found := fault(bench.plugin, RATCHET, getattr(bench.plugin, "id", "")):
        raise Broken(found)
    for session in bench.pair():
        try:
            verifyObject(IRatchetSession, session)
        except Invalid as error:
            raise Broken(f"a session does not provide IRatchetSession: {error}") from error
    for name in ("max_skip", "max_kept", "max_chains"):
        bound = getattr(bench.plugin, name)
        bench.expect(type(bound) is int and 0 < bound <= 1 << 16, f"{name} is not a number from 1 to 65536")


@CHECKS.add
def self_test(bench: Bench) -> None:
    """Passes its own self-test."""
    bench.plugin.self_test()


@CHECKS.add
def ping_pong(bench: Bench) -> None:
    """Messages of all sizes from 0 to 65536 bytes go to and fro."""
    one, other = bench.pair()
    for size in (0, 1, 15, 16, 100, 4_096, 65_536, 3):
        bench.tell(one, other, bench.random(size))
        bench.tell(other, one, bench.random(size))


@CHECKS.add
def one_way(bench: Bench) -> None:
    """Hundreds of messages in one direction arrive, then as many in the other."""
    one, other = bench.pair()
    for sender, receiver in ((one, other), (other, one)):
        for number in range(300):
            bench.tell(sender, receiver, b"%d" % number)


@CHECKS.add
def who_speaks_first(bench: Bench) -> None:
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
def reorder(bench: Bench) -> None:
    """Messages are read in any order, across changes of direction too."""
    one, other = bench.talking()
    early = [(b"early %d" % number, one.encrypt(b"early %d" % number, AD)) for number in range(20)]
    bench.tell(other, one, b"turn")
    late = [(b"late %d" % number, one.encrypt(b"late %d" % number, AD)) for number in range(20)]
    for plaintext, message in [*reversed(late), *early[::2], *reversed(early[1::2])]:
        bench.hear(other, message, plaintext)


@CHECKS.add
def loss(bench: Bench) -> None:
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
def replay(bench: Bench) -> None:
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
def tampering(bench: Bench) -> None:
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
        for place in places(len(message), bench.most_places):
            bench.rejected(other, changed(bench.random, message, place), f"a {name} message changed at byte {place}")
    for _, message, plaintext in reversed(good):
        bench.hear(other, message, plaintext)


@CHECKS.add
def truncation(bench: Bench) -> None:
    """A message that is cut off at any place, longer, empty or random is rejected."""
    one, other = bench.talking()
    message = one.encrypt(b"whole", AD)
    for place in places(len(message), bench.most_places):
        bench.rejected(other, message[:place], f"a message cut at byte {place}")
    bench.rejected(other, message + b"\0", "a longer message")
    for size in (0, 1, len(message), 65_536):
        bench.rejected(other, bench.random(size), f"{size} random bytes")
    bench.hear(other, message, b"whole")


@CHECKS.add
def associated_data(bench: Bench) -> None:
    """A message is read with exactly the associated data that it was encrypted with."""
    one, other = bench.talking()
    message = one.encrypt(b"bound", AD)
    for ad in (b"", AD[:-1], AD + b"\0", bench.random(len(AD))):
        bench.rejected(other, message, "a message with other associated data", ad)
    bench.hear(other, message, b"bound")
    bench.tell(one, other, b"bound to nothing", b"")


@CHECKS.add
def reflection(bench: Bench) -> None:
    """A side does not take its own messages for the other's."""
    one, other = bench.talking()
    for side in (one, other, one):
        mine = side.encrypt(b"mine", AD)
        bench.rejected(side, mine, "an own message")
    bench.tell(one, other, b"to the other")


@CHECKS.add
def sessions_apart(bench: Bench) -> None:
    """A message of another session, with another secret or another offer, is rejected."""
    one, other = bench.talking()
    stranger, _ = bench.talking()
    bench.rejected(other, stranger.encrypt(b"strange", AD), "a message of another session")
    offer, private = bench.plugin.offer(bench.random)
    left = bench.plugin.initiator(bench.random(32), offer, bench.random)
    right = bench.plugin.responder(bench.random(32), private, bench.random)
    bench.rejected(right, left.encrypt(b"wrong", AD), "a message under another secret")
    bench.tell(one, other, b"right")


@CHECKS.add
def freshness(bench: Bench) -> None:
    """The same plaintext is never encrypted to the same message, not in another session either."""
    one, other = bench.talking()
    messages = [one.encrypt(b"same", AD) for _ in range(8)]
    for message in messages:
        bench.hear(other, message, b"same")
    messages += [other.encrypt(b"same", AD), bench.pair()[0].encrypt(b"same", AD)]
    if len(set(messages)) != len(messages):
        raise Broken("a message came twice")


@CHECKS.add
def invalid_offers(bench: Bench) -> None:
    """An offer is at most 4096 bytes; one that is cut off, longer, empty or of low order is refused."""
    offer, _ = bench.plugin.offer(bench.random)
    if type(offer) is not bytes or not 0 < len(offer) <= _MOST_OFFER:
        raise Broken(f"the offer is not bytes of at most {_MOST_OFFER}")
    bad = [b"", offer[:-1], offer[:1], offer + b"\0"]
    if len(offer) == 32:
        bad.extend(LOW_ORDER)
    for wrong in bad:
        bench.raises(KeyExchangeRefused, f"an offer of {len(wrong)} bytes that is not valid",
                     partial(bench.plugin.initiator, bench.random(32), wrong, bench.random))


@CHECKS.add
def spent_offers(bench: Bench) -> None:
    """The private half of an offer serves once, and not after wipe; ValueError."""
    _, used = bench.plugin.offer(bench.random)
    bench.plugin.responder(bench.random(32), used, bench.random)
    _, wiped = bench.plugin.offer(bench.random)
    wiped.wipe()
    for private in (used, wiped):
        bench.raises(ValueError, "a spent offer",
                     partial(bench.plugin.responder, bench.random(32), private, bench.random))


@CHECKS.add
def skip_bound(bench: Bench) -> None:
    """A message may overtake ``max_skip`` others of its chain, not one more."""
    one, other = bench.talking()
    bench.tell(one, other, b"begin")
    overtaken = [one.encrypt(b"%d" % number, AD) for number in range(bench.plugin.max_skip + 2)]
    bench.rejected(other, overtaken[-1], "a message that overtakes more than max_skip others")
    last = bench.plugin.max_skip
    bench.hear(other, overtaken[last], b"%d" % last)
    for number in (0, last // 2, last - 1):
        bench.hear(other, overtaken[number], b"%d" % number)


@CHECKS.add
def kept_bound(bench: Bench) -> None:
    """At most ``max_kept`` keys of missing messages are kept; the oldest are dropped, and the newest are there."""
    one, other = bench.talking()
    missing: list[tuple[bytes, bytes]] = []
    size = 0
    while len(missing) < 2 * bench.plugin.max_kept + bench.plugin.max_skip:
        for _ in range(bench.plugin.max_skip):
            plaintext = b"%d" % len(missing)
            missing.append((plaintext, one.encrypt(plaintext, AD)))
        bench.tell(one, other, b"overtaking")
        bench.tell(other, one, b"turn")
        if len(missing) > bench.plugin.max_kept:
            size = size or len(other.dump())
    if len(other.dump()) > size + 4_096:
        raise Broken(f"the state grows without bound: {len(other.dump())} bytes")
    bench.rejected(other, missing[0][1], "a message whose key had to be dropped")
    for plaintext, message in missing[-bench.plugin.max_kept :: 97]:
        bench.hear(other, message, plaintext)


@CHECKS.add
def chains_bound(bench: Bench) -> None:
    """Keys of missing messages are kept of ``max_chains`` earlier chains, not of more."""
    one, other = bench.talking()
    missing: list[tuple[bytes, bytes]] = []
    for turn in range(bench.plugin.max_chains + 3):
        plaintext = b"%d" % turn
        missing.append((plaintext, one.encrypt(plaintext, AD)))
        bench.tell(one, other, b"overtaking")
        bench.tell(other, one, b"turn")
    bench.tell(one, other, b"a last turn")
    bench.rejected(other, missing[0][1], "a message of a chain that had to be dropped")
    for plaintext, message in missing[-bench.plugin.max_chains :]:
        bench.hear(other, message, plaintext)


@CHECKS.add
def dump_and_load(bench: Bench) -> None:
    """A session can be dumped and loaded at every step; what is loaded dumps the same, and goes on."""
    sides = list(bench.pair())
    waiting: list[tuple[int, bytes, bytes]] = []
    for step in range(24):
        sender = step // 3 % 2
        for place, side in enumerate(sides):
            sides[place] = bench.plugin.load(side.dump(), bench.random)
            if sides[place].dump() != side.dump() or sides[place].can_encrypt != side.can_encrypt:
                raise Broken(f"the session is another one after dump and load at step {step}")
        message = sides[sender].encrypt(b"%d" % step, AD)
        if step % 5 == 1:
            waiting.append((1 - sender, message, b"%d" % step))
        else:
            bench.hear(sides[1 - sender], message, b"%d" % step)
    for receiver, message, plaintext in waiting:
        bench.hear(sides[receiver], message, plaintext)


@CHECKS.add
def damaged_dumps(bench: Bench) -> None:
    """A dump that is cut off, longer, changed, empty or random is a ValueError."""
    one, other = bench.talking()
    one.encrypt(b"missing", AD)
    bench.tell(one, other, b"overtaking")
    dump = other.dump()
    for place in places(len(dump), bench.most_places):
        bench.raises(ValueError, f"a dump cut at byte {place}",
                     partial(bench.plugin.load, dump[:place], bench.random))
        bench.raises(ValueError, f"a dump changed at byte {place}",
                     partial(bench.plugin.load, changed(bench.random, dump, place), bench.random))
    for wrong in (dump + b"\0", bench.random(len(dump))):
        bench.raises(ValueError, "bytes that are no dump", partial(bench.plugin.load, wrong, bench.random))


@CHECKS.add
def healing(bench: Bench) -> None:
    """Who steals a state reads nothing any more after the victim has spoken and been answered."""
    one, other = bench.talking()
    stolen = other.dump()
    for _ in range(2):
        bench.tell(other, one, b"turn")
        bench.tell(one, other, b"turn")
    message = one.encrypt(b"healed", AD)
    bench.rejected(bench.plugin.load(stolen, bench.random), message, "a message after healing, with a stolen state")
    bench.hear(other, message, b"healed")


@CHECKS.add
def forward_secrecy(bench: Bench) -> None:
    """Who steals a state reads nothing that was heard before."""
    one, other = bench.talking()
    messages = [one.encrypt(b"%d" % number, AD) for number in range(5)]
    for number in (0, 2, 4, 1, 3):
        bench.hear(other, messages[number], b"%d" % number)
    thief = bench.plugin.load(other.dump(), bench.random)
    for message in messages:
        bench.rejected(thief, message, "a message heard before the state was stolen")


@CHECKS.add
def wiping(bench: Bench) -> None:
    """After ``wipe`` nothing works: ValueError."""
    one, other = bench.talking()
    message = one.encrypt(b"too late", AD)
    other.wipe()
    calls: dict[str, Callable[[], Any]] = {
        "decrypt": lambda: other.decrypt(message, AD),
        "encrypt": lambda: other.encrypt(b"", AD),
        "dump": lambda: other.dump(),
    }
    for name, call in calls.items():
        bench.raises(ValueError, f"{name} after wipe", call)


@CHECKS.add
def random_walk(bench: Bench) -> None:
    """Any mix of sending, delivering in any order, losing, repeating, changing and reloading follows the model."""
    Walk(bench).run(bench.walk_steps)
