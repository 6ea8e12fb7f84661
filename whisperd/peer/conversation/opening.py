"""How two sides come to a key: hello after hello, failed attempts and pauses between them, and the invite's expiry."""

from __future__ import annotations

from whisperd.errors import InviteExpired, SpokenCodeUsedUp, WhisperdError
from whisperd.peer.conversation.origin import Origin
from whisperd.peer.effects import SendFrame
from whisperd.peer.handshake.handshake import HandshakeEffect, InviterHandshake, JoinerHandshake, Terms
from whisperd.peer.handshake.keys import InviteKeys
from whisperd.peer.records import ConversationRecord
from whisperd.wire.invite import CLOCK_SKEW

#: Seconds after which a joiner that got no answer says hello again.
HANDSHAKE_PATIENCE = 30.0
#: Failed handshakes after which an invite is given up.
MAX_FAILURES = 8
#: Maximum seconds before an inviter comes back after a failed handshake; the first time it is one second.
MAX_REJOIN_DELAY = 60.0


class Opening:
    """One side's attempts to come to a key, on the ``terms`` of the invite that ``origin`` is about."""

    def __init__(self, terms: Terms, origin: Origin) -> None:
        self.terms = terms
        self.failures = origin.failures
        #: What it is when the two sides have not met in time.
        self.lapse = origin.lapse or InviteExpired("the invite expired before the other person joined")
        self._inviter = origin.inviter
        self._expires = origin.expires
        self._inviting = InviterHandshake(terms) if origin.inviter else None
        self._joining = None if origin.inviter else JoinerHandshake(terms)
        self._again_at: float | None = None

    def begin(self, now: float) -> list[HandshakeEffect]:
        """A link is up: the joiner says hello, and again after a while."""
        if self._joining is None:
            return []
        self._again_at = now + HANDSHAKE_PATIENCE
        return self._joining.begin()

    def pause(self) -> None:
        """Say hello no more until ``begin``."""
        self._again_at = None

    def receive(self, frame: bytes, now: float) -> list[HandshakeEffect]:
        """Take a frame of the handshake; raises as ``Handshake.receive``."""
        return self._handshake.receive(frame, now)

    def abort(self, code: str) -> SendFrame:
        """Return the frame that tells the other side that this one stopped."""
        return self._handshake.abort(code)

    def failed(self, error: WhisperdError, *, here: bool) -> bool:
        """An attempt failed, ``here`` or at the other side; return whether it was the last one."""
        self.failures += 1
        spent = here and isinstance(error, SpokenCodeUsedUp)
        return not self._inviter or spent or self.failures >= MAX_FAILURES

    @property
    def rejoin_delay(self) -> float:
        """Seconds to stay away after the attempt that failed last."""
        return float(min(2.0 ** (self.failures - 1), MAX_REJOIN_DELAY))

    def due(self, now: float) -> bool:
        """Return whether it is time to ``begin`` again."""
        return self._again_at is not None and now >= self._again_at

    def lapsed(self, now: float, *, alone: bool) -> bool:
        """Return whether the two sides have not met in time; ``alone`` says that nobody is there."""
        return now >= self._expires_at(alone)

    def wake_at(self, *, alone: bool) -> float:
        """Return when ``due`` or ``lapsed`` is to be asked."""
        expires = self._expires_at(alone)
        return expires if self._again_at is None else min(expires, self._again_at)

    def close(self) -> None:
        """There is a key, or there will be none: destroy what is secret."""
        self._again_at = None
        self._handshake.forget()
        self.terms.keys.wipe()

    @property
    def expires(self) -> float:
        """When the invite expires, in unix seconds."""
        return self._expires

    def secrets(self) -> list[bytes]:
        """Return what a store needs of the invite's keys, to be read by ``invite_keys``."""
        keys = self.terms.keys
        return [keys.room, keys.commitment, bytes(keys.psk), bytes(keys.seal_inviter), bytes(keys.seal_joiner)]

    @property
    def _handshake(self) -> InviterHandshake | JoinerHandshake:
        handshake = self._inviting or self._joining
        assert handshake is not None
        return handshake

    def _expires_at(self, alone: bool) -> float:
        """An inviter that waits alone stops at the invite's expiry; one that is met may go on a little."""
        return self._expires if self._inviter and alone else self._expires + CLOCK_SKEW


def spent_keys() -> InviteKeys:
    """Return keys of an invite that has been used: all that is secret in them is gone."""
    return InviteKeys(bytes(32), bytes(16), bytearray(32), bytearray(32), bytearray(32))


def invite_keys(record: ConversationRecord) -> InviteKeys:
    """Return the keys of the invite, as far as they were still needed."""
    if not record.invite:
        return spent_keys()
    room, commitment, *secrets = record.invite
    return InviteKeys(room, commitment, *map(bytearray, secrets))
