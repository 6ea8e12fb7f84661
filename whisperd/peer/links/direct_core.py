"""How two sides come to a direct link: an onion service of each for this conversation alone.

[whisperd-protocol(7), DIRECT] A core. Each side tells the key by which it would come to the other's service; each
publishes its service for that key, and tells the address once it can be found. Whoever does not know of this, or cannot
publish, leaves it at that.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from nacl.bindings import crypto_scalarmult_base

from whisperd.errors import ChannelBroken
from whisperd.interfaces import Random
from whisperd.wire.direct import At, DirectKey, decode_direct, encode_direct

#: Seconds that the inviter gives the joiner to come, before it goes to the joiner's service.
PATIENCE = 20.0
#: How often the other side may begin anew at once, and the seconds until it may once more: each costs tor a service.
MAX_CHANGES, SECONDS_A_CHANGE = 8, 60.0
_KEY_SIZE = 32

#: How far a direct link is, as 'chat list' shows it.
OFF, ASKED, PUBLISHING, OFFERED, UNAVAILABLE = "off", "asked", "publishing", "offered", "unavailable"


@dataclass(frozen=True)
class Tell:
    """Tell the other side, over the channel."""

    payload: bytes = field(repr=False)


@dataclass(frozen=True)
class Publish:
    """Publish the own onion service for whoever holds the key that belongs to ``client``, and for nobody else."""

    client: bytes = field(repr=False)


@dataclass(frozen=True)
class GoTo:
    """Connect to the other side's onion service, with the key ``secret``."""

    onion: str = field(repr=False)
    secret: bytes = field(repr=False)


DirectEffect = Tell | Publish | GoTo
Effects = list[DirectEffect]


class Direct:
    """One side's part; ``secret`` is made of ``random`` for this conversation."""

    def __init__(self, random: Random) -> None:
        self.state = OFF
        self._secret = random(_KEY_SIZE)
        self._client = b""
        self._onion = ""
        self._goes_to = ""
        self._changes = float(MAX_CHANGES)
        self._changed_at: float | None = None

    def begin(self) -> Effects:
        """The channel is there."""
        if self.state != OFF:
            return []
        self.state = ASKED
        return [self._own_key()]

    def told(self, payload: bytes, now: float) -> Effects:
        """Take what the other side says; what does not follow the protocol, or comes too often, is dropped."""
        try:
            message = decode_direct(payload)
        except ChannelBroken:
            return []
        if isinstance(message, At):
            return self._other_at(message.onion, now)
        return self._other_key(message.key, now)

    def published(self, onion: str) -> Effects:
        """The own onion service can be found."""
        again, self._onion = onion == self._onion and self.state == OFFERED, onion
        self.state = OFFERED
        return [] if again else [Tell(encode_direct(At(onion)))]

    def unpublished(self, *, refused: bool) -> None:
        """The own onion service cannot be found for now, or tor does not take it."""
        self.state = UNAVAILABLE if refused else PUBLISHING

    def wipe(self) -> None:
        """Forget the key."""
        self._secret = bytes(_KEY_SIZE)

    def _own_key(self) -> Tell:
        return Tell(encode_direct(DirectKey(crypto_scalarmult_base(self._secret))))

    def _may_change(self, now: float) -> bool:
        """Take one of the changes that the other side may make, if there is one left."""
        since = 0.0 if self._changed_at is None else max(0.0, now - self._changed_at)
        self._changes = min(float(MAX_CHANGES), self._changes + since / SECONDS_A_CHANGE)
        self._changed_at = now
        if self._changes < 1:
            return False
        self._changes -= 1
        return True

    def _other_key(self, client: bytes, now: float) -> Effects:
        if self.state == OFF or client == self._client or not self._may_change(now):
            return []
        before, self._client = self._client, client
        self.state, self._onion = PUBLISHING, ""
        again: Effects = [self._own_key()] if before else []  # it began anew, and does not know ours
        return [*again, Publish(client)]

    def _other_at(self, onion: str, now: float) -> Effects:
        if self.state == OFF or onion == self._goes_to or not self._may_change(now):
            return []
        self._goes_to = onion
        return [GoTo(onion, self._secret)]
