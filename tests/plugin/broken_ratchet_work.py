"""Ratchets that nobody could work with, by the name of the check that has to find it."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from whisperd_plugins import double, mlkem, ratchet_dump
from whisperd_plugins.double import Double, PlainState
from whisperd_plugins.double_he import DoubleHeaderEncrypted, Session
from whisperd_plugins.kem_every_turn import KemEveryTurn
from whisperd_plugins.ratchet_body import AesGcm
from whisperd_plugins.ratchet_state import RatchetState
from whisperd_plugins.skipped_keys import MAX_SKIP, Keys
from whisperd_plugins.sodium import NONCE

from tests.plugin.broken_ratchet import BROKEN, ChangesBeforeItBelieves, SharedKey, WithSession, breaks
from tests.plugin.open_kex import waste
from whisperd.errors import MessageRejected
from whisperd.plugin.conformance.cost import MAX_FORGED, MAX_MESSAGE

__all__ = ["BROKEN"]

breaks("rollback")(SharedKey)


class AnyEnd(RatchetState):
    """Takes a chain that had ended too far ahead for one that ended as far ahead as may be."""

    __slots__ = ()

    def _behind(self, previous: int) -> Keys:
        return super()._behind(min(previous, self.receiving.number + MAX_SKIP) if self.receiving else previous)


@breaks("skip-bound")
class NoBoundBehindATurn(DoubleHeaderEncrypted):
    def _begin(self, secret: bytes, *, initiator: bool) -> RatchetState:
        state = super()._begin(secret, initiator=initiator)
        state.__class__ = AnyEnd
        return state


class NothingBehind(RatchetState):
    """Keeps no keys of what is missing at the end of a chain."""

    __slots__ = ()

    def _behind(self, previous: int) -> Keys:
        return {}


@breaks("reorder")
class ForgetsAtATurn(DoubleHeaderEncrypted):
    def _begin(self, secret: bytes, *, initiator: bool) -> RatchetState:
        state = super()._begin(secret, initiator=initiator)
        state.__class__ = NothingBehind
        return state


@breaks("sessions-apart")
class SameOfferAgain(DoubleHeaderEncrypted):
    """Makes one offer, whoever it is for."""

    def offer(self, random: Any) -> Any:
        return super().offer(lambda size: b"\7" * size)


@breaks("interface")
class FewChains(DoubleHeaderEncrypted):
    max_chains = 3


@breaks("interface")
class KeepsFew(DoubleHeaderEncrypted):
    max_kept = 63


@breaks("invalid-keys-in-offers")
class AnyEncoding(DoubleHeaderEncrypted):
    """Takes an X25519 key in whatever form it comes."""

    def _adopt(self, state: RatchetState, offer: bytes) -> None:
        state.peer = offer


@breaks("invalid-keys-in-offers")
class AnyEncapsulationKey(KemEveryTurn):
    """Takes its own ML-KEM key when that of an offer is not valid."""

    def _adopt(self, state: Any, offer: bytes) -> None:
        super()._adopt(state, offer)
        try:
            mlkem.check_public_key(state.peer_key)
        except ValueError:
            state.peer_key = mlkem.keypair(bytes(64))[0]


@breaks("rollback")
class OnlyForward(WithSession):
    """Does not go on from the dump of a session that has gone on since."""

    def load(self, dump: bytes, random: Any) -> Session:
        session = super().load(dump, random)
        if hashlib.sha256(dump).digest() in PASSED:
            session._state.next_receiving = bytearray(32)
            session._state.receiving = None
        return session

    class session(Session):
        def decrypt(self, message: bytes, ad: bytes) -> bytes:
            PASSED.add(hashlib.sha256(self.dump()).digest())
            return super().decrypt(message, ad)


PASSED: set[bytes] = set()


@breaks("two-processes")
class PerProcess(WithSession):
    class session(Session):
        def encrypt(self, plaintext: bytes, ad: bytes) -> bytes:
            return super().encrypt(plaintext, ad + str(os.getpid()).encode())

        def decrypt(self, message: bytes, ad: bytes) -> bytes:
            return super().decrypt(message, ad + str(os.getpid()).encode())


@breaks("sizes")
class LongMessages(WithSession):
    class session(Session):
        def encrypt(self, plaintext: bytes, ad: bytes) -> bytes:
            return bytes(10_000) + super().encrypt(plaintext, ad)

        def decrypt(self, message: bytes, ad: bytes) -> bytes:
            if message[:10_000] != bytes(10_000):
                raise MessageRejected
            return super().decrypt(message[10_000:], ad)


@breaks("sizes")
class LargeState(WithSession):
    class session(Session):
        def dump(self) -> bytes:
            return super().dump() + bytes(1_000_000)


@breaks("cpu-budget")
class SlowMessages(WithSession):
    class session(Session):
        def encrypt(self, plaintext: bytes, ad: bytes) -> bytes:
            waste(2 * MAX_MESSAGE)
            return super().encrypt(plaintext, ad)


@breaks("keystream-after-rollback")
class NothingDrawn(WithSession):
    """Makes the key of a body of the message key only."""

    class session(Session):
        def __init__(self, state: Any, random: Any) -> None:
            super().__init__(state, random, MessageKeyOnly())


class MessageKeyOnly(AesGcm):
    def close(self, key: Any, info: bytes, plaintext: bytes, ad: bytes) -> bytes:
        return super().close(key, info[:-NONCE], plaintext, ad)

    def open(self, key: Any, info: bytes, body: bytes, ad: bytes) -> bytes | None:
        return super().open(key, info[:-NONCE], body, ad)


@breaks("flood")
class StepsForEverybody(Double):
    """Takes every step that a header in clear asks for, up to max_skip, before its body is authentic."""

    def _begin(self, secret: bytes, *, initiator: bool) -> Any:
        return Unrationed(double.ROOT_INFO, bytearray(secret), bytearray(), bytearray())

    def _restore(self, dump: bytes) -> Any:
        return ratchet_dump.load(dump, double.ROOT_INFO, Unrationed)


class Unrationed(PlainState):
    def _take(self, steps: int) -> None:
        if steps > double.MAX_SKIP:
            raise MessageRejected


breaks("flood")(ChangesBeforeItBelieves)


@breaks("flood")
class SlowRefusals(WithSession):
    class session(Session):
        def decrypt(self, message: bytes, ad: bytes) -> bytes:
            try:
                return super().decrypt(message, ad)
            except MessageRejected:
                waste(2 * MAX_FORGED)
                raise
