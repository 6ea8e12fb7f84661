"""Checks of what two daemons with the same registry agree on, and that nobody between them can have a say in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from whisperd.interfaces import ICodeKeyExchange
from whisperd.peer.handshake.handshake import InviterHandshake, JoinerHandshake
from whisperd.plugin.conformance.man_in_the_middle import CHECKS, HandshakeBench, Only, Suites, replaced
from whisperd.plugin.conformance.report import Broken, ConformanceReport, Follow, NotApplicable, seeded
from whisperd.wire.envelope import HandshakeAnswer, HandshakeMessage, Hello, SuiteOffer

#: Somebody between changes the offers of one side or of both.
_TARGETS = ((Hello,), (HandshakeAnswer,), (Hello, HandshakeAnswer))
_HIGHEST = 255


def check_negotiation(registry: Suites, *, seed: str = "conformance", only: Iterable[str] = (),
                      follow: Follow | None = None, inviter: type[InviterHandshake] = InviterHandshake,
                      joiner: type[JoinerHandshake] = JoinerHandshake) -> ConformanceReport:
    """Return what every check (or those in ``only``) finds when both sides have the plug-ins of ``registry``.

    ``inviter`` and ``joiner`` are the handshakes that are tried, whisperd's own unless told otherwise. ML-KEM and the
    signatures of some identities draw randomness of their own, so a run is repeatable in its choices only.
    """
    results = CHECKS.run(lambda name: HandshakeBench(registry, seeded(f"{seed} {name}"), inviter, joiner), only, follow)
    offers = (*registry.offers_kex(), *registry.offers_ratchet())
    return ConformanceReport("negotiation", " ".join(offer[0] for offer in offers), results)


@CHECKS.add
def strongest_suite(bench: HandshakeBench) -> None:
    """The offers are what the plug-ins state, and two sides agree on the first of the strongest of each kind."""
    _agreed(bench, _usable(bench))


@CHECKS.add
def every_suite(bench: HandshakeBench) -> None:
    """Each key exchange leads to a conversation with each ratchet."""
    usable = _usable(bench)
    for kex in usable.offers_kex():
        for ratchet in usable.offers_ratchet():
            _agreed(bench, Only(bench.registry, [kex], [ratchet]))


@CHECKS.add
def stripped_offers(bench: HandshakeBench) -> None:
    """Somebody in the middle cannot remove an offer, even with the invite and with every digest corrected."""
    _nobody_changes(bench, lambda offers: [offers[:place] + offers[place + 1 :] for place, _ in enumerate(offers)])


@CHECKS.add
def reordered_offers(bench: HandshakeBench) -> None:
    """Somebody in the middle cannot change the order of the offers."""
    _nobody_changes(bench, lambda offers: [offers[::-1], offers[1:] + offers[:1]])


@CHECKS.add
def substituted_offers(bench: HandshakeBench) -> None:
    """Somebody in the middle cannot put another level or version, or an unknown name, into an offer."""
    _nobody_changes(bench, lambda offers: [
        [changed, *offers[1:]] for first in offers[:1]
        for changed in (SuiteOffer(first.id, first.version, 1 + first.level % 3),
                        SuiteOffer(first.id, 255, first.level), SuiteOffer("of-nobody", 1, 3))])


@CHECKS.add
def forced_choice(bench: HandshakeBench) -> None:
    """An inviter who offers all and chooses a weaker suite than the rule gives is refused."""
    usable = _usable(bench)
    best = _best(usable)
    weaker = [(kex, ratchet) for kex in usable.offers_kex() for ratchet in usable.offers_ratchet()
              if (kex[0], ratchet[0]) != best]
    if not weaker:
        raise NotApplicable("it offers one suite only")
    kexes, ratchets = ([SuiteOffer(*offer) for offer in offers] for offers in (bench.registry.offers_kex(),
                                                                          bench.registry.offers_ratchet()))

    def pretend(message: HandshakeMessage) -> HandshakeMessage:
        if not isinstance(message, HandshakeAnswer):
            return message
        return msgspec.structs.replace(message, kex=kexes, ratchet=ratchets)

    for kex, ratchet in weaker:
        bench.play(pretend, inviters=Only(bench.registry, [kex], [ratchet]))
        if bench.passed > 2:
            raise Broken(f"the joiner went along with {kex[0]} and {ratchet[0]}")


@CHECKS.add
def floors(bench: HandshakeBench) -> None:
    """The floor of each side is observed, even if somebody in the middle lowers it on its way to the other side."""

    def lowered(message: HandshakeMessage) -> HandshakeMessage:
        return msgspec.structs.replace(message, floor=1) if isinstance(message, Hello | HandshakeAnswer) else message

    usable = _usable(bench)
    for floor in (2, 3):
        weak = Only(bench.registry, [o for o in usable.offers_kex() if o[2] < floor],
                    [o for o in usable.offers_ratchet() if o[2] < floor])
        for changed in (lowered, lambda message: message):
            for both in ((floor, 1), (1, floor)):
                if any(min(done.kex.level, done.ratchet.level) < floor
                       for inviters in (None, weak)
                       for done in bench.play(changed, mend=True, floors=both, inviters=inviters)):
                    raise Broken(f"a floor of {floor} was not held")


def _usable(bench: HandshakeBench) -> Only:
    """Return the suites that need no code, with what they state of themselves; raises Broken for a false offer."""
    for offers, get in ((bench.registry.offers_kex(), bench.registry.kex),
                        (bench.registry.offers_ratchet(), bench.registry.ratchet)):
        for offer in offers:
            plugin: Any = get(offer[0])  # an IPlugin
            if tuple(offer) != (plugin.id, plugin.version, int(plugin.level)):
                raise Broken(f"{offer[0]} is offered as something else than it says of itself")
    kexes = [offer for offer in bench.registry.offers_kex()
             if not ICodeKeyExchange.providedBy(bench.registry.kex(offer[0]))]
    if not kexes or not bench.registry.offers_ratchet():
        raise NotApplicable("it offers no suite that works without a code")
    return Only(bench.registry, kexes, bench.registry.offers_ratchet())


def _best(suites: Suites) -> tuple[str, str]:
    """Return the ids that the rule gives: highest level, then first."""
    kex, ratchet = (min(enumerate(offers), key=lambda one: (_HIGHEST - one[1][2], one[0]))[1]
                    for offers in (suites.offers_kex(), suites.offers_ratchet()))
    return kex[0], ratchet[0]


def _agreed(bench: HandshakeBench, suites: Only) -> None:
    """Raise Broken unless two sides with these suites come to the best one and understand each other."""
    best = _best(suites)
    own = HandshakeBench(suites, bench.random, *bench.roles)
    done = own.play()
    if len(done) != 2 or any((each.kex.id, each.ratchet.id) != best for each in done):
        raise Broken(f"two sides did not come to {' and '.join(best)}: {own.error or 'they took another suite'}")
    inviters, joiners = done
    message = joiners.session.encrypt(b"hello", joiners.keys.associated_data)
    if inviters.keys.words() != joiners.keys.words() or \
            inviters.session.decrypt(message, inviters.keys.associated_data) != b"hello":
        raise Broken(f"two sides do not understand each other by {' and '.join(best)}")


def _nobody_changes(bench: HandshakeBench, changes: Callable[[list[SuiteOffer]], list[list[SuiteOffer]]]) -> None:
    """Raise Broken when both sides, or one, come to a session though the offers of one kind were changed."""
    tried = 0
    for kind, offers in (("kex", bench.registry.offers_kex()), ("ratchet", bench.registry.offers_ratchet())):
        own = [SuiteOffer(*offer) for offer in offers]
        for instead in changes(own):
            if instead == own:
                continue
            tried += 1
            for messages in _TARGETS:
                if any(bench.play(replaced(kind, instead, messages), mend=mend) for mend in (False, True)):
                    raise Broken(f"{kind} offers became {[offer.id for offer in instead]}, and nobody noticed")
    if not tried:
        raise NotApplicable("it offers nothing that could be changed so")
