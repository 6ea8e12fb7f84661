"""Checks of who is who: nobody poses as somebody else, takes over what others said, or talks to themselves unawares."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from whisperd.plugin.conformance.kex_bench import CHECKS, Impostor, KexBench, RecordingSigner
from whisperd.plugin.conformance.report import Broken, NotApplicable


@CHECKS.add
def identity_substitution(bench: KexBench) -> None:
    """A bundle or message with a stranger's identity key in it is refused, or leads to no common secret."""
    _substituted(bench, signed=False)


@CHECKS.add
def unknown_key_share(bench: KexBench) -> None:
    """A stranger who signs another's bundle or message as their own never gives both sides the same secret."""
    _substituted(bench, signed=True)


@CHECKS.add
def key_compromise_impersonation(bench: KexBench) -> None:
    """Somebody who stole the identity keys of one side cannot pose to that side as somebody else."""
    bench.needs_identity()
    for stolen in (False, True):
        inviter, joiner = bench.identity(), RecordingSigner(bench.identity())
        bundle, private = bench.plugin.prekeys(inviter, bench.random)
        bench.plugin.initiate(bundle, joiner, bench.random)
        thief = Impostor(joiner, inviter if stolen else bench.identity())
        made = bench.attempt("a message of an impostor", partial(bench.plugin.initiate, bundle, thief, bench.random))
        if made is not None:
            bench.useless("a joiner's name on a stranger's message", made[1],
                          partial(bench.plugin.accept, made[0], private, inviter))
        _pose_as_inviter(bench, stolen)


def _pose_as_inviter(bench: KexBench, stolen: bool) -> None:
    inviter, joiner = RecordingSigner(bench.identity()), bench.identity()
    bench.plugin.prekeys(inviter, bench.random)
    thief = Impostor(inviter, joiner if stolen else bench.identity())
    made = bench.attempt("prekeys of an impostor", partial(bench.plugin.prekeys, thief, bench.random))
    if made is not None:
        bundle, private = made
        bench.no_common_secret("an inviter's name on a stranger's bundle", bundle, private, thief, joiner)


@CHECKS.add
def self_session(bench: KexBench) -> None:
    """A bundle of one's own is refused."""
    bench.needs_identity()
    identity = bench.identity()
    bundle, _ = bench.plugin.prekeys(identity, bench.random)
    bench.refused("an own bundle", partial(bench.plugin.initiate, bundle, identity, bench.random))


@CHECKS.add
def simultaneous_start(bench: KexBench) -> None:
    """Two people who both invite and both join at the same time get two exchanges that know nothing of each other."""
    contacts = [bench.identity(), bench.identity()]
    prekeys = [bench.plugin.prekeys(person, bench.random) for person in contacts]
    sent = [bench.plugin.initiate(prekeys[1 - number][0], contacts[number], bench.random) for number in (0, 1)]
    heard = [bench.plugin.accept(sent[1 - number][0], prekeys[number][1], contacts[number]) for number in (0, 1)]
    if heard != [sent[1][1], sent[0][1]] or heard[0] == heard[1]:
        raise Broken("two exchanges at once became one")


@CHECKS.add
def exhaustion(bench: KexBench) -> None:
    """Of all messages for one bundle, only one is accepted; last-resort prekeys, if there are any, accept each message
    once."""
    inviter = bench.identity()
    bundle, private = bench.plugin.prekeys(inviter, bench.random)
    joiner = bench.identity()
    sent = [bench.plugin.initiate(bundle, joiner, bench.random) for _ in range(32)]
    if bench.plugin.accept(sent[0][0], private, inviter) != sent[0][1]:
        raise Broken("the two sides have different secrets")
    for message, _ in sent:
        bench.refused("one more message for the same prekeys",
                      partial(bench.plugin.accept, message, private, inviter))
    if hasattr(bench.plugin, "last_resort_prekeys"):
        _last_resort(bench, inviter, joiner)


def _last_resort(bench: KexBench, inviter: Any, joiner: Any) -> None:
    bundle, private = bench.plugin.last_resort_prekeys(inviter, bench.random)
    sent = [bench.plugin.initiate(bundle, joiner, bench.random) for _ in range(32)]
    for message, secret in sent:
        if bench.plugin.accept(message, private, inviter) != secret:
            raise Broken("the two sides have different secrets by last-resort prekeys")
    for message, _ in sent:
        bench.refused("a message again, by last-resort prekeys",
                      partial(bench.plugin.accept, message, private, inviter))
    private.wipe()
    late, _ = bench.plugin.initiate(bundle, joiner, bench.random)
    bench.refused("wiped last-resort prekeys", partial(bench.plugin.accept, late, private, inviter))


def _substituted(bench: KexBench, *, signed: bool) -> None:
    """Let a stranger put their identity keys into a bundle and a message, one kind at a time and all at once."""
    bench.needs_identity()
    tried = 0
    for kinds in _subsets(bench.plugin.identity_kinds):
        eve, inviter, joiner = bench.identity(), RecordingSigner(bench.identity()), RecordingSigner(bench.identity())
        bundle, private = bench.plugin.prekeys(inviter, bench.random)
        message, secret = bench.plugin.initiate(bundle, joiner, bench.random)
        taken = _taken(message, kinds, joiner, eve, signed)
        if taken != message:
            tried += 1
            bench.useless(f"a message under a stranger's {' and '.join(kinds)} key", secret,
                          partial(bench.plugin.accept, taken, private, inviter))
        bundle, private = bench.plugin.prekeys(inviter, bench.random)
        taken = _taken(bundle, kinds, inviter, eve, signed)
        if taken != bundle:
            tried += 1
            bench.no_common_secret(f"a bundle under a stranger's {' and '.join(kinds)} key", taken, private, inviter,
                                   joiner)
    if not tried:
        raise NotApplicable("it shows no identity key in clear")


def _taken(record: bytes, kinds: tuple[str, ...], owner: RecordingSigner, eve: Any, signed: bool) -> bytes:
    """Return ``record`` with Eve's keys of these kinds in the place of its owner's, perhaps signed by her."""
    keys = {owner.public(kind): eve.public(kind) for kind in kinds}
    if signed:
        return owner.signed_anew(record, keys, by=eve, kinds=kinds)
    for own, hers in keys.items():
        record = record.replace(own, hers)
    return record


def _subsets(kinds: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield from ((kind,) for kind in kinds)
    if len(kinds) > 1:
        yield tuple(kinds)
