"""What the tests of the peer share: seeded randomness, real plug-ins, weak ones, and two sides without a network."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

from whisperd.errors import KeyExchangeRefused
from whisperd.interfaces import Level
from whisperd.peer.conversation.conversation import Conversation
from whisperd.peer.conversation.origin import Bounds, Origin
from whisperd.peer.effects import Emit, SendFrame
from whisperd.peer.handshake.handshake import InviterHandshake, JoinerHandshake, Terms
from whisperd.peer.handshake.keys import InviteKeys
from whisperd.plugin.identity import MemoryIdentity
from whisperd.plugin.registry import PluginOffer, Registry

SECRET = bytes(range(32))


def seeded(seed: str) -> Callable[[int], bytes]:
    """Return a random source that gives the same bytes each time: SHAKE-256 of the seed, read in order."""
    taken = 0

    def random(size: int) -> bytes:
        nonlocal taken
        taken += size
        return hashlib.shake_256(seed.encode()).digest(taken)[-size:] if size else b""

    return random


@cache
def real_plugins() -> Registry:
    """Return the bundled plug-ins, checked once for the whole run."""
    return Registry.load(["pqxdh-25519-mlkem1024"], ["double-he"])


class PlainKex:
    """A key exchange without any security, that is deterministic: for choices and vectors only."""

    api = 1
    identity_kinds = ("x25519",)

    def __init__(self, plugin_id: str, level: int, version: int = 1) -> None:
        self.id, self.level, self.version = plugin_id, Level(level), version

    def prekeys(self, identity: Any, random: Callable[[int], bytes]) -> tuple[bytes, Any]:
        key = Wipeable(random(32))
        return bytes(key.key), key

    def initiate(self, bundle: bytes, identity: Any, random: Callable[[int], bytes]) -> tuple[bytes, bytes]:
        message = random(32)
        return message, hashlib.sha256(bundle + message).digest()

    def accept(self, message: bytes, private: Any, identity: Any) -> bytes:
        if len(message) != 32:
            raise KeyExchangeRefused
        return hashlib.sha256(bytes(private.key) + message).digest()


class Wipeable:
    """A private key of PlainKex."""

    def __init__(self, key: bytes) -> None:
        self.key = bytearray(key)

    def wipe(self) -> None:
        self.key[:] = bytes(len(self.key))


class ManyPlugins:
    """A registry of named key exchanges of chosen levels, with the real ratchet under chosen names."""

    def __init__(self, kex: list[tuple[str, int]], ratchet: list[tuple[str, int]]) -> None:
        self._kex = {name: PlainKex(name, level) for name, level in kex}
        self._ratchet = dict(ratchet)

    def kex(self, plugin_id: str) -> PlainKex:
        return self._kex[plugin_id]

    def ratchet(self, plugin_id: str) -> Any:
        assert plugin_id in self._ratchet
        return real_plugins().ratchet("double-he")

    def offers_kex(self) -> list[PluginOffer]:
        return [PluginOffer(kex.id, kex.version, int(kex.level)) for kex in self._kex.values()]

    def offers_ratchet(self) -> list[PluginOffer]:
        return [PluginOffer(name, 1, level) for name, level in self._ratchet.items()]


def terms(seed: str, *, plugins: Any = None, floor: int = 1, invite_floor: int = 1, secret: bytes = SECRET) -> Terms:
    """Return one side's terms, with its own copy of the keys of the invite."""
    return Terms(InviteKeys.derive(secret), invite_floor, floor, plugins or real_plugins(), MemoryIdentity,
                 seeded(seed))


def pair(**both: Any) -> tuple[InviterHandshake, JoinerHandshake]:
    """Return the two sides of a handshake."""
    return InviterHandshake(terms("inviter", **both)), JoinerHandshake(terms("joiner", **both))


def conversation(name: str, terms: Terms, *, inviter: bool, expires: float = 1e9, max_queue: int = 64) -> Conversation:
    """Return one side of a conversation that begins."""
    return Conversation(name, terms, Origin(inviter, expires), Bounds(max_queue))


def frames(effects: list[Any]) -> list[bytes]:
    """Return the frames among effects."""
    return [effect.frame for effect in effects if isinstance(effect, SendFrame)]


def events(effects: list[Any], name: str) -> list[dict[str, Any]]:
    """Return the fields of the events of one name among effects."""
    return [effect.fields for effect in effects if isinstance(effect, Emit) and effect.name == name]


def only(effects: list[Any], kind: type) -> Any:
    """Return the one effect of a kind."""
    found = [effect for effect in effects if isinstance(effect, kind)]
    assert len(found) == 1, effects
    return found[0]
