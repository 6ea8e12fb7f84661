"""Double Ratchet with header encryption, revision 4, sections 3 and 4: ``double-he``.

A message is nonce(24) ‖ sealed header(56) ‖ body, 96 bytes more than its plaintext:

- The body is AES-256-GCM under a key(32) and nonce(12) that HKDF-Expand-SHA-512 makes of the message key; its
  associated data is the caller's followed by the header in clear(40) [Double Ratchet, 3.4, CONCAT].
- The header, ratchet key(32) ‖ previous(4) ‖ number(4), is sealed by XChaCha20-Poly1305 under the header key with the
  random nonce; its associated data is SHA-256 of the body. The paper binds the body to the sealed header; we bind the
  body to the header in clear and the sealed header to the body, so that a forged message fails at its header: it costs
  one hash and at most 34 header trials, whatever number it claims.
- The paper recommends AEADs that withstand the repeated use of a key; a message key here is used once, and its nonce
  comes from it. All primitives are in WebCrypto or ``@noble``.

Root keys: HKDF-SHA-512, chains: HMAC-SHA-256 with 0x01 and 0x02 [Double Ratchet, 7.2].
"""

from __future__ import annotations

import hashlib
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from zope.interface import implementer

from whisperd.errors import KeyExchangeRefused, MessageRejected
from whisperd.interfaces import IRatchet, IRatchetSession, Level, Random
from whisperd_plugins import ratchet_dump, selftest, sodium
from whisperd_plugins.kdf import expand, hkdf, message_key, next_chain_key
from whisperd_plugins.ratchet import LAST_NUMBER, RatchetState, Step, forget
from whisperd_plugins.skipped import MAX_CHAINS, MAX_KEPT, MAX_SKIP
from whisperd_plugins.sodium import KEY, NONCE, TAG, wipe

SECRET_INFO = b"whisperd/1 double-he secret"
ROOT_INFO = b"whisperd/1 double-he root"
MESSAGE_INFO = b"whisperd/1 double-he message"

_HEADER = struct.Struct(">32sII")
_COUNTS = struct.Struct(">II")
_SEALED = NONCE + _HEADER.size + TAG
#: How much longer a message is than its plaintext, in bytes.
OVERHEAD = _SEALED + 16
_BODY_KEY = 32
_BODY_MATERIAL = _BODY_KEY + 12


class Offer:
    """The private half of a responder's offer: one X25519 key pair, good for one session."""

    def __init__(self, random: Random) -> None:
        self._private: bytearray | None = bytearray(random(KEY))
        self.public = sodium.public_key(self._private)

    def take(self) -> bytearray:
        """Return the private key, once; raises ValueError afterwards and when it was wiped."""
        if self._private is None:
            raise ValueError("this offer is spent")
        private, self._private = self._private, None
        return private

    def wipe(self) -> None:
        """Destroy the private key."""
        wipe(self._private)
        self._private = None


@implementer(IRatchetSession)
class Session:
    """One side of a session; every use after ``wipe`` raises ValueError."""

    __slots__ = ("_random", "_state")

    def __init__(self, state: RatchetState, random: Random) -> None:
        self._state: RatchetState | None = state
        self._random = random

    @property
    def can_encrypt(self) -> bool:
        """False for a responder that has decrypted nothing yet, and after ``wipe``."""
        return self._state is not None and bool(self._state.peer)

    def encrypt(self, plaintext: bytes, ad: bytes) -> bytes:
        """Return the message, 96 bytes longer than the plaintext [Double Ratchet, 4.5]; draws 24 random bytes, and 32
        before them when the ratchet turns. Raises ValueError while ``can_encrypt`` is False."""
        state = self._live()
        sending = state.sending or state.begin_sending(self._random)
        number = sending.number
        if number > LAST_NUMBER:
            raise ValueError("this chain has no numbers left until the other side speaks")
        header = sending.public + _COUNTS.pack(state.previous, number)
        body = _encrypt_body(message_key(sending.key), plaintext, ad + header)
        nonce = self._random(NONCE)
        sealed = sodium.seal(sending.header, nonce, header, hashlib.sha256(body).digest())
        sending.advance(next_chain_key(sending.key), number + 1)
        return nonce + sealed + body

    def decrypt(self, message: bytes, ad: bytes) -> bytes:
        """Return the plaintext [Double Ratchet, 4.6]; raises MessageRejected for anything but a fresh, authentic
        message, and then nothing has changed."""
        state = self._live()
        if len(message) < OVERHEAD:
            raise MessageRejected("shorter than a message can be")
        body = message[_SEALED:]
        step, header = _find_step(state, message[:NONCE], message[NONCE:_SEALED], hashlib.sha256(body).digest())
        try:
            plaintext = _decrypt_body(step.key, body, ad + header)
        except InvalidTag:
            forget(step)
            raise MessageRejected("the message was changed, or belongs to other associated data") from None
        state.commit(step)
        return plaintext

    def dump(self) -> bytes:
        """Return the state, secrets included; see ``ratchet_dump`` for the form."""
        return ratchet_dump.dump(self._live())

    def wipe(self) -> None:
        """Destroy every key."""
        if self._state is not None:
            self._state.wipe()
            self._state = None

    def _live(self) -> RatchetState:
        if self._state is None:
            raise ValueError("this session was wiped")
        return self._state


