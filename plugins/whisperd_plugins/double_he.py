"""Double Ratchet with header encryption, revision 4, sections 3 and 4: ``double-he``.

A message is nonce(24) ‖ sealed header(56) ‖ body, 96 bytes more than its plaintext:

- The body is AES-256-GCM under a key(32) and iv(12) that HKDF-Expand-SHA-512 makes of the message key and the random
  nonce, see ``ratchet_body``; its associated data is the caller's followed by the header in clear(40)
  [Double Ratchet, 3.1, CONCAT].
- The header, ratchet key(32) ‖ previous(4) ‖ number(4), is sealed by XChaCha20-Poly1305 under the header key with the
  same nonce; its associated data is SHA-256 of the body. The paper binds the body to the sealed header; we bind the
  body to the header in clear and the sealed header to the body, so that a forged message fails at its header: it costs
  one hash and at most 18 header trials, whatever number it claims.

Root keys: HKDF-SHA-512, chains: HMAC-SHA-256 with 0x01 and 0x02 [Double Ratchet, 7.2]. All primitives are in WebCrypto
or ``@noble``.
"""

from __future__ import annotations

import hashlib
import struct
from typing import ClassVar

from zope.interface import implementer

from whisperd.errors import MessageRejected
from whisperd.interfaces import IRatchetSession, Level
from whisperd_plugins import ratchet_dump, sodium
from whisperd_plugins.double_ratchet import DoubleRatchet, RatchetSession
from whisperd_plugins.kdf import hkdf
from whisperd_plugins.ratchet_body import AES_GCM
from whisperd_plugins.ratchet_state import HEADER, LAST_NUMBER, RatchetState, Step, forget
from whisperd_plugins.sodium import KEY, NONCE, TAG, wipe

SECRET_INFO = b"whisperd/1 double-he secret"
ROOT_INFO = b"whisperd/1 double-he root"
MESSAGE_INFO = b"whisperd/1 double-he message"
#: How much longer a message is than its plaintext, in bytes.
OVERHEAD = NONCE + HEADER.size + TAG + AES_GCM.overhead

_NUMBER = struct.Struct(">I")
_NUMBER_AT = 36


@implementer(IRatchetSession)
class Session(RatchetSession[RatchetState]):
    """One side of a session; every use after ``wipe`` raises ValueError."""

    #: What the keys of bodies are derived for, and the size of a header in clear.
    INFO: ClassVar[bytes] = MESSAGE_INFO
    HEADER: ClassVar[int] = HEADER.size

    __slots__ = ()

    def encrypt(self, plaintext: bytes, ad: bytes) -> bytes:
        """Return the message [Double Ratchet, 4.5]; draws 24 random bytes, after those of a turn.

        Raises ValueError while ``can_encrypt`` is False."""
        state = self._state or self._live()
        sending = state.sending
        if sending is None or sending.number > LAST_NUMBER:
            sending = self._begin_sending(state)
        header = state.header(sending, self._random)
        key, following = state.step_chain(sending.key)
        nonce = self._random(NONCE)
        body = self._envelope.close(key, self.INFO + nonce, plaintext, ad + header)
        sealed = sodium.seal(sending.header, nonce, header, hashlib.sha256(body).digest())
        sending.advance(following, sending.number + 1)
        return nonce + sealed + body

    def decrypt(self, message: bytes, ad: bytes) -> bytes:
        """Return the plaintext [Double Ratchet, 4.6]; raises MessageRejected for anything but a fresh, authentic
        message, and then nothing has changed."""
        state = self._state or self._live()
        start = NONCE + self.HEADER + TAG
        if len(message) < start + self._envelope.overhead:
            raise MessageRejected("shorter than a message can be")
        body = message[start:]
        nonce = message[:NONCE]
        step, header = _find_step(state, nonce, message[NONCE:start], hashlib.sha256(body).digest())
        plaintext = self._envelope.open(step.key, self.INFO + nonce, body, ad + header)
        if plaintext is None:
            forget(step)
            raise MessageRejected("the message was changed, or belongs to other associated data")
        state.commit(step, header)
        return plaintext


class DoubleHeaderEncrypted(DoubleRatchet[RatchetState]):
    """The plug-in ``double-he``."""

    id = "double-he"
    level = Level.ENHANCED
    session = Session
    known = ("double-he", "99e1dd2e1cff1f6c61aacbc219cdce23")

    def _begin(self, secret: bytes, *, initiator: bool) -> RatchetState:
        """Split the secret into the root key, the initiator's first header key and the responder's next one
        [Double Ratchet, 4.4]."""
        derived = hkdf(secret, None, SECRET_INFO, 3 * KEY)
        root, initiators, responders = derived[:KEY], derived[KEY : 2 * KEY], derived[2 * KEY :]
        wipe(derived)
        sending, receiving = (initiators, responders) if initiator else (responders, initiators)
        return RatchetState(ROOT_INFO, root, sending, receiving)

    def _restore(self, dump: bytes) -> RatchetState:
        return ratchet_dump.load(dump, ROOT_INFO, RatchetState)


def _find_step(state: RatchetState, nonce: bytes, sealed: bytes, digest: bytes) -> tuple[Step, bytes]:
    """Return what the message would change and its header in clear, by trial of the header keys [Double Ratchet, 4.6].

    The likeliest keys come first: after an own turn that is the next one, and before it there cannot be another turn.
    No header opens under two keys. Raises MessageRejected."""
    receiving = state.receiving
    if state.private is not None:
        header = sodium.unseal(state.next_receiving, nonce, sealed, digest)
        if header is not None:
            return state.turn_step(header), header
    if receiving is not None:
        header = sodium.unseal(receiving.header, nonce, sealed, digest)
        if header is not None:
            return state.next_step(receiving, _number(header)), header
    found = sodium.unseal_by_any((chain.header for chain in state.skipped.earlier), nonce, sealed, digest)
    if found is not None:
        place, header = found
        return state.late_step(state.skipped.earlier[place].keys, _number(header)), header
    raise MessageRejected("no header key opens this message")


def _number(header: bytes) -> int:
    number: int = _NUMBER.unpack_from(header, _NUMBER_AT)[0]
    return number
