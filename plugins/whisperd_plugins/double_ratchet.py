"""What all Double Ratchets share: the responder's offer, sessions that can be dumped and wiped, the plug-in's frame."""

from __future__ import annotations

from typing import Any, ClassVar, Generic

from zope.interface import implementer

from whisperd.errors import KeyExchangeRefused
from whisperd.interfaces import IRatchet, Level, Random
from whisperd_plugins import ratchet_dump, ratchet_selftest, selftest, sodium
from whisperd_plugins.ratchet_body import AES_GCM, Envelope
from whisperd_plugins.ratchet_dump import State
from whisperd_plugins.ratchet_state import Chain
from whisperd_plugins.skipped_keys import MAX_CHAINS, MAX_MISSING, MAX_SKIP
from whisperd_plugins.sodium import KEY, wipe


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


class RatchetSession(Generic[State]):
    """One side of a session; every use after ``wipe`` raises ValueError."""

    __slots__ = ("_envelope", "_random", "_state")

    def __init__(self, state: State, random: Random, envelope: Envelope = AES_GCM) -> None:
        self._state: State | None = state
        self._random = random
        self._envelope = envelope

    @property
    def can_encrypt(self) -> bool:
        """False for a responder that has decrypted nothing yet, and after ``wipe``."""
        return self._state is not None and bool(self._state.peer)

    def dump(self) -> bytes:
        """Return the state, secrets included; see ``ratchet_dump`` for the form."""
        return ratchet_dump.dump(self._live())

    def wipe(self) -> None:
        """Destroy every key."""
        if self._state is not None:
            self._state.wipe()
            self._state = None

    def _live(self) -> State:
        if self._state is None:
            raise ValueError("this session was wiped")
        return self._state

    def _begin_sending(self, state: State) -> Chain:
        """Turn the ratchet and return the new sending chain; raises ValueError when there cannot be another one."""
        if state.sending is not None:
            raise ValueError("this chain has no numbers left until the other side speaks")
        return state.begin_sending(self._random)


@implementer(IRatchet)
class DoubleRatchet(Generic[State]):
    """The frame of a plug-in whose offer is one X25519 key (32 bytes)."""

    id: str
    version = 1
    api = 1
    level: Level
    max_skip = MAX_SKIP
    max_kept = MAX_MISSING
    max_chains = MAX_CHAINS

    #: How bodies are made, what sessions are, and the self-test's randomness and known answer.
    envelope: ClassVar[Envelope] = AES_GCM
    session: ClassVar[Any]
    known: ClassVar[tuple[str, str]]

    def offer(self, random: Random) -> tuple[bytes, Any]:
        """Return the responder's first ratchet key (32 bytes) and its private half; draws 32 bytes."""
        private = Offer(random)
        return private.public, private

    def initiator(self, secret: bytes, offer: bytes, random: Random) -> Any:
        """Return the side that speaks first [Double Ratchet, 3.3 and 4.4, RatchetInitAlice]; draws 32 bytes.

        Raises KeyExchangeRefused when the offer is not a canonical X25519 key, or of low order."""
        state = self._begin(_checked(secret), initiator=True)
        try:
            self._adopt(state, bytes(offer))
            state.begin_sending(random)
        except ValueError as error:
            raise KeyExchangeRefused(f"the ratchet offer is not valid: {error}") from error
        return self.session(state, random, self.envelope)

    def responder(self, secret: bytes, private: Any, random: Random) -> Any:
        """Return the side that made the offer [Double Ratchet, 3.3 and 4.4, RatchetInitBob].

        Raises ValueError when ``private`` is spent or wiped."""
        own = private.take()
        state = self._begin(_checked(secret), initiator=False)
        state.private = own
        return self.session(state, random, self.envelope)

    def load(self, dump: bytes, random: Random) -> Any:
        """Return the session of a dump; raises ValueError for any other bytes."""
        return self.session(self._restore(dump), random, self.envelope)

    def self_test(self) -> None:
        """Compare a conversation's messages and end state with known answers."""
        label, known = self.known
        selftest.expect("the conversation", ratchet_selftest.conversation(self, label), known)

    def _adopt(self, state: State, offer: bytes) -> None:
        """Put what the responder offers into the initiator's state; raises ValueError when it is not valid."""
        state.peer = sodium.check_public_key(offer)

    def _begin(self, secret: bytes, *, initiator: bool) -> State:
        """Return the state of one side before its first step."""
        raise NotImplementedError

    def _restore(self, dump: bytes) -> State:
        """Return the state of a dump; raises ValueError for any other bytes."""
        raise NotImplementedError


def _checked(secret: bytes) -> bytes:
    if len(secret) != KEY:
        raise ValueError("the secret of a session has 32 bytes")
    return secret
