"""Which invites have been used: remembered by room until their expiry, so that a link works once."""

from __future__ import annotations

import struct

from whisperd.errors import InviteUsed
from whisperd.interfaces import Store
from whisperd.wire.invite import CLOCK_SKEW

_COLLECTION = "used-invites"
_TIME = struct.Struct(">d")


class UsedInvites:
    """The rooms of used invites in ``store``. A room is the 32-byte id that the secret gives."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def check(self, room: bytes, now: float) -> None:
        """Raise InviteUsed when this invite has been used."""
        self._forget_expired(now)
        if self._store.get(_COLLECTION, room.hex()) is not None:
            raise InviteUsed

    def remember(self, room: bytes, expires: float) -> None:
        """Note that the invite, which expires at ``expires`` (unix seconds), has been used."""
        self._store.put(_COLLECTION, room.hex(), _TIME.pack(expires + CLOCK_SKEW))

    def _forget_expired(self, now: float) -> None:
        for key in self._store.keys(_COLLECTION):
            expiry = self._store.get(_COLLECTION, key)
            if expiry is not None and _TIME.unpack(expiry)[0] < now:
                self._store.delete(_COLLECTION, key)
