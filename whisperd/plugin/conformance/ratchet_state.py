"""Checks of what a session keeps: offers, bounds, dumps, what a thief of a state can read, and a random walk."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from whisperd.errors import KeyExchangeRefused
from whisperd.plugin.conformance.bad_keys import LOW_ORDER, Drawn, invalid_kem_keys, other_encodings
from whisperd.plugin.conformance.model import Walk
from whisperd.plugin.conformance.ratchet_bench import AD, CHECKS, RatchetBench
from whisperd.plugin.conformance.report import Broken, NotApplicable, changed, places

_MAX_OFFER = 4_096


@CHECKS.add
def invalid_offers(bench: RatchetBench) -> None:
    """An offer is at most 4096 bytes; one that is cut off, longer or empty is refused."""
    offer, _ = bench.plugin.offer(bench.random)
    if type(offer) is not bytes or not 0 < len(offer) <= _MAX_OFFER:
        raise Broken(f"the offer is not bytes of at most {_MAX_OFFER}")
    for wrong in (b"", offer[:-1], offer[:1], offer + b"\0"):
        bench.raises(KeyExchangeRefused, f"an offer of {len(wrong)} bytes that is not valid",
                     partial(bench.plugin.initiator, bench.random(32), wrong, bench.random))


@CHECKS.add
def invalid_keys_in_offers(bench: RatchetBench) -> None:
    """An offer with an X25519 key of low order or not in its one canonical form is refused, and so is one with an
    ML-KEM-1024 key that has a number not below 3329."""
    drawn = Drawn(bench.random)
    offer, _ = bench.plugin.offer(drawn)
    bad = {key: [*LOW_ORDER, *other_encodings(key)] for key in drawn.x25519(offer)}
    bad |= {key: invalid_kem_keys(key) for key in drawn.mlkem1024(offer)}
    if not bad:
        raise NotApplicable("it offers no X25519 and no ML-KEM-1024 key that it drew")
    for good, keys in bad.items():
        for key in keys:
            bench.raises(KeyExchangeRefused, f"an offer with an invalid key of {len(key)} bytes",
                         partial(bench.plugin.initiator, bench.random(32), offer.replace(good, key), bench.random))


@CHECKS.add
def spent_offers(bench: RatchetBench) -> None:
    """The private half of an offer serves once, and never after ``wipe``; anything else raises ValueError."""
    _, used = bench.plugin.offer(bench.random)
    bench.plugin.responder(bench.random(32), used, bench.random)
    _, wiped = bench.plugin.offer(bench.random)
    wiped.wipe()
    for private in (used, wiped):
        bench.raises(ValueError, "a spent offer",
                     partial(bench.plugin.responder, bench.random(32), private, bench.random))


@CHECKS.add
def skip_bound(bench: RatchetBench) -> None:
    """A message may overtake ``max_skip`` others of its chain and as many of the chain before it, and not one more."""
    one, other = bench.talking()
    bench.tell(one, other, b"begin")
    overtaken = [one.encrypt(b"%d" % number, AD) for number in range(bench.plugin.max_skip + 2)]
    bench.rejected(other, overtaken[-1], "a message that overtakes more than max_skip others")
    last = bench.plugin.max_skip
    bench.hear(other, overtaken[last], b"%d" % last)
    held = min(last, bench.plugin.max_kept)
    for number in (last - held, last - held // 2, last - 1):
        bench.hear(other, overtaken[number], b"%d" % number)
    one, other = bench.talking()
    bench.tell(one, other, b"begin")
    overtaken = [one.encrypt(b"%d" % number, AD) for number in range(bench.plugin.max_skip + 1)]
    bench.tell(other, one, b"turn")
    turned = one.encrypt(b"turned", AD)
    bench.rejected(other, turned, "a message that overtakes more than max_skip others of the chain before")
    bench.hear(other, overtaken[0], b"0")
    bench.hear(other, turned, b"turned")
    bench.hear(other, overtaken[-1], b"%d" % last)


@CHECKS.add
def kept_bound(bench: RatchetBench) -> None:
    """At most ``max_kept`` keys of missing messages are kept; the oldest are dropped, and the newest stay."""
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
    for _, message in (missing[0], missing[-bench.plugin.max_kept - 1]):
        bench.rejected(other, message, "a message whose key had to be dropped")
    for plaintext, message in missing[-bench.plugin.max_kept :: 97]:
        bench.hear(other, message, plaintext)


@CHECKS.add
def chains_bound(bench: RatchetBench) -> None:
    """Keys of missing messages are kept for ``max_chains`` earlier chains, and for no more."""
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
def withheld(bench: RatchetBench) -> None:
    """The key of a message that never came is gone after ``max_chains`` turns, also where nothing else is missing, and
    after ``max_kept`` later messages of its chain."""
    one, other = bench.talking()
    message = one.encrypt(b"withheld", AD)
    for _ in range(bench.plugin.max_chains + 2):
        bench.tell(one, other, b"overtaking")
        bench.tell(other, one, b"turn")
    bench.rejected(other, message, "a message that was held back for max_chains turns")
    one, other = bench.talking()
    message = one.encrypt(b"withheld", AD)
    for _ in range(bench.plugin.max_kept + 2):
        bench.tell(one, other, b"overtaking")
    bench.rejected(other, message, "a message that max_kept others of its chain have overtaken")


@CHECKS.add
def dump_and_load(bench: RatchetBench) -> None:
    """A session can be dumped and loaded at every step; the loaded session has the same dump, and continues."""
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
def damaged_dumps(bench: RatchetBench) -> None:
    """Loading a dump that is cut off, longer, changed, empty or random raises ValueError."""
    one, other = bench.talking()
    one.encrypt(b"missing", AD)
    bench.tell(one, other, b"overtaking")
    dump = other.dump()
    for place in places(len(dump), bench.max_places):
        bench.raises(ValueError, f"a dump cut at byte {place}",
                     partial(bench.plugin.load, dump[:place], bench.random))
        bench.raises(ValueError, f"a dump changed at byte {place}",
                     partial(bench.plugin.load, changed(bench.random, dump, place), bench.random))
    for wrong in (dump + b"\0", bench.random(len(dump))):
        bench.raises(ValueError, "bytes that are no dump", partial(bench.plugin.load, wrong, bench.random))


@CHECKS.add
def healing(bench: RatchetBench) -> None:
    """Somebody who stole a state can read nothing new after its owner has sent a message and received an answer."""
    one, other = bench.talking()
    stolen = other.dump()
    for _ in range(2):
        bench.tell(other, one, b"turn")
        bench.tell(one, other, b"turn")
    message = one.encrypt(b"healed", AD)
    bench.rejected(bench.plugin.load(stolen, bench.random), message, "a message after healing, with a stolen state")
    bench.hear(other, message, b"healed")


@CHECKS.add
def forward_secrecy(bench: RatchetBench) -> None:
    """Somebody who steals a state cannot read any message that was received before."""
    one, other = bench.talking()
    messages = [one.encrypt(b"%d" % number, AD) for number in range(5)]
    for number in (0, 2, 4, 1, 3):
        bench.hear(other, messages[number], b"%d" % number)
    thief = bench.plugin.load(other.dump(), bench.random)
    for message in messages:
        bench.rejected(thief, message, "a message heard before the state was stolen")


@CHECKS.add
def wiping(bench: RatchetBench) -> None:
    """After ``wipe`` every use raises ValueError."""
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
def random_walk(bench: RatchetBench) -> None:
    """Any mix of sending, delivering in any order, losing, repeating, changing and reloading follows the model."""
    for _ in range(6):
        Walk(bench).run(bench.walk_steps // 6)
