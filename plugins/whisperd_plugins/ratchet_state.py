"""The state of a Double Ratchet, and the steps that change it [Double Ratchet, 3 and 4.3 to 4.6].

A received message is a ``Step`` first: it holds what would change, and nothing changes before ``commit``, after the
message has proved authentic. Names here and in the paper: ``root`` RK, ``private`` DHs, ``peer`` DHr, ``sending`` CKs,
HKs and Ns, ``receiving`` CKr, HKr and Nr, ``next_sending`` NHKs, ``next_receiving`` NHKr, ``previous`` PN.

The new key pair of a turn is made when the next message is sent, not when one is received [Double Ratchet, 8.5]:
keys live shorter, and receiving needs no randomness.

``RatchetState`` is that with header encryption; those of the other ratchets say where they differ.
"""

from __future__ import annotations

import struct
from typing import ClassVar

from whisperd.errors import MessageRejected
from whisperd.interfaces import Random
from whisperd_plugins import sodium
from whisperd_plugins.kdf import chain_step, hkdf
from whisperd_plugins.skipped_keys import MAX_SKIP, Keys, SkippedKeys
from whisperd_plugins.sodium import KEY, wipe

#: The number of the last message that a chain can have.
LAST_NUMBER = 2**32 - 2
#: A header in clear: ratchet key(32) ‖ previous(4) ‖ number(4).
HEADER = struct.Struct(">32sII")
COUNTS = struct.Struct(">II")
#: The sizes of a root key and a chain key.
_ROOT = 2 * KEY


class Chain:
    """One symmetric chain: chain key and header key, and the number of its next message.

    A sending chain also has the public ratchet key that its headers show."""

    __slots__ = ("header", "key", "number", "public")

    def __init__(self, key: bytearray, header: bytearray, number: int = 0, public: bytes = b"") -> None:
        self.key = key
        self.header = header
        self.number = number
        self.public = public

    def advance(self, key: bytes, number: int) -> None:
        """Go on to a later chain key, which takes the place of the old one."""
        self.key[:] = key
        self.number = number


class Turn:
    """What a message under a new ratchet key would change besides the chain."""

    __slots__ = ("beside", "missing", "next_receiving", "peer", "root")

    def __init__(self, peer: bytes, missing: Keys, root: bytearray, next_receiving: bytearray) -> None:
        self.peer = peer
        self.missing = missing
        self.root = root
        self.next_receiving = next_receiving
        #: What a ratchet that runs beside this one would change.
        self.beside = b""


class Step:
    """One received message before it is believed: its message key, and what believing it would change."""

    __slots__ = ("following", "key", "late", "missing", "number", "turn")

    def __init__(self, key: bytes | bytearray, number: int, following: bytes, missing: Keys,
                 late: Keys | None = None, turn: Turn | None = None) -> None:
        self.key = key
        self.number = number
        #: The chain key after this message.
        self.following = following
        #: The keys of the messages of the same chain that have not arrived.
        self.missing = missing
        #: The keys that a late message's key was found in.
        self.late = late
        self.turn = turn


