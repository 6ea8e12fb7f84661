"""Double Ratchet, revision 4, section 3: ``double``.

A message is header(40) ‖ salt(16) ‖ body, 72 bytes more than its plaintext. The header, ratchet key(32) ‖ previous(4) ‖
number(4), is in clear: whoever carries messages sees who speaks, how often, and which messages belong together. The
body is AES-256-GCM under a key(32) and iv(12) that HKDF-Expand-SHA-512 makes of the message key and the random salt;
its associated data is the caller's followed by the header [Double Ratchet, 3.1, CONCAT].

Nothing protects a header before the body is decrypted, and the key of a body that lies far ahead takes a step of the
chain for each message before it. So that forged headers cost little, such steps are rationed, see ``PlainState``.

Root keys: HKDF-SHA-512, chains: HMAC-SHA-256 with 0x01 and 0x02 [Double Ratchet, 7.2].
"""

from __future__ import annotations

from zope.interface import implementer

from whisperd.errors import MessageRejected
from whisperd.interfaces import IRatchetSession, Level
from whisperd_plugins import ratchet_dump
from whisperd_plugins.double_ratchet import DoubleRatchet, RatchetSession
from whisperd_plugins.kdf import message_key, next_chain_key
from whisperd_plugins.ratchet_body import AES_GCM
from whisperd_plugins.ratchet_state import COUNTS, HEADER, LAST_NUMBER, RatchetState, Step, Turn, forget
from whisperd_plugins.skipped_keys import Keys
from whisperd_plugins.sodium import KEY, wipe

ROOT_INFO = b"whisperd/1 double root"
MESSAGE_INFO = b"whisperd/1 double message"
#: Random bytes of a message that its body's key comes from, besides the message key.
SALT = 16
#: Most messages of one chain that one message may overtake.
MAX_SKIP = 500
#: Steps of a chain that each message brings for itself and those after it, see ``PlainState``.
STEPS = 12
#: How much longer a message is than its plaintext, in bytes.
OVERHEAD = HEADER.size + SALT + AES_GCM.overhead

_BODY = HEADER.size + SALT


class PlainState(RatchetState):
    """One side of a ratchet without header keys: chains are told apart by the peer's ratchet key, which stands where
    the others have a header key [Double Ratchet, 3.2]. A dump has none.

    Who forges a header chooses how many steps of a chain its message takes to be found out. There is an allowance for
    them: each message that is not late adds STEPS to it, up to MAX_SKIP, and takes what it needs, which an authentic
    one gives back; one that needs more than there is is rejected before anything is computed. So a flood of forged
    messages costs STEPS steps each in the long run, however far ahead they claim to be. What a flood used up is missed
    only by a message that overtakes more than STEPS others, until enough messages came after the flood. The allowance
    is no part of a dump.

    For the same reason the keys of the messages that are missing are derived only when the one that overtakes them has
    proved authentic; until then there are their chain keys in a Step.
    """

    FORM = 2
    HEADER_KEY = 0
    MAX_SKIPPED = MAX_SKIP

    __slots__ = ("allowance",)

    def __init__(self, info: bytes, root: bytearray, next_sending: bytearray, next_receiving: bytearray) -> None:
        super().__init__(info, root, bytearray(), bytearray())
        self.allowance = MAX_SKIP

    def step(self, header: bytes) -> Step:
        """Return what a message with this header would change [Double Ratchet, 3.5]; raises MessageRejected."""
        peer, previous, number = HEADER.unpack(header)
        receiving = self.receiving
        if receiving is not None:
            if peer == self.peer:
                if number > receiving.number or self.allowance < MAX_SKIP:
                    self._take(number - receiving.number)
                return self.next_step(receiving, number)
            for chain in self.skipped.earlier:
                if chain.header == peer:
                    return self.late_step(chain.keys, number)
            if previous - receiving.number > MAX_SKIP:
                raise MessageRejected("the message lies too far ahead")
        if self.private is not None and (number or self.allowance < MAX_SKIP):
            self._take(number)
        return self.turn_step(header)

    def commit(self, step: Step, header: bytes) -> None:
        """Change the state as the step says, and derive the keys of the messages that are missing."""
        turn, receiving = step.turn, self.receiving
        if step.following and turn is None and not step.missing:  # the next one of its chain, as most are
            receiving.advance(step.following, step.number + 1)  # type: ignore[union-attr]
            if self.skipped.current:
                self.skipped.expire(step.number)
            return
        if step.missing:
            self.allowance += len(step.missing)
            _derive(step.missing)
        if turn is not None and receiving is not None:
            previous = COUNTS.unpack_from(header, KEY)[0]
            if previous > receiving.number:
                turn.missing = self._walk(receiving.key, receiving.number, previous)[0]
                _derive(turn.missing)
        super().commit(step, header)

    def load_beside(self, body: bytes, place: int) -> int:
        """Put the peer's ratchet key where the receiving chain is known by it."""
        if self.receiving is not None:
            self.receiving.header = bytearray(self.peer)
        return place

    def _take(self, steps: int) -> None:
        """Take so many steps from the allowance, after adding what a message brings, none for a late one; raises
        MessageRejected."""
        if steps < 0:
            return
        self.allowance = min(self.allowance + STEPS, MAX_SKIP)
        if steps > self.allowance:
            raise MessageRejected("the message lies too far ahead")
        self.allowance -= steps

    def _behind(self, previous: int) -> Keys:
        """Return nothing yet: what is missing of the chain before is derived by ``commit``."""
        return {}

    def _walk(self, chain_key: bytearray, start: int, until: int) -> tuple[Keys, bytes | bytearray]:
        """Return chain keys from ``start`` up to ``until``, in place of the message keys, and the chain key there."""
        keys: Keys = {}
        key: bytes | bytearray = chain_key
        for number in range(start, until):
            keys[number] = bytearray(key)
            key = next_chain_key(key)
        return keys, key

    def _receiving_header(self, turn: Turn) -> bytearray:
        return bytearray(turn.peer)


