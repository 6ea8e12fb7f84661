"""Ratchets that break one promise each, by the name of the check that has to find it."""

from __future__ import annotations

import hashlib
from typing import Any

from whisperd_plugins import double_he, ratchet_dump
from whisperd_plugins.double_he import DoubleHeaderEncrypted, Session
from whisperd_plugins.ratchet_state import RatchetState
from whisperd_plugins.skipped_keys import MAX_CHAINS, MAX_MISSING, MAX_SKIP, SkippedKeys

from whisperd.errors import KeyExchangeRefused, MessageRejected

BROKEN: dict[str, list[type[DoubleHeaderEncrypted]]] = {}


def breaks(*names: str) -> Any:
    """Note a class as one that the checks of these names have to find broken."""

    def note(broken: type[DoubleHeaderEncrypted]) -> type[DoubleHeaderEncrypted]:
        for name in names:
            BROKEN.setdefault(name, []).append(broken)
        return broken

    return note


def earlier(dump: bytes) -> RatchetState:
    """Return the state that was dumped."""
    return ratchet_dump.load(dump, double_he.ROOT_INFO, RatchetState)


class WithSession(DoubleHeaderEncrypted):
    """The good plug-in with another class of sessions."""

    session: type[Session] = Session

    def initiator(self, secret: bytes, offer: bytes, random: Any) -> Session:
        return self._mine(super().initiator(secret, offer, random))

    def responder(self, secret: bytes, private: Any, random: Any) -> Session:
        return self._mine(super().responder(secret, private, random))

    def load(self, dump: bytes, random: Any) -> Session:
        return self._mine(super().load(dump, random))

    def _mine(self, session: Session) -> Session:
        made = self.session(session._state, session._random)
        return made


@breaks("interface")
class NoBounds(DoubleHeaderEncrypted):
    max_skip = None  # type: ignore[assignment]


@breaks("interface")
class NoVersion(DoubleHeaderEncrypted):
    version = 0


@breaks("interface")
class SessionWithoutDump(WithSession):
    class session(Session):
        dump = None


@breaks("self-test")
class FailsItself(DoubleHeaderEncrypted):
    def self_test(self) -> None:
        raise ArithmeticError


@breaks("ping-pong")
class NoLargeMessages(WithSession):
    class session(Session):
        def decrypt(self, message: bytes, ad: bytes) -> bytes:
            if len(message) > 60_000:
                raise MessageRejected
            return super().decrypt(message, ad)


@breaks("ping-pong")
class ReturnsAnotherType(WithSession):
    class session(Session):
        def decrypt(self, message: bytes, ad: bytes) -> bytes:
            return bytearray(super().decrypt(message, ad))  # type: ignore[return-value]


@breaks("one-way")
class OneByteNumbers(WithSession):
    class session(Session):
        def encrypt(self, plaintext: bytes, ad: bytes) -> bytes:
            sending = self._state.sending
            if sending is not None and sending.number == 256:
                sending.number = 0
            return super().encrypt(plaintext, ad)


@breaks("who-speaks-first")
class AlwaysReady(WithSession):
    class session(Session):
        can_encrypt = True


@breaks("who-speaks-first")
class SilentResponder(WithSession):
    class session(Session):
        def encrypt(self, plaintext: bytes, ad: bytes) -> bytes:
            return super().encrypt(plaintext, ad) if self.can_encrypt else b""


@breaks("reorder", "random-walk")
class InOrderOnly(WithSession):
    class session(Session):
        def decrypt(self, message: bytes, ad: bytes) -> bytes:
            plaintext = super().decrypt(message, ad)
            self._state.skipped.wipe()
            return plaintext


@breaks("loss")
class NothingMayBeLost(WithSession):
    class session(Session):
        def decrypt(self, message: bytes, ad: bytes) -> bytes:
            before = self.dump()
            plaintext = super().decrypt(message, ad)
            if self._state.skipped.total:
                self._state = earlier(before)
                raise MessageRejected
            return plaintext