@implementer(IRatchet)
class DoubleHeaderEncrypted:
    """The plug-in ``double-he``; an offer has 32 bytes."""

    id = "double-he"
    version = 1
    api = 1
    level = Level.ENHANCED
    max_skip = MAX_SKIP
    max_kept = MAX_KEPT
    max_chains = MAX_CHAINS

    def offer(self, random: Random) -> tuple[bytes, Offer]:
        """Return the responder's first ratchet key (32 bytes) and its private half; draws 32 bytes."""
        private = Offer(random)
        return private.public, private

    def initiator(self, secret: bytes, offer: bytes, random: Random) -> Session:
        """Return the side that speaks first [Double Ratchet, 4.4, RatchetInitAliceHE]; draws 32 bytes.

        Raises KeyExchangeRefused when the offer is not a canonical X25519 key, or of low order."""
        root, initiators, responders = _split_secret(secret)
        state = RatchetState(ROOT_INFO, root, initiators, responders)
        try:
            state.peer = sodium.check_public_key(bytes(offer))
            state.begin_sending(random)
        except ValueError as error:
            raise KeyExchangeRefused(f"the ratchet offer is not valid: {error}") from error
        return Session(state, random)

    def responder(self, secret: bytes, private: Offer, random: Random) -> Session:
        """Return the side that made the offer [Double Ratchet, 4.4, RatchetInitBobHE].

        Raises ValueError when ``private`` is spent or wiped."""
        own = private.take()
        root, initiators, responders = _split_secret(secret)
        state = RatchetState(ROOT_INFO, root, responders, initiators)
        state.private = own
        return Session(state, random)

    def load(self, dump: bytes, random: Random) -> Session:
        """Return the session of a dump; raises ValueError for any other bytes."""
        return Session(ratchet_dump.load(dump, ROOT_INFO), random)

    def self_test(self) -> None:
        """Compare a conversation's messages and end state with known answers."""
        random = selftest.stream("double-he")
        public, private = self.offer(random)
        secret = random(KEY)
        one, other = self.initiator(secret, public, random), self.responder(secret, private, random)
        skipped, first = one.encrypt(b"skipped", b"known"), one.encrypt(b"first", b"known")
        heard = [other.decrypt(first, b"known")]
        answer = other.encrypt(b"answer", b"known")
        heard += [one.decrypt(answer, b"known"), other.decrypt(skipped, b"known")]
        if heard != [b"first", b"answer", b"skipped"]:
            raise selftest.KnownAnswerWrong("the two sides do not understand each other")
        conversation = skipped + first + answer + one.dump() + other.dump()
        selftest.expect("the conversation", conversation, "2fe12d7bb36f2daf93a3e64637dbbec0")


def _split_secret(secret: bytes) -> tuple[bytearray, bytearray, bytearray]:
    """Return the root key, the initiator's first header key and the responder's next one [Double Ratchet, 4.4]."""
    if len(secret) != 32:
        raise ValueError("the secret of a session has 32 bytes")
    derived = hkdf(secret, None, SECRET_INFO, 3 * KEY)
    parts = derived[:KEY], derived[KEY : 2 * KEY], derived[2 * KEY :]
    wipe(derived)
    return parts


def _find_step(state: RatchetState, nonce: bytes, sealed: bytes, digest: bytes) -> tuple[Step, bytes]:
    """Return what the message would change and its header in clear, by trial of the header keys [Double Ratchet, 4.6].

    The likeliest keys come first; no header opens under two keys. Raises MessageRejected."""
    receiving = state.receiving
    if receiving is not None:
        header = sodium.unseal(receiving.header, nonce, sealed, digest)
        if header is not None:
            return state.next_step(receiving, _HEADER.unpack(header)[2]), header
    header = sodium.unseal(state.next_receiving, nonce, sealed, digest)
    if header is not None:
        return state.turn_step(*_HEADER.unpack(header)), header
    for key, missing in state.skipped.earlier:
        header = sodium.unseal(key, nonce, sealed, digest)
        if header is not None:
            return state.late_step(missing, _HEADER.unpack(header)[2]), header
    raise MessageRejected("no header key opens this message")


def _encrypt_body(key: bytes, plaintext: bytes, ad: bytes) -> bytes:
    material = expand(key, MESSAGE_INFO, _BODY_MATERIAL)
    view = memoryview(material)
    body = AESGCM(view[:_BODY_KEY]).encrypt(view[_BODY_KEY:], plaintext, ad)
    wipe(material)
    return body


def _decrypt_body(key: bytes | bytearray, body: bytes, ad: bytes) -> bytes:
    material = expand(key, MESSAGE_INFO, _BODY_MATERIAL)
    view = memoryview(material)
    try:
        return AESGCM(view[:_BODY_KEY]).decrypt(view[_BODY_KEY:], body, ad)
    finally:
        wipe(material)