def _derive(keys: Keys) -> None:
    """Put message keys in place of the chain keys that they come from."""
    for number, chain_key in keys.items():
        keys[number] = bytearray(message_key(chain_key))
        wipe(chain_key)


@implementer(IRatchetSession)
class Session(RatchetSession[PlainState]):
    """One side of a session; every use after ``wipe`` raises ValueError."""

    __slots__ = ()

    def encrypt(self, plaintext: bytes, ad: bytes) -> bytes:
        """Return the message [Double Ratchet, 3.4]; draws 16 random bytes, after 32 when the ratchet turns.

        Raises ValueError while ``can_encrypt`` is False."""
        state = self._state or self._live()
        sending = state.sending
        if sending is None or sending.number > LAST_NUMBER:
            sending = self._begin_sending(state)
        header = sending.public + COUNTS.pack(state.previous, sending.number)
        key, following = state.step_chain(sending.key)
        salt = self._random(SALT)
        body = self._envelope.close(key, MESSAGE_INFO + salt, plaintext, ad + header)
        sending.advance(following, sending.number + 1)
        return header + salt + body

    def decrypt(self, message: bytes, ad: bytes) -> bytes:
        """Return the plaintext [Double Ratchet, 3.5]; raises MessageRejected for anything but a fresh, authentic
        message, and then nothing has changed."""
        state = self._state or self._live()
        if len(message) < _BODY + self._envelope.overhead:
            raise MessageRejected("shorter than a message can be")
        header = message[:HEADER.size]
        step = state.step(header)
        info = MESSAGE_INFO + message[HEADER.size:_BODY]
        plaintext = self._envelope.open(step.key, info, message[_BODY:], ad + header)
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
    known = ("double", "91eedb5998608120e5f00a503a320157")

    def _begin(self, secret: bytes, *, initiator: bool) -> PlainState:
        """The root key is the secret [Double Ratchet, 3.3]."""
        return PlainState(ROOT_INFO, bytearray(secret), bytearray(), bytearray())

    def _restore(self, dump: bytes) -> PlainState:
        return ratchet_dump.load(dump, ROOT_INFO, PlainState)
