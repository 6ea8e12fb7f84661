"""Checks of what two sides of a key exchange send: agreement, tampering, confusion, and prekeys that have served."""

from __future__ import annotations

from functools import partial

from whisperd.plugin.conformance.bad_keys import LOW_ORDER
from whisperd.plugin.conformance.kex_bench import CHECKS, KexBench, RefusingIdentity, ShownIdentity
from whisperd.plugin.conformance.report import Broken, below, changed, places
from whisperd.plugin.registry import KEX, fault

_MAX = 16_384


@CHECKS.add
def interface(bench: KexBench) -> None:
    """Provides IKeyExchange, with a proper id, version, API version, level and identity kinds."""
    if found := fault(bench.plugin, KEX, getattr(bench.plugin, "id", "")):
        raise Broken(found)


@CHECKS.add
def self_test(bench: KexBench) -> None:
    """Passes its own self-test."""
    bench.plugin.self_test()


@CHECKS.add
def agreement(bench: KexBench) -> None:
    """Both sides arrive at the same 32 bytes; bundle and message are bytes of at most 16384."""
    for _ in range(4):
        made = bench.exchange()
        for name, value in (("bundle", made.bundle), ("message", made.message)):
            if type(value) is not bytes or not 0 < len(value) <= _MAX:
                raise Broken(f"the {name} is not bytes of at most {_MAX}")
        if type(made.secret) is not bytes or len(made.secret) != 32:
            raise Broken("the secret is not 32 bytes")
        if bench.plugin.accept(made.message, made.private, made.inviter) != made.secret:
            raise Broken("the two sides have different secrets")


@CHECKS.add
def freshness(bench: KexBench) -> None:
    """No bundle, message or secret comes twice, not even between the same identities."""
    inviter, joiner = bench.identity(), bench.identity()
    seen: set[bytes] = set()
    for _ in range(4):
        bundle, _ = bench.plugin.prekeys(inviter, bench.random)
        made = [bundle, *bench.plugin.initiate(bundle, joiner, bench.random),
                *bench.plugin.initiate(bundle, joiner, bench.random)]
        if seen & set(made) or len(set(made)) != len(made):
            raise Broken("something came twice")
        seen.update(made)


@CHECKS.add
def exchanges_apart(bench: KexBench) -> None:
    """Several exchanges at a time do not disturb each other."""
    made = [bench.exchange() for _ in range(3)]
    for one in reversed(made):
        if bench.plugin.accept(one.message, one.private, one.inviter) != one.secret:
            raise Broken("an exchange was disturbed by another one")


@CHECKS.add
def tampered_bundle(bench: KexBench) -> None:
    """A bundle with one bit changed is refused, or leads to no common secret."""
    size = len(bench.exchange().bundle)
    inviter, joiner = bench.contacts
    for place in places(size, bench.max_places):
        bundle, private = bench.plugin.prekeys(inviter, bench.random)
        bench.no_common_secret(f"bundle changed at byte {place}", changed(bench.random, bundle, place), private,
                               inviter, joiner)


@CHECKS.add
def tampered_message(bench: KexBench) -> None:
    """A message with one bit changed is refused, or leads to another secret."""
    size = len(bench.exchange().message)
    for place in places(size, bench.max_places):
        made = bench.exchange()
        bad = changed(bench.random, made.message, place)
        bench.useless(f"message changed at byte {place}", made.secret,
                      partial(bench.plugin.accept, bad, made.private, made.inviter))


@CHECKS.add
def cut_and_extended(bench: KexBench) -> None:
    """A bundle or message that is cut off at any place, longer, or empty is refused, and spends nothing."""
    made = bench.exchange()
    for place in places(len(made.bundle), bench.max_places):
        bench.refused(f"bundle cut at byte {place}",
                      partial(bench.plugin.initiate, made.bundle[:place], made.joiner, bench.random))
    for place in places(len(made.message), bench.max_places):
        bench.refused(f"message cut at byte {place}",
                      partial(bench.plugin.accept, made.message[:place], made.private, made.inviter))
    bench.refused("longer bundle", lambda: bench.plugin.initiate(made.bundle + b"\0", made.joiner, bench.random))
    bench.refused("longer message", lambda: bench.plugin.accept(made.message + b"\0", made.private, made.inviter))
    bench.accepted("a good message after refused ones", made)


