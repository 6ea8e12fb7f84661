"""Whether what a store kept of a conversation is what the other side last saw. [whisperd-protocol(7), RESUME]

A side that comes back from its store must not use the ratchet before it knows: an older copy of the store would make
it use a key again. So it asks, outside of the ratchet and under keys of the session that stay the same; both sides
compare how far they are. The random challenge keeps an old answer from being taken for a new one.
"""

from __future__ import annotations

from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
)
from nacl.exceptions import CryptoError

from whisperd.errors import ChannelBroken
from whisperd.interfaces import Random
from whisperd.peer.handshake.keys import expand, wipe
from whisperd.wire.envelope import NONCE_SIZE
from whisperd.wire.resume import CHALLENGE_SIZE, RESUME_FRAME, Counters, Resume, Turn

_HEAD = bytes([RESUME_FRAME])


class Resuming:
    """One side's questions and answers. ``verification`` (32) is the session's, ``associated_data`` (32) too."""

    def __init__(self, verification: bytes | bytearray, associated_data: bytes, *, inviter: bool,
                 random: Random) -> None:
        names = (b"inviter", b"joiner") if inviter else (b"joiner", b"inviter")
        self._own, self._other = (bytearray(expand(verification, b"whisperd/1 resume " + name, 32)) for name in names)
        self._associated_data = associated_data
        self._random = random
        self._asked = b""
        self._answered = b""

    def ask(self, counters: Counters) -> bytes:
        """Return a frame that asks the other side how far it is."""
        self._asked = self._random(CHALLENGE_SIZE)
        return self._seal(Resume(Turn.ASK, self._asked, counters))

    def answer(self, question: Resume, counters: Counters) -> bytes:
        """Return the frame that answers."""
        self._answered = question.challenge
        return self._seal(Resume(Turn.ANSWER, question.challenge, counters))

    def refuse(self, answer: Resume, counters: Counters) -> bytes:
        """Return the frame that ends the conversation, after an answer that does not fit."""
        return self._seal(Resume(Turn.REFUSE, answer.challenge, counters))

    def open(self, frame: bytes) -> Resume | None:
        """Return what a frame says, None for one that is old or not to the point. Raises ChannelBroken."""
        nonce, sealed = frame[1 : 1 + NONCE_SIZE], frame[1 + NONCE_SIZE :]
        try:
            plaintext = crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, _HEAD + self._associated_data, nonce,
                                                                   bytes(self._other))
        except (CryptoError, ValueError, TypeError):
            raise ChannelBroken from None
        said = Resume.decode(plaintext)
        expected = {Turn.ASK: said.challenge, Turn.ANSWER: self._asked, Turn.REFUSE: self._answered}[said.turn]
        if said.challenge != expected:
            return None
        if said.turn is Turn.ANSWER:
            self._asked = b""
        return said

    def wipe(self) -> None:
        """Destroy the keys."""
        wipe(self._own, self._other)

    def _seal(self, message: Resume) -> bytes:
        nonce = self._random(NONCE_SIZE)
        return _HEAD + nonce + crypto_aead_xchacha20poly1305_ietf_encrypt(
            message.encode(), _HEAD + self._associated_data, nonce, bytes(self._own))