@breaks("replay", "forward-secrecy", "random-walk")
class KeepsItsKeys(WithSession):
    """Reads a message again as long as the state of then would read it."""

    class session(Session):
        def decrypt(self, message: bytes, ad: bytes) -> bytes:
            before = self.dump()
            try:
                plaintext = super().decrypt(message, ad)
            except MessageRejected:
                for old in OLD_STATES:
                    try:
                        return Session(earlier(old), self._random).decrypt(message, ad)
                    except MessageRejected:
                        continue
                raise
            OLD_STATES.append(before)
            return plaintext


OLD_STATES: list[bytes] = []


@breaks("tampering")
class LastBitFree(WithSession):
    """Does not authenticate the last bit of the nonce: it is always even."""

    class session(Session):
        def encrypt(self, plaintext: bytes, ad: bytes) -> bytes:
            random, self._random = self._random, lambda size: self._even(random, size)
            message = super().encrypt(plaintext, ad)
            self._random = random
            return message

        @staticmethod
        def _even(random: Any, size: int) -> bytes:
            return bytes((random(1)[0] & 0xFE,)) + random(size - 1)

        def decrypt(self, message: bytes, ad: bytes) -> bytes:
            return super().decrypt(bytes((message[0] & 0xFE,)) + message[1:] if message else message, ad)


@breaks("tampering", "random-walk")
class ChangesBeforeItBelieves(WithSession):
    """Goes on to the next chain key before the body has proved authentic."""

    class session(Session):
        def decrypt(self, message: bytes, ad: bytes) -> bytes:
            try:
                return super().decrypt(message, ad)
            except MessageRejected:
                self._state.previous += 1
                raise


@breaks("truncation")
class ReadsTooFar(WithSession):
    class session(Session):
        def decrypt(self, message: bytes, ad: bytes) -> bytes:
            message[95]
            return super().decrypt(message, ad)


@breaks("truncation")
class IgnoresTheRest(WithSession):
    class session(Session):
        def encrypt(self, plaintext: bytes, ad: bytes) -> bytes:
            message = super().encrypt(plaintext, ad)
            return len(message).to_bytes(4, "big") + message

        def decrypt(self, message: bytes, ad: bytes) -> bytes:
            size = int.from_bytes(message[:4], "big")
            if len(message) < 4 + size:
                raise MessageRejected
            return super().decrypt(message[4 : 4 + size], ad)


@breaks("associated-data")
class Unbound(WithSession):
    class session(Session):
        def encrypt(self, plaintext: bytes, ad: bytes) -> bytes:
            return super().encrypt(plaintext, b"")

        def decrypt(self, message: bytes, ad: bytes) -> bytes:
            return super().decrypt(message, b"")


@breaks("associated-data")
class CutsAssociatedData(WithSession):
    class session(Session):
        def encrypt(self, plaintext: bytes, ad: bytes) -> bytes:
            return super().encrypt(plaintext, ad[:15])

        def decrypt(self, message: bytes, ad: bytes) -> bytes:
            return super().decrypt(message, ad[:15])


class SharedKey(WithSession):
    """Not a ratchet at all: one key for everything, numbers in the clear."""

    class session(Session):
        key = b"\7" * 32

        def encrypt(self, plaintext: bytes, ad: bytes) -> bytes:
            if not self.can_encrypt:
                raise ValueError
            super().encrypt(b"", b"")
            body = self._random(16) + plaintext
            return hashlib.sha256(self.key + ad + body).digest() + body

        def decrypt(self, message: bytes, ad: bytes) -> bytes:
            if len(message) < 48 or hashlib.sha256(self.key + ad + message[32:]).digest() != message[:32]:
                raise MessageRejected
            self._state.peer = self._state.peer or b"\7" * 32
            return message[48:]


breaks("reflection", "sessions-apart", "healing", "replay", "forward-secrecy")(SharedKey)


@breaks("freshness")
class SharedKeyWithoutNonce(SharedKey):
    class session(SharedKey.session):  # type: ignore[name-defined,misc]
        def encrypt(self, plaintext: bytes, ad: bytes) -> bytes:
            self._random = bytes
            return super().encrypt(plaintext, ad)


@breaks("invalid-offers")
class AnyOffer(DoubleHeaderEncrypted):
    def initiator(self, secret: bytes, offer: bytes, random: Any) -> Session:
        try:
            return super().initiator(secret, offer, random)
        except KeyExchangeRefused:
            return super().initiator(secret, self.offer(random)[0], random)