@CHECKS.add
def garbage(bench: KexBench) -> None:
    """Random bytes of the right and of other sizes are refused as bundle and as message, and spend nothing."""
    made = bench.exchange()
    for size in (1, 31, 32, 64, len(made.bundle), len(made.message), _MAX, below(bench.random, _MAX)):
        junk = bench.random(size)
        bench.refused(f"{size} random bytes as bundle",
                      partial(bench.plugin.initiate, junk, made.joiner, bench.random))
        bench.refused(f"{size} random bytes as message",
                      partial(bench.plugin.accept, junk, made.private, made.inviter))
    bench.accepted("a good message after random bytes", made)


@CHECKS.add
def roles_swapped(bench: KexBench) -> None:
    """A bundle is refused as message, and a message as bundle, and that spends nothing."""
    made = bench.exchange()
    bench.refused("bundle as message", lambda: bench.plugin.accept(made.bundle, made.private, made.inviter))
    bench.refused("message as bundle", lambda: bench.plugin.initiate(made.message, made.joiner, bench.random))
    bench.accepted("a good message after a bundle in its place", made)


@CHECKS.add
def wrong_identity(bench: KexBench) -> None:
    """Accepting under another identity than the bundle's is refused, or leads to another secret."""
    made = bench.exchange()
    bench.useless("accepted under another identity", made.secret,
                  lambda: bench.plugin.accept(made.message, made.private, bench.identity()))


@CHECKS.add
def wrong_prekeys(bench: KexBench) -> None:
    """Accepting with other prekeys of the same identity is refused, or leads to another secret."""
    made = bench.exchange()
    _, other = bench.plugin.prekeys(made.inviter, bench.random)
    bench.useless("accepted with other prekeys", made.secret,
                  lambda: bench.plugin.accept(made.message, other, made.inviter))


@CHECKS.add
def spent_prekeys(bench: KexBench) -> None:
    """Prekeys that have served are refused, for the same message and for another one; so are wiped ones."""
    made = bench.exchange()
    other, _ = bench.plugin.initiate(made.bundle, bench.identity(), bench.random)
    bench.plugin.accept(made.message, made.private, made.inviter)
    for name, message in (("same", made.message), ("other", other)):
        bench.refused(f"the {name} message with spent prekeys",
                      partial(bench.plugin.accept, message, made.private, made.inviter))
    unused = bench.exchange()
    unused.private.wipe()
    bench.refused("wiped prekeys", lambda: bench.plugin.accept(unused.message, unused.private, unused.inviter))


@CHECKS.add
def low_order_points(bench: KexBench) -> None:
    """An identity whose X25519 key is of low order is refused on both sides, even if its signatures are right."""
    bench.needs_identity("x25519")
    for point in LOW_ORDER:
        inviter, joiner = bench.identity(), bench.identity()
        bundle, _ = bench.plugin.prekeys(ShownIdentity(inviter, point), bench.random)
        bench.refused("an inviter of low order", partial(bench.plugin.initiate, bundle, joiner, bench.random))
        bundle, private = bench.plugin.prekeys(inviter, bench.random)
        message, _ = bench.plugin.initiate(bundle, ShownIdentity(joiner, point), bench.random)
        bench.refused("a joiner of low order",
                      partial(bench.plugin.accept, message, private, inviter))


@CHECKS.add
def agreement_refused(bench: KexBench) -> None:
    """When the identity handle finds a point to be of low order, that is KeyExchangeRefused on both sides."""
    bench.needs_identity("x25519")
    made = bench.exchange()
    bench.refused("initiate with a refusing identity",
                  lambda: bench.plugin.initiate(made.bundle, RefusingIdentity(made.joiner), bench.random))
    bench.refused("accept with a refusing identity",
                  lambda: bench.plugin.accept(made.message, made.private, RefusingIdentity(made.inviter)))
