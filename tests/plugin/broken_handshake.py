"""Handshakes and registries in which somebody between has a say, by the name of the check that has to find it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from whisperd_plugins.double_he import DoubleHeaderEncrypted

from whisperd.interfaces import Level
from whisperd.peer.handshake.handshake import InviterHandshake, JoinerHandshake
from whisperd.plugin.registry import PluginOffer, Registry

REGISTRY = Registry.load(["pqxdh-25519-mlkem1024", "x3dh-25519"], ["double-he", "double"])


class Credulous(JoinerHandshake):
    """Takes the inviter's word for the choice."""

    def _check_choice(self, answer: Any) -> tuple[PluginOffer, PluginOffer]:
        kex, ratchet = ({offer[0]: PluginOffer(*offer) for offer in offers}
                        for offers in (REGISTRY.offers_kex(), REGISTRY.offers_ratchet()))
        return kex[answer.choice[0]], ratchet[answer.choice[1]]


class Unbound:
    """The keys do not depend on what was offered."""

    def _session_keys(self, hello: bytes, answer: bytes, message: bytes, secret: bytes) -> Any:
        return super()._session_keys(b"", b"", message, secret)  # type: ignore[misc]


class UnboundInviter(Unbound, InviterHandshake):
    pass


class UnboundJoiner(Unbound, Credulous):
    pass


class Floorless:
    """Forgets every floor."""

    def __init__(self, terms: Any) -> None:
        super().__init__(replace(terms, floor=1, invite_floor=1))  # type: ignore[call-arg]


class FloorlessInviter(Floorless, InviterHandshake):
    pass


class FloorlessJoiner(Floorless, JoinerHandshake):
    pass


class Deaf(DoubleHeaderEncrypted):
    """A ratchet whose two sides do not start from the same secret."""

    def initiator(self, secret: bytes, offer: bytes, random: Any) -> Any:
        return super().initiator(bytes(32), offer, random)


class WithPlugins:
    """The registry with something else in it."""

    kex = staticmethod(REGISTRY.kex)
    offers_kex = staticmethod(REGISTRY.offers_kex)
    offers_ratchet = staticmethod(REGISTRY.offers_ratchet)

    def ratchet(self, plugin_id: str) -> Any:
        return REGISTRY.ratchet(plugin_id)


class DeafRatchet(WithPlugins):
    def ratchet(self, plugin_id: str) -> Any:
        return Deaf() if plugin_id == "double-he" else super().ratchet(plugin_id)


class Boasting(WithPlugins):
    """Offers more than the plug-in says of itself."""

    def offers_kex(self) -> list[PluginOffer]:  # type: ignore[override]
        return [PluginOffer(offer.id, offer.version, Level.QUANTUM_RESISTANT) for offer in REGISTRY.offers_kex()]


_OPEN: dict[str, Any] = {"inviter": UnboundInviter, "joiner": UnboundJoiner}
BROKEN: list[tuple[str, Any, dict[str, Any]]] = [
    ("strongest-suite", Boasting(), {}),
    ("strongest-suite", DeafRatchet(), {}),
    ("every-suite", DeafRatchet(), {}),
    ("stripped-offers", REGISTRY, _OPEN),
    ("reordered-offers", REGISTRY, _OPEN),
    ("substituted-offers", REGISTRY, _OPEN),
    ("forced-choice", REGISTRY, {"joiner": Credulous}),
    ("floors", REGISTRY, {"inviter": FloorlessInviter, "joiner": FloorlessJoiner}),
]
