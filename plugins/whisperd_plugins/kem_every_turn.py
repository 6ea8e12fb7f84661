"""A Double Ratchet whose every turn is hybrid: ``double-he`` with a whole ML-KEM-1024 exchange at each change of
direction: ``kem-every-turn``.

A message is that of ``double-he`` with a longer header: nonce(24) ‖ sealed header(3192) ‖ body, 3232 bytes more than
its plaintext. The header in clear is ratchet key(32) ‖ previous(4) ‖ number(4) ‖ encapsulation key(1568) ‖
ciphertext(1568): the sender's next key, and what it encapsulated to the other side's last one. Each message of a chain
repeats both, so that any of them can be the first to arrive.

Where ``double-he`` derives from a Diffie-Hellman secret, this derives from that secret ‖ the encapsulated one(32)
[Double Ratchet, 4.2, KDF_RK_HE]. It heals from a theft in one turn to and fro, even when X25519 is broken; ``triple``
needs two rounds for that, and a twentieth of the bytes.
"""

from __future__ import annotations

import hashlib

from whisperd.errors import MessageRejected
from whisperd.interfaces import Level, Random
from whisperd_plugins import double_he, mlkem, ratchet_dump, ratchet_selftest, selftest, sodium
from whisperd_plugins.double_ratchet import DoubleRatchet, Offer
from whisperd_plugins.kdf import hkdf
from whisperd_plugins.ratchet_state import HEADER, Chain, RatchetState, Step, forget
from whisperd_plugins.sodium import KEY, wipe

SECRET_INFO = b"whisperd/1 kem-every-turn secret"
ROOT_INFO = b"whisperd/1 kem-every-turn root"
MESSAGE_INFO = b"whisperd/1 kem-every-turn message"
#: How much longer a message is than its plaintext, in bytes.
OVERHEAD = double_he.OVERHEAD + mlkem.PUBLIC + mlkem.CIPHERTEXT

_KEY_AT = HEADER.size
_CIPHERTEXT_AT = _KEY_AT + mlkem.PUBLIC


class KemOffer(Offer):
    """The private half of a responder's offer: an X25519 and an ML-KEM-1024 key pair, good for one session."""

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.seed = bytearray(random(mlkem.SEED))
        self.public += mlkem.keypair(bytes(self.seed))[0]

    def wipe(self) -> None:
        """Destroy the private keys."""
        super().wipe()
        wipe(self.seed)


class KemState(RatchetState):
    """One side of a ratchet that encapsulates at each turn; an ML-KEM key pair lives as long as the X25519 one."""

    FORM = 4

    __slots__ = ("announced", "key", "peer_key", "seed")

    def __init__(self, info: bytes, root: bytearray, next_sending: bytearray, next_receiving: bytearray) -> None:
        super().__init__(info, root, next_sending, next_receiving)
        #: Encapsulation key and ciphertext of the sending chain, the peer's last encapsulation key, the own key's seed.
        self.announced = b""
        self.peer_key = b""
        self.seed: bytearray | None = None
        #: The private key of that seed, once it was made.
        self.key: mlkem.PrivateKey | None = None

    def header(self, sending: Chain, random: Random) -> bytes:
        """Return the header in clear (3176 bytes) of the next message of ``sending``."""
        return super().header(sending, random) + self.announced

    def begin_sending(self, random: Random, secret: bytes = b"") -> Chain:
        """Begin a sending chain with a new key pair (draws 32 and 64 bytes), and a secret for the peer's last key."""
        if not self.peer:
            raise ValueError("the other side has to speak first")
        ciphertext, secret = mlkem.encapsulate(self.peer_key)
        chain = super().begin_sending(random, secret)
        wipe(self.seed)
        self.seed = bytearray(random(mlkem.SEED))
        public, self.key = mlkem.keypair(bytes(self.seed))
        self.announced = public + ciphertext
        return chain

    def turn_step(self, header: bytes, beside: bytes = b"", secret: bytes = b"") -> Step:
        """Return the step for a message under new ratchet keys."""
        if self.seed is None:
            raise MessageRejected("the other side turned the ratchet twice")
        if self.key is None:
            _, self.key = mlkem.keypair(bytes(self.seed))
        return super().turn_step(header, beside, mlkem.decapsulate(self.key, header[_CIPHERTEXT_AT:]))

    def commit(self, step: Step, header: bytes) -> None:
        """Change the state as the step says; raises MessageRejected, and changes nothing, when the key that a turn
        brings is not valid [FIPS 203, 7.2]."""
        key = header[_KEY_AT:_CIPHERTEXT_AT]
        if step.turn is not None:
            try:
                mlkem.check_public_key(key)
            except ValueError as error:
                forget(step)
                raise MessageRejected(f"an encapsulation key that is not valid: {error}") from None
        super().commit(step, header)
        if step.turn is not None:
            wipe(self.seed)
            self.peer_key, self.seed, self.key, self.announced = key, None, None, b""

    def dump_beside(self) -> bytes:
        """Return what there is of: peer's encapsulation key(1568), seed of the own one(64), ciphertext of the sending
        chain(1568). The shape of the dump says which."""
        return self.peer_key + bytes(self.seed or b"") + self.announced[mlkem.PUBLIC :]

    def load_beside(self, body: bytes, place: int) -> int:
        """Take what ``dump_beside`` gave."""
        if self.peer:
            self.peer_key, place = _take(body, place, mlkem.PUBLIC)
        if self.private is not None:
            seed, place = _take(body, place, mlkem.SEED)
            self.seed = bytearray(seed)
        if self.sending is not None:
            ciphertext, place = _take(body, place, mlkem.CIPHERTEXT)
            self.announced = mlkem.keypair(bytes(self.seed or b""))[0] + ciphertext
        return place

    def wipe(self) -> None:
        """Destroy every key."""
        super().wipe()
        wipe(self.seed)
        self.key = None


