"""Whether what a store has of a conversation is what the other side last saw. [whisperd-protocol(7), RESUME]

A side that comes back from its store must not use the ratchet before it knows: an older copy of the store would make
it use a key again. So it asks, outside of the ratchet and under keys of the session that stay the same; both sides
compare how far they are. By the random challenge an old answer is told from a new one. A question may be an old one:
it is answered, where it came from, and shows nothing; that the other side is there is shown by what it sends over the
channel after the answer. Every side answers when it is asked; only one that comes from a store asks, and until it has
been answered it holds what comes in over the channel.
"""

from __future__ import annotations

from dataclasses import dataclass

from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
)
from nacl.exceptions import CryptoError

from whisperd.errors import ChannelBroken
from whisperd.interfaces import Random
from whisperd.peer.conversation.session import Session
from whisperd.peer.effects import Heard, SendFrame
from whisperd.peer.handshake.keys import expand, wipe
from whisperd.wire.envelope import NONCE_SIZE
from whisperd.wire.resume import CHALLENGE_SIZE, RESUME_FRAME, Counters, Resume, Turn

#: Seconds after which an unanswered question is asked again.
PATIENCE = 10.0
#: Maximum number of frames of the channel that wait for the answer.
MAX_HELD = 128

_HEAD = bytes([RESUME_FRAME])


@dataclass(frozen=True)
class Agreed:
    """Both sides stand where the other one thinks: the channel can be used."""


@dataclass(frozen=True)
class RolledBack:
    """One side's store is older than what the other side saw."""


ResumeEffect = SendFrame | Heard | Agreed | RolledBack


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


class Resumption:
    """One side's way back into its channel; until ``asking`` is over it must not be used."""

    def __init__(self, random: Random, *, inviter: bool) -> None:
        #: Whether the channel must not be used yet.
        self.asking = False
        #: When to ask again, or None.
        self.ask_at: float | None = None
        self._random = random
        self._inviter = inviter
        self._held: list[bytes] = []
        self._resuming: tuple[Session, Resuming] | None = None

    def begin(self) -> None:
        """The session comes from a store."""
        self.asking = True

    def ask(self, session: Session, now: float) -> SendFrame:
        """Return the frame that asks the other side how far it is."""
        self.ask_at = now + PATIENCE
        return SendFrame(self._of(session).ask(session.channel.counters))

    def due(self, now: float) -> bool:
        """Return whether it is time to ask again."""
        return self.asking and self.ask_at is not None and now >= self.ask_at

    def hold(self, frame: bytes) -> None:
        """Have a frame of the channel wait for the answer."""
        if len(self._held) < MAX_HELD:
            self._held.append(frame)

    def receive(self, session: Session, frame: bytes) -> list[ResumeEffect]:
        """Take a question or an answer of the other side; what does not belong here is dropped."""
        resuming, own = self._of(session), session.channel.counters
        try:
            said = resuming.open(frame)
        except ChannelBroken:
            return []
        if said is None:
            return []
        if said.turn is Turn.ASK:
            return [SendFrame(resuming.answer(said, own), reply=True)]  # it may be an old one that somebody repeats
        if said.turn is Turn.REFUSE:
            return [RolledBack()]
        if own.ahead_of(said.counters) or said.counters.ahead_of(own):
            return [SendFrame(resuming.refuse(said, own)), RolledBack()]
        return [Heard(False), Agreed()]

    def over(self) -> list[bytes]:
        """There is nothing to ask any more; return the frames that were held."""
        self.asking = False
        return self.pause()

    def pause(self) -> list[bytes]:
        """The link is gone: ask on the next one; return the frames that were held."""
        self.ask_at = None
        held, self._held = self._held, []
        return held

    def wipe(self) -> None:
        """Destroy the keys, and forget what is held."""
        self.pause()
        if self._resuming is not None:
            self._resuming[1].wipe()

    def _of(self, session: Session) -> Resuming:
        if self._resuming is None or self._resuming[0] is not session:
            self._resuming = session, Resuming(session.verification, session.associated_data, inviter=self._inviter,
                                               random=self._random)
        return self._resuming[1]
