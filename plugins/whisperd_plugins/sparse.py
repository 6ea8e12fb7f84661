"""A sparse post-quantum ratchet: ML-KEM-1024 in chunks that ride in messages [Double Ratchet, 5; ML-KEM Braid, 2].

Rounds are numbered from 1; round n gives the secret of epoch n, and epoch 0 comes from the session's secret. The
initiator owns the odd rounds, the responder the even ones:

- The owner makes a key pair and sends the encapsulation key(1568) in 32 chunks of 49 bytes, one a message.
- The other side, when it has all of them, encapsulates and sends the ciphertext(1568) in the same way.
- The owner decapsulates, and is in the next round, which each of its messages says. The other side follows when it
  hears so, and owns the next round.

The Braid has both halves under way at the same time. That needs an encapsulation in two steps, which no library here
offers, so the ciphertext waits for the whole key.

Each message says how many chunks in a row its sender has, and carries the next chunk; after the last one the sender
begins again at the first that the other side lacks. Lost and late messages delay a round and never break it.

An epoch has a root key and, for each direction, a key that every chain of the Double Ratchet takes its first
post-quantum chain key from. A sender uses an epoch, from its next chain on, as soon as it knows that the other side can
compute it: the owner at once, the other side when it hears of the next round [ML-KEM Braid, 1.1, sending epoch]. Chains
are never skipped as a whole, so their keys need no numbers. Keys of EPOCHS epochs are kept at most: with a peer whose
chains stay in an old one, which no honest peer's do, the rounds come to a halt.
"""

from __future__ import annotations

import struct
from collections import deque

from whisperd.errors import MessageRejected
from whisperd.interfaces import Random
from whisperd_plugins import mlkem
from whisperd_plugins.kdf import block, halves, hkdf
from whisperd_plugins.sodium import KEY, wipe

CHUNK = 49
CHUNKS = 32
#: Most epochs that keys of the peer's chains are kept of; what two honest sides need is three.
EPOCHS = 8
#: In place of a chunk's index: there is none.
NO_CHUNK = 0xFF
#: What a message carries: epoch of its chain(1) and round of its sender(1), both modulo 256, chunks that the sender has
#: in a row(1), index of the chunk(1), chunk(49).
FIELDS = struct.Struct(f">BBBB{CHUNK}s")
EPOCH_INFO = b"whisperd/1 triple epoch"
CHAIN = block(b"whisperd/1 triple chain")
#: What the first epoch takes from the session's secret: root key and a key for each direction.
FIRST = 3 * KEY

_ALL = (1 << CHUNKS) - 1
_EMPTY = bytes(CHUNK)

#: What an authentic message says of the round at hand: whether it is of the next one, how many chunks its sender has in
#: a row, the place of the chunk that it carries, or NO_CHUNK, and the chunk.
News = tuple[bool, int, int, bytes]


