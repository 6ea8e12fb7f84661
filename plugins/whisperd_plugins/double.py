"""Double Ratchet, revision 4, section 3: ``double``.

A message is header(40) ‖ body, 56 bytes more than its plaintext. The header, ratchet key(32) ‖ previous(4) ‖ number(4),
is in clear: whoever carries messages sees who speaks, how often, and which messages belong together. The body is
AES-256-GCM under a key(32) and nonce(12) that HKDF-Expand-SHA-512 makes of the message key; its associated data is the
caller's followed by the header [Double Ratchet, 3.4, CONCAT].

As nothing protects a header before the body is decrypted, a forged one may make the receiver walk as far as MAX_SKIP
allows, twice: it is smaller here than with header encryption, and ``double-he`` has no such cost.

Root keys: HKDF-SHA-512, chains: HMAC-SHA-256 with 0x01 and 0x02 [Double Ratchet, 7.2].
"""

from __future__ import annotations

from zope.interface import implementer

from whisperd.errors import MessageRejected
from whisperd.interfaces import IRatchetSession, Level
from whisperd_plugins import ratchet_dump
from whisperd_plugins.ratchet import HEADER, RatchetState, Step, forget
from whisperd_plugins.ratchet_body import AES_GCM
from whisperd_plugins.ratchet_session import DoubleRatchet, RatchetSession

ROOT_INFO = b"whisperd/1 double root"
MESSAGE_INFO = b"whisperd/1 double message"
#: Most messages of one chain that one message may overtake.
MAX_SKIP = 500
#: How much longer a message is than its plaintext, in bytes.
OVERHEAD = HEADER.size + AES_GCM.overhead


class PlainState(RatchetState):
    """One side of a ratchet without header keys: chains are told apart by the peer's ratchet key, which stands where
    the others have a header key [Double Ratchet, 3.2]. A dump has none."""

    FORM = 2
    HEADER_KEY = 0
    MOST_SKIPPED = MAX_SKIP

    __slots__ = ()

    def __init__(self, info: bytes, root: bytearray, next_sending: bytearray, next_receiving: bytearray) -> None:
        super().__init__(info, root, bytearray(), bytearray())

    def step(self, header: bytes) -> Step:
        """Return what a message with this header would change [Double Ratchet, 3.5]; raises MessageRejected."""
        peer, _, number = HEADER.unpack(header)
        if self.receiving is not None and peer == self.peer:
            return self.next_step(self.receiving, number)
        for earlier, missing in self.skipped.earlier:
            if earlier == peer:
                return self.late_step(missing, number)
        return self.turn_step(header)

    def load_beside(self, body: bytes, place: int) -> int:
        """Put the peer's ratchet key where the receiving chain is known by it."""
        if self.receiving is not None:
            self.receiving.header = bytearray(self.peer)
        return place

    def _receiving_header(self) -> bytearray:
        return bytearray(self.peer)


@implementer(IRatchetSession)
class Session(RatchetSession[PlainState]):
    """One side of a session; every use after ``wipe`` raises ValueError."""

    __slots__ = ()

    def encrypt(self, plaintext: bytes, ad: bytes) -> bytes:
        """Return the message [Double Ratchet, 3.4]; draws 32 random bytes when the ratchet turns, else none.

        Raises ValueError while ``can_encrypt`` is False."""
        state = self._live()
        sending = self._sending(state)
        header = state.header(sending, self._random)
        key, following = state.step_chain(sending.key)
        body = self._envelope.close(key, MESSAGE_INFO, plaintext, ad + header)
        sending.advance(following, sending.number + 1)
        return header + body

    def decrypt(self, message: bytes, ad: bytes) -> bytes:
        """Return the plaintext [Double Ratchet, 3.5]; raises MessageRejected for anything but a fresh, authentic
        message, and then nothing has changed."""
        state = self._live()
        if len(message) < HEADER.size + self._envelope.overhead:
            raise MessageRejected("shorter than a message can be")
        header = message[:HEADER.size]
        step = state.step(header)
        plaintext = self._envelope.open(step.key, MESSAGE_INFO, message[HEADER.size:], ad + header)
        if plaintext is None:
            forget(step)
            raise MessageRejected("the message was changed, or belongs to other associated data")
        state.commit(step, header)
        return plaintext


class Double(DoubleRatchet[PlainState]):
    """The plug-in ``double``."""

    id = "double"
    level = Level.STANDARD
    max_skip = MAX_SKIP
    session = Session
    known = ("double", "5565dcfba1ca6cf8cf23c6e8850d4c5f")

    def _begin(self, secret: bytes, *, initiator: bool) -> PlainState:
        """The root key is the secret [Double Ratchet, 3.3]."""
        return PlainState(ROOT_INFO, bytearray(secret), bytearray(), bytearray())

    def _restore(self, dump: bytes) -> PlainState:
        return ratchet_dump.load(dump, ROOT_INFO, PlainState)
