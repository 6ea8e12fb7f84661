"""What all connections of one relay share: its limits, its rooms, and who has no seat yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable
from hashlib import sha256
from typing import TYPE_CHECKING

from whisperd.logs import note
from whisperd.relay.access import AccessCodes, Grant
from whisperd.relay.buckets import Scope
from whisperd.relay.effects import Effect
from whisperd.relay.limits import Denial, RelayLimits
from whisperd.relay.rooms import Rooms

if TYPE_CHECKING:
    from whisperd.relay.session import Session


class Relay:
    """One relay. ``now`` returns seconds of any clock that does not go back; ``salt``
    makes what is kept of a seat token good for nothing elsewhere. ``wall`` returns seconds since 1970."""

    def __init__(self, limits: RelayLimits, now: Callable[[], float], salt: bytes, access: AccessCodes,
                 wall: Callable[[], float] = time.time) -> None:
        self.limits = limits
        self.access = access
        self.wall = wall
        self.now = now
        self.rooms = Rooms(limits.bounds.room_expiry)
        self.seatless: dict[Session, float] = {}  # since when; who has been without a seat for longest comes first
        self._salt = salt

    def digest(self, token: str) -> bytes:
        """Return what the relay keeps of a seat token: SHA-256(salt ‖ token), 32 bytes."""
        return sha256(self._salt + token.encode()).digest()

    def admit(self, source: Scope, name: Hashable, token: bytes | None, code: str) -> Grant | Denial | None:
        """Return what a join uses up, or why it may not be. Who takes a seat back by its token needs no code again."""
        denial = self.limits.join(source, self.now(), opens=name not in self.rooms)
        if denial is not None or not self.access.required or self.rooms.takes_back(name, token):
            return denial
        return self.access.find(code, source, self.wall())

    def perform(self, effects: Iterable[Effect]) -> None:
        """Carry out what the rooms have decided; their clients are sessions."""
        for effect in effects:
            session: Session = effect.client  # type: ignore[assignment]
            session.tell(effect)

    def expire(self) -> None:
        """Forget the rooms whose time is over, and close connections that have been without a seat for too long."""
        now, before = self.now(), len(self.rooms)
        self.perform(self.rooms.expire(now))
        for _ in range(before - len(self.rooms)):
            note("relay-room-expired")
        while self.seatless:
            session, since = next(iter(self.seatless.items()))
            if now - since < self.limits.bounds.join_timeout:
                break
            session.refuse("join-timeout")
        self.limits.forget(now)
        self.access.forget(self.wall())
