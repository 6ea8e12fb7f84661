"""Handshakes between two cores with somebody between them who holds the invite, and so can change every message."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from whisperd.errors import WhisperdError
from whisperd.interfaces import Random
from whisperd.peer.effects import SendFrame
from whisperd.peer.handshake.established import Established
from whisperd.peer.handshake.handshake import InviterHandshake, JoinerHandshake, Terms
from whisperd.peer.handshake.keys import InviteKeys, Seal
from whisperd.peer.handshake.plugins import Plugins
from whisperd.plugin.conformance.report import Checks
from whisperd.plugin.identity import MemoryIdentity
from whisperd.wire.envelope import HandshakeMessage, SuiteOffer, decode_message, encode_message

CHECKS = Checks()

Change = Callable[[HandshakeMessage], HandshakeMessage]
Offers = Sequence[tuple[str, int, int]]


class Suites(Plugins, Protocol):
    """A registry as the checks see it: offers and plug-ins."""


class Only:
    """A registry that offers these suites of another one and no more."""

    def __init__(self, registry: Suites, kex: Offers, ratchet: Offers) -> None:
        self.kex, self.ratchet = registry.kex, registry.ratchet
        self._kex, self._ratchet = kex, ratchet

    def offers_kex(self) -> Offers:
        return self._kex

    def offers_ratchet(self) -> Offers:
        return self._ratchet


class Middle:
    """Whoever holds the invite and stands between: changes what passes, and mends the digests if ``mend``."""

    def __init__(self, keys: InviteKeys, random: Random, change: Change, mend: bool) -> None:
        self._keys = keys
        self._random = random
        self._change = change
        self._mend = mend
        self._sent: dict[bool, bytes] = {}

    def pass_on(self, frame: bytes, *, by_inviter: bool) -> bytes:
        """Return the frame that the other side gets."""
        data = Seal.for_role(self._keys, inviter=not by_inviter).open(frame)
        self._sent[by_inviter] = data
        message = self._change(decode_message(data))
        if self._mend and hasattr(message, "seen"):
            message = msgspec.structs.replace(message, seen=hashlib.sha256(self._sent[not by_inviter]).digest())
        return Seal.for_role(self._keys, inviter=by_inviter).close(encode_message(message), self._random)


class HandshakeBench:
    """One registry on both sides, and how to let them shake hands; the two cores can be others than whisperd's."""

    def __init__(self, registry: Suites, random: Random, inviter: type[InviterHandshake],
                 joiner: type[JoinerHandshake]) -> None:
        self.registry = registry
        self.random = random
        self.roles = inviter, joiner
        #: How many frames the last handshake had, and what stopped it.
        self.passed = 0
        self.error: WhisperdError | None = None

    def play(self, change: Change = lambda message: message, *, mend: bool = False, floors: tuple[int, int] = (1, 1),
             inviters: Suites | None = None) -> list[Established]:
        """Let two sides shake hands, and return what each of them came to, inviter first; none when it was stopped.

        ``floors`` are the inviter's and the joiner's; ``inviters`` is what the inviter offers, if that is not all."""
        secret = self.random(32)

        def terms(floor: int, plugins: Suites) -> Terms:
            return Terms(InviteKeys.derive(secret), 1, floor, plugins, MemoryIdentity, self.random)

        inviter = self.roles[0](terms(floors[0], inviters or self.registry))
        joiner = self.roles[1](terms(floors[1], self.registry))
        middle = Middle(InviteKeys.derive(secret), self.random, change, mend)
        done: list[Established] = []
        self.passed, self.error = 0, None
        try:
            effects: Sequence[Any] = joiner.begin()
            while frames := [effect.frame for effect in effects if isinstance(effect, SendFrame)]:
                by_inviter = bool(self.passed % 2)
                frame = middle.pass_on(frames[0], by_inviter=by_inviter)
                self.passed += 1
                effects = (joiner if by_inviter else inviter).receive(frame)
                done += (effect for effect in effects if isinstance(effect, Established))
        except WhisperdError as error:
            self.error = error
        return done


def replaced(field: str, offers: list[SuiteOffer], messages: tuple[type, ...]) -> Change:
    """Return the change that puts ``offers`` into a field, ``kex`` or ``ratchet``, of these messages."""

    def change(message: HandshakeMessage) -> HandshakeMessage:
        return msgspec.structs.replace(message, **{field: offers}) if isinstance(message, messages) else message

    return change