class Session(double_he.Session):
    """One side of a session; every use after ``wipe`` raises ValueError. A turn draws 96 random bytes."""

    INFO = MESSAGE_INFO
    HEADER = HEADER.size + mlkem.PUBLIC + mlkem.CIPHERTEXT

    __slots__ = ()


class KemEveryTurn(DoubleRatchet[KemState]):
    """The plug-in ``kem-every-turn``; an offer is X25519 key(32) ‖ encapsulation key(1568)."""

    id = "kem-every-turn"
    level = Level.QUANTUM_RESISTANT
    session = Session
    known = ("kem-every-turn", "99112586c7b02c26c5b3a69f0c81c4ee")

    def offer(self, random: Random) -> tuple[bytes, KemOffer]:
        """Return the responder's first keys (1600 bytes) and their private half; draws 32 and 64 bytes."""
        private = KemOffer(random)
        return private.public, private

    def responder(self, secret: bytes, private: KemOffer, random: Random) -> Session:
        """Return the side that made the offer; raises ValueError when ``private`` is spent or wiped."""
        session: Session = super().responder(secret, private, random)
        session._live().seed, private.seed = private.seed, bytearray()  # type: ignore[attr-defined]
        return session

    def self_test(self) -> None:
        """Compare a key and a decapsulation with known answers, and hold a conversation: encapsulation is random."""
        label, known = self.known
        random = selftest.stream(label)
        public, private = mlkem.keypair(random(mlkem.SEED))
        secret = mlkem.decapsulate(private, random(mlkem.CIPHERTEXT))
        selftest.expect("ML-KEM-1024", hashlib.sha256(public).digest() + secret, known)
        ratchet_selftest.conversation(self, label)

    def _adopt(self, state: KemState, offer: bytes) -> None:
        state.peer, state.peer_key = sodium.check_public_key(offer[:KEY]), offer[KEY:]
        if len(state.peer_key) != mlkem.PUBLIC:
            raise ValueError("an offer has 1600 bytes")

    def _begin(self, secret: bytes, *, initiator: bool) -> KemState:
        """Split the secret as ``double-he`` does."""
        derived = hkdf(secret, None, SECRET_INFO, 3 * KEY)
        root, initiators, responders = derived[:KEY], derived[KEY : 2 * KEY], derived[2 * KEY :]
        wipe(derived)
        sending, receiving = (initiators, responders) if initiator else (responders, initiators)
        return KemState(ROOT_INFO, root, sending, receiving)

    def _restore(self, dump: bytes) -> KemState:
        return ratchet_dump.load(dump, ROOT_INFO, KemState)


def _take(body: bytes, place: int, size: int) -> tuple[bytes, int]:
    taken = body[place : place + size]
    if len(taken) != size:
        raise ValueError("the dump of a ratchet is cut off")
    return taken, place + size