class RatchetState:
    """One side of a ratchet; ``sending`` is None for a responder at first and between a turn and the answer."""

    #: The first byte of a dump: which ratchet's it is, and its version.
    FORM: ClassVar[int] = 1
    #: Sizes of a chain key and of a header key.
    CHAIN_KEY: ClassVar[int] = KEY
    HEADER_KEY: ClassVar[int] = KEY
    #: Most messages of one chain that one message may overtake.
    MAX_SKIPPED: ClassVar[int] = MAX_SKIP

    #: Returns the message key of a chain key, and the chain key that follows.
    step_chain = staticmethod(chain_step)

    __slots__ = (
        "info", "next_receiving", "next_sending", "peer", "previous", "private", "receiving", "root", "sending",
        "skipped",
    )

    def __init__(self, info: bytes, root: bytearray, next_sending: bytearray, next_receiving: bytearray) -> None:
        self.info = info
        self.root = root
        self.next_sending = next_sending
        self.next_receiving = next_receiving
        self.peer = b""
        self.private: bytearray | None = None
        self.sending: Chain | None = None
        self.receiving: Chain | None = None
        self.previous = 0
        self.skipped = SkippedKeys()

    def header(self, sending: Chain, random: Random) -> bytes:
        """Return the header of the next message of ``sending``: ratchet key(32) ‖ previous(4) ‖ number(4)."""
        return sending.public + COUNTS.pack(self.previous, sending.number)

    def begin_sending(self, random: Random, secret: bytes = b"") -> Chain:
        """Make a new ratchet key pair (draws 32 bytes) and the sending chain of it [Double Ratchet, 4.6, DHRatchetHE].

        ``secret`` is mixed in after the Diffie-Hellman one. Raises ValueError when the peer's ratchet key is not known,
        or of low order."""
        if not self.peer:
            raise ValueError("the other side has to speak first")
        private = bytearray(random(KEY))
        shared = sodium.agree(private, self.peer)
        root, key, following = self._turn_root(shared, secret, self.chain_beside())
        wipe(self.root, self.private)
        self.root, self.private = root, private
        self.sending = Chain(key, self.next_sending, 0, sodium.public_key(private))
        self.next_sending = following
        return self.sending

    def chain_beside(self) -> bytes:
        """Return what is appended to the first chain key of a new own chain; see ``_turn_root``."""
        return b""

    def late_step(self, keys: Keys, number: int) -> Step:
        """Return the step for a message that was skipped; raises MessageRejected when its key is not there."""
        if number not in keys:
            raise MessageRejected("the message was received before, or its key was dropped")
        return Step(keys[number], number, b"", {}, late=keys)

    def next_step(self, chain: Chain, number: int) -> Step:
        """Return the step for a message of the chain that is being received [Double Ratchet, 4.6].

        Raises MessageRejected when it was received before, or lies more than MAX_SKIP ahead."""
        if number < chain.number:
            return self.late_step(self.skipped.current, number)
        if number == chain.number:
            return self._forward(chain.key, number, {})
        missing, key = self._walk(chain.key, chain.number, number)
        return self._forward(key, number, missing)

    def turn_step(self, header: bytes, beside: bytes = b"", secret: bytes = b"") -> Step:
        """Return the step for a message under a new ratchet key [Double Ratchet, 4.6, DHRatchetHE].

        ``beside`` is appended to the first chain key; ``secret`` is mixed into the root key. Raises MessageRejected
        when the key is not valid, came out of turn, or too much would be skipped."""
        if self.private is None:
            raise MessageRejected("the other side turned the ratchet twice")
        peer, previous, number = HEADER.unpack_from(header)
        behind = self._behind(previous)
        try:
            shared = sodium.agree(self.private, sodium.check_public_key(peer))
        except ValueError as error:
            wipe(*behind.values())
            raise MessageRejected(str(error)) from None
        root, first, following = self._turn_root(shared, secret, beside)
        turn = Turn(peer, behind, root, following)
        missing: Keys = {}
        key: bytes | bytearray = first
        if number:
            try:
                missing, key = self._walk(first, 0, number)
            except MessageRejected:
                wipe(first)
                _forget_turn(turn)
                raise
        step = self._forward(key, number, missing)
        step.turn = turn
        wipe(first)
        return step

    def commit(self, step: Step, header: bytes) -> None:
        """Change the state as the step says: its message, with this header, was authentic."""
        if step.late is not None:
            self.skipped.remove(step.late, step.number)
            return
        if step.turn is not None:
            self._commit_turn(step.turn, step)
        else:
            self.receiving.advance(step.following, step.number + 1)  # type: ignore[union-attr]
        if step.missing:
            self.skipped.add(step.missing)
        if self.skipped.current:
            self.skipped.expire(step.number)

    def dump_beside(self) -> bytes:
        """Return the state of what runs beside this ratchet."""
        return b""

    def load_beside(self, body: bytes, place: int) -> int:
        """Take what ``dump_beside`` gave from ``place`` on, and return where it ends; ValueError for anything else."""
        return place

    def wipe(self) -> None:
        """Destroy every key."""
        wipe(self.root, self.next_sending, self.next_receiving, self.private)
        for chain in (self.sending, self.receiving):
            if chain is not None:
                wipe(chain.key, chain.header)
        self.skipped.wipe()

    def _commit_turn(self, turn: Turn, step: Step) -> None:
        receiving, sending, header = self.receiving, self.sending, self._receiving_header(turn)
        if turn.missing:
            self.skipped.add(turn.missing)
        if receiving is None:
            self.receiving = Chain(bytearray(step.following), header, step.number + 1)
        else:
            if self.skipped.total or self.HEADER_KEY:
                self.skipped.turn(receiving.header)
            receiving.advance(step.following, step.number + 1)
            receiving.header = header
        if sending is not None:
            self.previous = sending.number
            wipe(self.root, self.private, sending.key, sending.header)
        else:
            wipe(self.root, self.private)
        self.peer, self.root, self.private, self.sending = turn.peer, turn.root, None, None
        self.next_receiving = turn.next_receiving

    def _behind(self, previous: int) -> Keys:
        """Return the keys of the messages that are missing at the end of the chain that was received so far, when it
        had ``previous`` messages; raises MessageRejected."""
        receiving = self.receiving
        if receiving is None or previous <= receiving.number:
            return {}
        return self._walk(receiving.key, receiving.number, previous)[0]

    def _receiving_header(self, turn: Turn) -> bytearray:
        """Return the header key of the chain that the peer has just begun."""
        return self.next_receiving

    def _turn_root(self, shared: bytearray, secret: bytes, beside: bytes) -> tuple[bytearray, bytearray, bytearray]:
        """Return root key, chain key ‖ ``beside`` and next header key [Double Ratchet, 4.2, KDF_RK_HE].

        ``beside`` is empty or of a header key's size: it takes its place, so that no copy of a chain key is left."""
        if secret:
            shared += secret
        derived = hkdf(shared, self.root, self.info, _ROOT + self.HEADER_KEY)
        root, following = derived[:KEY], derived[_ROOT:]
        if beside:
            derived[_ROOT:] = beside
            key = derived[KEY:]
        else:
            key = derived[KEY:_ROOT]
        wipe(shared, derived)
        return root, key, following

    def _forward(self, chain_key: bytes | bytearray, number: int, missing: Keys) -> Step:
        if number > LAST_NUMBER:
            raise MessageRejected("a chain has no such number")
        key, following = self.step_chain(chain_key)
        return Step(key, number, following, missing)

    def _walk(self, chain_key: bytearray, start: int, until: int) -> tuple[Keys, bytes | bytearray]:
        """Return the message keys from ``start`` up to ``until`` and the chain key there, which is the given one when
        nothing lies between [Double Ratchet, 4.6, SkipMessageKeysHE]."""
        if until - start > self.MAX_SKIPPED:
            raise MessageRejected("the message lies too far ahead")
        keys: Keys = {}
        key: bytes | bytearray = chain_key
        for number in range(start, until):
            message_key, key = self.step_chain(key)
            keys[number] = bytearray(message_key)
        return keys, key


def forget(step: Step) -> None:
    """Destroy what was derived for a message that was not authentic."""
    if step.late is None:
        wipe(*step.missing.values())
        if step.turn is not None:
            _forget_turn(step.turn)


def _forget_turn(turn: Turn) -> None:
    wipe(turn.root, turn.next_receiving, *turn.missing.values())
