"""Checks of keys: every encoding, order and place that is not the right one, also when its owner has signed for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations, pairwise
from typing import Any

from whisperd.plugin.conformance.bad_keys import LOW_ORDER, Drawn, invalid_kem_keys, other_encodings
from whisperd.plugin.conformance.kex_bench import CHECKS, KexBench, RecordingSigner, ShownIdentity
from whisperd.plugin.conformance.report import NotApplicable


@CHECKS.add
def non_canonical_points(bench: KexBench) -> None:
    """An identity whose X25519 key is not in its one canonical form is refused on both sides."""
    bench.needs_identity("x25519")
    for side in (0, 1):
        for place in range(len(other_encodings(bytes(32)))):
            contacts = [bench.identity(), bench.identity()]
            contacts[side] = ShownIdentity(contacts[side], other_encodings(contacts[side].public("x25519"))[place])
            bench.refused_between(contacts[0], contacts[1], f"the {('inviter', 'joiner')[side]}'s key in another form")


@CHECKS.add
def low_order_prekeys(bench: KexBench) -> None:
    """An X25519 key of low order in a bundle or message is refused, even if the sender signed it."""
    _refuses(bench, "a key of low order", lambda key: list(LOW_ORDER))


@CHECKS.add
def non_canonical_prekeys(bench: KexBench) -> None:
    """An X25519 key in a bundle or message that is not in its one canonical form is refused, even if the sender
    signed it."""
    _refuses(bench, "a key in another form", other_encodings)


@CHECKS.add
def invalid_kem_prekeys(bench: KexBench) -> None:
    """An ML-KEM-1024 key with a coefficient that is not below 3329 is refused, even if the sender signed it."""
    forged = list(_forged_bundles(bench, Drawn.mlkem1024, invalid_kem_keys))
    if not forged:
        raise NotApplicable("it shows no ML-KEM-1024 key that it drew")
    for call in forged:
        bench.refused("an invalid ML-KEM key", call)


@CHECKS.add
def key_confusion(bench: KexBench) -> None:
    """A bundle or message in which two keys have changed places is refused, or leads to no common secret."""
    inviter, joiner = bench.identity(), bench.identity()
    _, _, keys = _published(bench, inviter)
    tried = 0
    for number, _ in enumerate(keys):
        bundle, private, keys = _published(bench, inviter)
        one, other = keys[number]
        bench.no_common_secret("a bundle with two keys that changed places", _swapped(bundle, one, other), private,
                               inviter, joiner)
        tried += 1
    for number, _ in enumerate(_sent(bench, inviter, joiner)[3]):
        message, private, secret, keys = _sent(bench, inviter, joiner)
        bench.useless("a message with two keys that changed places", secret,
                      partial(bench.plugin.accept, _swapped(message, *keys[number]), private, inviter))
        tried += 1
    if not tried:
        raise NotApplicable("it shows no two keys of one size")


@CHECKS.add
def spliced(bench: KexBench) -> None:
    """A bundle or message with a part of another one in it, also a ciphertext, is refused, or leads to no common
    secret."""
    inviter, joiner = bench.contacts
    for start, end in _windows(len(bench.exchange().bundle), bench.max_places):
        (one, private), (other, _) = (bench.plugin.prekeys(inviter, bench.random) for _ in range(2))
        mixed = one[:start] + other[start:end] + one[end:]
        if mixed not in (one, other):
            bench.no_common_secret(f"a bundle with another one's bytes {start} to {end}", mixed, private, inviter,
                                   joiner)
    for start, end in _windows(len(bench.exchange().message), bench.max_places):
        bundle, private = bench.plugin.prekeys(inviter, bench.random)
        (one, secret), (other, _) = (bench.plugin.initiate(bundle, joiner, bench.random) for _ in range(2))
        mixed = one[:start] + other[start:end] + one[end:]
        if mixed not in (one, other):
            bench.useless(f"a message with another one's bytes {start} to {end}", secret,
                          partial(bench.plugin.accept, mixed, private, inviter))


def _refuses(bench: KexBench, what: str, bad: Callable[[bytes], list[bytes]]) -> None:
    """Raise Broken unless these keys are refused in the place of X25519 keys that were drawn, on both sides."""
    forged = [*_forged_bundles(bench, Drawn.x25519, bad), *_forged_messages(bench, bad)]
    if not forged:
        raise NotApplicable("it shows no X25519 key that it drew")
    for call in forged:
        bench.refused(what, call)


def _windows(size: int, limit: int) -> list[tuple[int, int]]:
    """Return both halves of ``size`` bytes, and as many pieces of them as are to be tried."""
    pieces = min(size, 16 if limit < size else 64)
    edges = [size * number // pieces for number in range(pieces + 1)]
    return [(0, size // 2), (size // 2, size), *pairwise(edges)]


def _forged_bundles(bench: KexBench, find: Callable[[Drawn, bytes], list[bytes]],
                    bad: Callable[[bytes], list[bytes]]) -> Iterator[Callable[[], Any]]:
    """Yield calls of ``initiate`` with bundles in which a bad key has taken the place of a good one, signed anew."""
    drawn, inviter = Drawn(bench.random), RecordingSigner(bench.identity())
    bundle, _ = bench.plugin.prekeys(inviter, drawn)
    for good in find(drawn, bundle):
        for key in bad(good):
            yield partial(bench.plugin.initiate, inviter.signed_anew(bundle, {good: key}), bench.identity(),
                          bench.random)


def _forged_messages(bench: KexBench, bad: Callable[[bytes], list[bytes]]) -> Iterator[Callable[[], Any]]:
    """Yield calls of ``accept`` with messages in which a bad key has taken the place of a good one, signed anew."""
    inviter = bench.identity()
    for place, _ in enumerate(bad(bytes(32))):
        bundle, private = bench.plugin.prekeys(inviter, bench.random)
        drawn, joiner = Drawn(bench.random), RecordingSigner(bench.identity())
        message, _ = bench.plugin.initiate(bundle, joiner, drawn)
        for good in drawn.x25519(message):
            yield partial(bench.plugin.accept, joiner.signed_anew(message, {good: bad(good)[place]}), private, inviter)


Pairs = list[tuple[bytes, bytes]]


def _published(bench: KexBench, inviter: Any) -> tuple[bytes, Any, Pairs]:
    """Return a bundle, its private half and the pairs of keys in it that have the same size."""
    drawn = Drawn(bench.random)
    bundle, private = bench.plugin.prekeys(inviter, drawn)
    return bundle, private, _pairs(bench, inviter, drawn, bundle)


def _sent(bench: KexBench, inviter: Any, joiner: Any) -> tuple[bytes, Any, bytes, Pairs]:
    """Return a message, the private half that it is for, its secret, and the pairs of keys of the same size."""
    bundle, private = bench.plugin.prekeys(inviter, bench.random)
    drawn = Drawn(bench.random)
    message, secret = bench.plugin.initiate(bundle, joiner, drawn)
    return message, private, secret, _pairs(bench, joiner, drawn, message)


def _pairs(bench: KexBench, identity: Any, drawn: Drawn, record: bytes) -> Pairs:
    keys = [*bench.identity_keys(identity, record), *drawn.x25519(record), *drawn.mlkem1024(record)]
    return [(one, other) for one, other in combinations(keys, 2) if len(one) == len(other)]


def _swapped(record: bytes, one: bytes, other: bytes) -> bytes:
    first, second = record.index(one), record.index(other)
    whole = bytearray(record)
    whole[first : first + len(one)], whole[second : second + len(other)] = other, one
    return bytes(whole)