class SparseRatchet:
    """One side: the epochs that it knows keys of, and the round that leads to the next one."""

    __slots__ = (
        "acknowledged", "chain_epoch", "collected", "cursor", "found", "initiator", "own", "private", "receiving",
        "root", "round", "seed", "sending", "waiting",
    )

    own: bytes
    seed: bytearray | None
    #: The private key of the seed, unless this side was loaded since it was made.
    private: mlkem.PrivateKey | None
    cursor: int
    acknowledged: int
    found: int
    collected: bytearray

    def __init__(self, initiator: bool, root: bytearray, sending: bytearray, receiving: bytearray) -> None:
        self.initiator = initiator
        self.root = root
        self.round = 1
        #: The direction key of own chains, of epoch ``round`` - 1, and the epoch of the chain that is being sent.
        self.sending = sending
        self.chain_epoch = 0
        #: The direction key of the epoch that the other side may not know yet.
        self.waiting: bytearray | None = None
        #: Direction keys of the peer's chains, from the epoch of its latest chain on.
        self.receiving: deque[tuple[int, bytearray]] = deque([(0, receiving)])
        self._enter()

    @classmethod
    def begin(cls, secrets: bytearray, *, initiator: bool) -> SparseRatchet:
        """Return one side at epoch 0; ``secrets`` are the 96 bytes of FIRST, which are wiped."""
        root, ours, theirs = _split(secrets, initiator)
        return cls(initiator, root, ours, theirs)

    @property
    def owner(self) -> bool:
        """Whether this side makes the key pair of the round at hand."""
        return (self.round % 2 == 1) == self.initiator

    def next_chain(self) -> bytes:
        """Return the first post-quantum chain key (32 bytes) of a new own chain."""
        self.chain_epoch = self.round - 1
        following, chain = halves(self.sending, CHAIN)
        self.sending[:] = following
        return chain

    def peer_chain(self, epoch: int) -> tuple[bytes, bytes]:
        """Return the first chain key of the peer's next chain, of an epoch given modulo 256, and the direction key that
        follows, which ``turned`` takes. Raises MessageRejected for an epoch that is not known."""
        for known, key in self.receiving:
            if known & 0xFF == epoch:
                following, chain = halves(key, CHAIN)
                return chain, following
        raise MessageRejected("a chain of an epoch that is not known")

    def turned(self, epoch: int, following: bytes) -> None:
        """The peer's chain of this epoch (modulo 256) was authentic: what came before is destroyed."""
        while self.receiving[0][0] & 0xFF != epoch:
            wipe(self.receiving.popleft()[1])
        self.receiving[0][1][:] = following

    def outgoing(self, random: Random) -> bytes:
        """Return the 53 bytes that the next message carries; draws 64 random bytes when a round of its own begins."""
        if not self.own:
            self._prepare(random)
        index, chunk = NO_CHUNK, _EMPTY
        if self.own and self.acknowledged < CHUNKS:
            index = self.cursor
            chunk = self.own[index * CHUNK : (index + 1) * CHUNK]
            self.cursor = index + 1 if index + 1 < CHUNKS else self.acknowledged
        return FIELDS.pack(self.chain_epoch & 0xFF, self.round & 0xFF, _in_a_row(self.found), index, chunk)

    def check(self, fields: bytes) -> News | None:
        """Return what an authentic message says, None when it is of an earlier round; nothing changes.

        Raises MessageRejected for what no honest peer says: numbers out of range, a round that cannot be yet, an
        encapsulation key that is not valid [FIPS 203, 7.2]."""
        _, number, acknowledged, index, chunk = FIELDS.unpack(fields)
        if acknowledged > CHUNKS or not (index < CHUNKS or index == NO_CHUNK):
            raise MessageRejected("a chunk that does not exist")
        ahead = (number - self.round) & 0xFF
        if ahead == 1 and self.waiting is None:
            raise MessageRejected("a round that cannot be")
        if ahead > 1:
            return None
        if ahead == 0 and index != NO_CHUNK and self.found | 1 << index == _ALL and not self.owner:
            self._check_key(index, chunk)
        return ahead == 1, acknowledged, index, chunk

    def take(self, news: News) -> None:
        """Go on by what ``check`` returned."""
        next_round, acknowledged, place, chunk = news
        if next_round:
            self._follow()
            return
        if self.own and acknowledged > self.acknowledged:
            self.acknowledged = acknowledged
            self.cursor = max(self.cursor, min(acknowledged, CHUNKS - 1))
        if place == NO_CHUNK or self.found >> place & 1 or (self.owner and not self.own):
            return
        if self.owner and self.found | 1 << place == _ALL and len(self.receiving) >= EPOCHS:
            return
        self.found |= 1 << place
        self.collected[place * CHUNK : (place + 1) * CHUNK] = chunk
        if self.found == _ALL and self.owner:
            self._decapsulate()

    def wipe(self) -> None:
        """Destroy every key."""
        wipe(self.root, self.sending, self.waiting, self.seed, *(key for _, key in self.receiving))
        self.private = None

    def _enter(self) -> None:
        """Begin a round with nothing made and nothing heard."""
        self.seed = self.private = None
        self.own = b""
        self.cursor = self.acknowledged = self.found = 0
        self.collected = bytearray(CHUNKS * CHUNK)

    def _prepare(self, random: Random) -> None:
        """Make what there is to send: an encapsulation key, or the ciphertext for a whole one."""
        if self.owner:
            self.seed = bytearray(random(mlkem.SEED))
            self.own, self.private = mlkem.keypair(bytes(self.seed))
        elif self.found == _ALL and len(self.receiving) < EPOCHS:
            self.own, secret = mlkem.encapsulate(bytes(self.collected))
            self.waiting = self._establish(secret)

    def _decapsulate(self) -> None:
        """The ciphertext is whole: establish the epoch, and wait for the key of the next round."""
        private = self.private or mlkem.keypair(bytes(self.seed or b""))[1]
        sending = self._establish(mlkem.decapsulate(private, bytes(self.collected)))
        wipe(self.sending, self.seed)
        self.sending = sending
        self.round += 1
        self._enter()

    def _follow(self) -> None:
        """The owner has the secret: use its epoch, and own the next round."""
        wipe(self.sending)
        self.sending, self.waiting = self.waiting or bytearray(), None
        self.round += 1
        self._enter()

    def _establish(self, secret: bytes) -> bytearray:
        """Derive the round's epoch; return the direction key of own chains [Double Ratchet, 5 and 7.2, KDF_SCKA_RK]."""
        derived = hkdf(secret, self.root, EPOCH_INFO + self.round.to_bytes(8, "big"), FIRST)
        wipe(self.root)
        self.root, ours, theirs = _split(derived, self.initiator)
        self.receiving.append((self.round, theirs))
        return ours

    def _check_key(self, place: int, chunk: bytes) -> None:
        """Raise MessageRejected unless the chunk that completes the other side's key makes a valid one of it."""
        if self.found == _ALL:
            return
        key = bytearray(self.collected)
        key[place * CHUNK : (place + 1) * CHUNK] = chunk
        try:
            mlkem.check_public_key(bytes(key))
        except ValueError as error:
            raise MessageRejected(f"an encapsulation key that is not valid: {error}") from None


def _in_a_row(found: int) -> int:
    """Return how many of the lowest bits are set without a gap."""
    return (~found & (found + 1)).bit_length() - 1


def _split(secrets: bytearray, initiator: bool) -> tuple[bytearray, bytearray, bytearray]:
    """Return root key and direction keys, own one first, of root(32) ‖ initiator's(32) ‖ responder's(32)."""
    root, initiators, responders = secrets[:KEY], secrets[KEY : 2 * KEY], secrets[2 * KEY :]
    wipe(secrets)
    return (root, initiators, responders) if initiator else (root, responders, initiators)
