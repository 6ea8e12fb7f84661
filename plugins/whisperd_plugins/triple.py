"""The Triple Ratchet: ``double-he`` and a sparse post-quantum ratchet [Double Ratchet, 6]: ``triple``.

A message is that of ``double-he`` with a longer header: nonce(24) ‖ sealed header(109) ‖ body, always 149 bytes more
than its plaintext. The header in clear is ratchet key(32) ‖ previous(4) ‖ number(4) ‖ what ``sparse`` adds(53). As it
is sealed and of one size, nobody who carries a message sees which phase of a round it belongs to.

A chain of the Double Ratchet has two chain keys here, its own and a post-quantum one that comes from the epoch which
the header names, and both step with each message. The message key is made of both message keys, so that it stays
secret as long as one of X25519 and ML-KEM-1024 holds: HMAC-SHA-256(post-quantum key, Double Ratchet's key), which is
HKDF-Extract [Double Ratchet, 7.2, KDF_HYBRID]. In the paper the sparse ratchet has chains and numbers of its own; here
they are those of the Double Ratchet, which saves a second set of missing keys and has the same bounds. Its KDF_SCKA_CK
takes the number of a message in; here a chain key is for one number only. Both chains step by HKDF-Expand to 64 bytes,
one HMAC where the paper recommends two.

A round takes 63 or 64 messages of each side when they take turns and none is lost. Who steals a state and can also
break X25519 reads on until the second round after that is complete.
"""

from __future__ import annotations

from whisperd.errors import MessageRejected
from whisperd.interfaces import Level, Random
from whisperd_plugins import double_he, ratchet_dump, selftest, sparse_dump
from whisperd_plugins.double_ratchet import DoubleRatchet
from whisperd_plugins.kdf import block, hkdf, hybrid_step
from whisperd_plugins.ratchet_state import COUNTS, HEADER, Chain, RatchetState, Step, forget
from whisperd_plugins.sodium import KEY, wipe
from whisperd_plugins.sparse import CHUNKS, FIELDS, FIRST, SparseRatchet

SECRET_INFO = b"whisperd/1 triple secret"
ROOT_INFO = b"whisperd/1 triple root"
MESSAGE_INFO = b"whisperd/1 triple message"
STEP = block(b"whisperd/1 triple step")
#: How much longer a message is than its plaintext, in bytes.
OVERHEAD = double_he.OVERHEAD + FIELDS.size


def step_chain(chain_key: bytes | bytearray) -> tuple[bytes, bytes]:
    """Return the message key of a chain key(32) ‖ post-quantum chain key(32), and those that follow."""
    return hybrid_step(chain_key, STEP)


class TripleState(RatchetState):
    """One side of a ratchet with a sparse one beside it."""

    FORM = 3
    CHAIN_KEY = 2 * KEY

    __slots__ = ("sparse",)

    step_chain = staticmethod(step_chain)

    sparse: SparseRatchet

    def header(self, sending: Chain, random: Random) -> bytes:
        """Return the header in clear (93 bytes) of the next message of ``sending``."""
        return sending.public + COUNTS.pack(self.previous, sending.number) + self.sparse.outgoing(random)

    def chain_beside(self) -> bytes:
        """Return the first post-quantum chain key of a new own chain, of the latest epoch that the other side knows."""
        return self.sparse.next_chain()

    def turn_step(self, header: bytes, beside: bytes = b"", secret: bytes = b"") -> Step:
        """Return the step for a message under a new ratchet key, of a chain of the epoch that it names."""
        chain, following = self.sparse.peer_chain(header[HEADER.size])
        step = super().turn_step(header, chain, secret)
        step.turn.beside = following  # type: ignore[union-attr]
        return step

    def commit(self, step: Step, header: bytes) -> None:
        """Change the state as the step says, and as what the header carries says, unless the chain is an earlier one:
        rounds are told apart modulo 256 only.

        Raises MessageRejected, and changes nothing, when that is not what an honest peer says."""
        latest = step.late is None or step.late is self.skipped.current
        try:
            news = self.sparse.check(header[HEADER.size:]) if latest else None
        except MessageRejected:
            forget(step)
            raise
        super().commit(step, header)
        if step.turn is not None:
            self.sparse.turned(header[HEADER.size], step.turn.beside)
        if news is not None:
            self.sparse.take(news)

    def dump_beside(self) -> bytes:
        """Return the state of the sparse ratchet; see ``sparse_dump``."""
        return sparse_dump.dump(self.sparse)

    def load_beside(self, body: bytes, place: int) -> int:
        """Take the state of the sparse ratchet."""
        self.sparse, place = sparse_dump.load(body, place)
        return place

    def wipe(self) -> None:
        """Destroy every key."""
        super().wipe()
        self.sparse.wipe()


class Session(double_he.Session):
    """One side of a session; every use after ``wipe`` raises ValueError. Some encryptions draw 64 random bytes more."""

    INFO = MESSAGE_INFO
    HEADER = HEADER.size + FIELDS.size

    __slots__ = ()

    @property
    def epoch(self) -> int:
        """The post-quantum epoch that this side sends in from its next chain on; 0 until the first round is complete.

        Raises ValueError after ``wipe``."""
        state: TripleState = self._live()  # type: ignore[assignment]
        return state.sparse.round - 1


class Triple(DoubleRatchet[TripleState]):
    """The plug-in ``triple``."""

    id = "triple"
    level = Level.QUANTUM_RESISTANT
    session = Session
    known = ("triple", "248cc008291889a919bcf467e9019636")

    def self_test(self) -> None:
        """Compare a conversation's messages with known answers, then talk until a round is complete."""
        super().self_test()
        random = selftest.stream("triple rounds")
        public, private = self.offer(random)
        secret = random(KEY)
        one, other = self.initiator(secret, public, random), self.responder(secret, private, random)
        for _ in range(2 * CHUNKS):
            for sender, receiver in ((one, other), (other, one)):
                if receiver.decrypt(sender.encrypt(b"known", b""), b"") != b"known":
                    raise selftest.KnownAnswerWrong("the two sides do not understand each other")
        if one.epoch != 1 or other.epoch != 1:
            raise selftest.KnownAnswerWrong("the rounds do not go on")

    def _begin(self, secret: bytes, *, initiator: bool) -> TripleState:
        """Split the secret as ``double-he`` does, and begin the sparse ratchet with what follows."""
        derived = hkdf(secret, None, SECRET_INFO, 3 * KEY + FIRST)
        root, initiators, responders = derived[:KEY], derived[KEY : 2 * KEY], derived[2 * KEY : 3 * KEY]
        sending, receiving = (initiators, responders) if initiator else (responders, initiators)
        state = TripleState(ROOT_INFO, root, sending, receiving)
        state.sparse = SparseRatchet.begin(derived[3 * KEY :], initiator=initiator)
        wipe(derived)
        return state

    def _restore(self, dump: bytes) -> TripleState:
        return ratchet_dump.load(dump, ROOT_INFO, TripleState)
