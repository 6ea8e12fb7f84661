"""The secret that two contacts share, what is derived from it for a call, and how each call replaces it.

[whisperd-protocol(7), CONTACTS] A secret has 32 bytes. Both sides have the same, which nobody else can compute, and by
which they know each other again: identities are made for one conversation and are nobody's name.
"""

from __future__ import annotations

from whisperd.peer.handshake.keys import InviteKeys, expand, extract

#: Seconds that a room of a contact is used.
EPOCH = 3_600

_CALL_SALT = b"whisperd/1 call"
_INFO = b"whisperd/1 contact"
_SIZE = 32


def first_secret(inviter: bytes, joiner: bytes, verification: bytes | bytearray) -> bytes:
    """Return what two sides agree on: their nonces (32 bytes each), and the verification key of their conversation."""
    return expand(extract(inviter + joiner, verification), _INFO, _SIZE)


def next_secret(secret: bytes, verification: bytes | bytearray) -> bytes:
    """Return what takes the place of ``secret`` after a call whose conversation has this verification key."""
    return expand(extract(secret, verification), _INFO, _SIZE)


def epoch_of(now: float) -> int:
    """Return the number of the epoch in which ``now`` (unix seconds) is."""
    return int(now // EPOCH)


def call_keys(secret: bytes, epoch: int) -> InviteKeys:
    """Return what an invite gives that nobody had to send: room, seals and pre-shared key of one epoch."""
    return InviteKeys.derive(expand(extract(_CALL_SALT, secret), b"attempt" + epoch.to_bytes(8), _SIZE))


def seat_token(seat: bytes, room: bytes) -> bytes:
    """Return the 32-byte token of this side's seat in a room; ``seat`` (32 bytes) is kept here and told nobody."""
    return expand(extract(seat, room), b"seat", _SIZE)
