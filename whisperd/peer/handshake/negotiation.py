"""Which suite two sides take: one deterministic rule that both compute. [whisperd-protocol(7), CHOICE]"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from whisperd.errors import FloorNotMet
from whisperd.peer.handshake.plugins import Plugins
from whisperd.wire.envelope import SuiteOffer


def own_offers(plugins: Plugins) -> tuple[list[SuiteOffer], list[SuiteOffer]]:
    """Return what this side can do, as (key exchanges, ratchets), best first."""
    return ([SuiteOffer(*offer) for offer in plugins.offers_kex()],
            [SuiteOffer(*offer) for offer in plugins.offers_ratchet()])


def choose(inviter: Sequence[SuiteOffer], joiner: Iterable[SuiteOffer], floor: int) -> SuiteOffer:
    """Return the strongest of what stands in both lists with the same id, version and level, at least ``floor``.

    Among equals the first of the inviter's list. Raises FloorNotMet when nothing is left.
    """
    both = set(joiner)
    common = [offer for offer in inviter if offer in both and offer.level >= floor]
    if not common:
        raise FloorNotMet
    return max(common, key=lambda offer: offer.level)  # max returns the first of equals


def check_floor(plugins: Plugins, floor: int) -> None:
    """Raise FloorNotMet when one's own suites cannot reach ``floor``, whatever the other side has."""
    for offers in own_offers(plugins):
        if not any(offer.level >= floor for offer in offers):
            raise FloorNotMet("none of the configured algorithms reaches the required security level")