@breaks("invalid-offers")
class TracebackForAnOffer(DoubleHeaderEncrypted):
    def initiator(self, secret: bytes, offer: bytes, random: Any) -> Session:
        offer[31]
        return super().initiator(secret, offer, random)


@breaks("spent-offers")
class LastingOffer(DoubleHeaderEncrypted):
    def responder(self, secret: bytes, private: Any, random: Any) -> Session:
        private._private = bytearray(private._private or bytes(32))
        kept = bytearray(private._private)
        session = super().responder(secret, private, random)
        private._private = kept
        return session


@breaks("skip-bound")
class BoundTooLow(DoubleHeaderEncrypted):
    max_skip = MAX_SKIP + 1


@breaks("skip-bound")
class BoundTooHigh(DoubleHeaderEncrypted):
    max_skip = MAX_SKIP - 1


@breaks("kept-bound")
class KeepsLess(DoubleHeaderEncrypted):
    max_kept = MAX_MISSING + 97


@breaks("kept-bound")
class KeepsMore(DoubleHeaderEncrypted):
    max_kept = MAX_MISSING - 97


@breaks("chains-bound")
class FewerChains(DoubleHeaderEncrypted):
    max_chains = MAX_CHAINS + 1


@breaks("chains-bound")
class MoreChains(DoubleHeaderEncrypted):
    max_chains = MAX_CHAINS - 4


class NeverOld(SkippedKeys):
    """Holds the keys of the current chain for as long as it lasts."""

    def expire(self, number: int) -> None:
        pass


@breaks("withheld")
class KeepsAlongAChain(DoubleHeaderEncrypted):
    def _begin(self, secret: bytes, *, initiator: bool) -> RatchetState:
        state = super()._begin(secret, initiator=initiator)
        state.skipped = NeverOld()
        return state


class AgelessSession(Session):
    def decrypt(self, message: bytes, ad: bytes) -> bytes:
        plaintext = super().decrypt(message, ad)
        for chain in self._live().skipped.earlier:
            chain.turns = 0
        return plaintext


@breaks("withheld", "chains-bound")
class KeepsForEver(WithSession):
    """Forgets an earlier chain when there are others to hold, and never by itself."""

    session = AgelessSession


@breaks("dump-and-load")
class ForgetsTheMissing(WithSession):
    def load(self, dump: bytes, random: Any) -> Session:
        session = super().load(dump, random)
        session._state.skipped.wipe()
        return session


@breaks("dump-and-load")
class LoadsNothingAtFirst(WithSession):
    """Cannot load the state of a responder that has heard nothing."""

    def load(self, dump: bytes, random: Any) -> Session:
        session = super().load(dump, random)
        if not session.can_encrypt:
            session._state.next_receiving = bytearray(32)
        return session


@breaks("damaged-dumps")
class TrustsItsDumps(WithSession):
    class session(Session):
        def dump(self) -> bytes:
            return super().dump()[:-16]

    def load(self, dump: bytes, random: Any) -> Session:
        return super().load(dump + hashlib.sha256(dump).digest()[:16], random)


@breaks("damaged-dumps")
class TracebackForADump(DoubleHeaderEncrypted):
    def load(self, dump: bytes, random: Any) -> Session:
        dump[40]
        return super().load(dump, random)


@breaks("healing")
class NeverTurns(WithSession):
    """Draws the same ratchet keys again and again, as a thief who knows the first ones can follow."""

    class session(Session):
        def decrypt(self, message: bytes, ad: bytes) -> bytes:
            try:
                plaintext = super().decrypt(message, ad)
            except MessageRejected:
                for dump in LATEST:
                    session = Session(earlier(dump), self._random)
                    try:
                        plaintext = session.decrypt(message, ad)
                    except MessageRejected:
                        continue
                    self._state = session._state
                    return plaintext
                raise
            LATEST.append(self.dump())
            return plaintext


LATEST: list[bytes] = []


@breaks("wiping")
class NotWiped(WithSession):
    class session(Session):
        def wipe(self) -> None:
            pass


@breaks("random-walk")
class SpeaksAfterReload(WithSession):
    """A loaded session believes that it may speak."""

    class loaded(Session):
        can_encrypt = True

    def load(self, dump: bytes, random: Any) -> Session:
        return self.loaded(super().load(dump, random)._state, random)
