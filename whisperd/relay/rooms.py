"""Rooms with two seats: the relay's whole state, without a socket and without a clock of its own.

Both dialects share this model. A client is any hashable object, one for each connection; it holds at most one seat.
A room is named by any hashable value that includes its dialect, so that the two never meet. A seat of ``whisperd.1``
belongs to a token (the caller hands in a digest of it): its holder may drop and take it again. A seat of WH15P3R's
dialect has a fixed number and no token: it is free as soon as its connection is gone. Every call returns effects, which
the caller carries out in the order in which they come. [whisperd-protocol(7), RELAY]
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from msgspec import Struct

from whisperd.relay.limits import LimitScope

Client = TypeVar("Client", bound=Hashable)


class Seated(Struct, Generic[Client], frozen=True):
    """``client`` has got this seat, 0 or 1; ``peer`` says whether the other seat has a live connection."""

    client: Client
    seat: int
    peer: bool


class Paired(Struct, Generic[Client], frozen=True):
    """Both seats of ``client``'s room have a live connection from now on."""

    client: Client


class PartnerGone(Struct, Generic[Client], frozen=True):
    """The other seat has no connection any more; ``reason`` is ``left`` (for good) or ``lost``."""

    client: Client
    reason: str


class Refuse(Struct, Generic[Client], frozen=True):
    """Tell ``client`` of the error ``code``, a key of wire.relay_errors.ERRORS; after a fatal one it has no seat."""

    client: Client
    code: str


Effect = Seated[Client] | Paired[Client] | PartnerGone[Client] | Refuse[Client]


class _Room(Generic[Client]):
    __slots__ = ("clients", "counted", "name", "owner", "tokens", "used")

    def __init__(self, name: Hashable, owner: LimitScope | None) -> None:
        self.name = name
        self.owner = owner
        self.counted = (0, 0)
        self.clients: list[Client | None] = [None, None]
        self.tokens: list[bytes | None] = [None, None]
        self.used = 0.0

    def count(self, rooms: int, waiting: int) -> None:
        """Tell the owner as what this room counts from now on."""
        if self.owner is not None:
            self.owner.add(rooms - self.counted[0], waiting - self.counted[1])
        self.counted = (rooms, waiting)

    def choose(self, token: bytes | None, seat: int | None) -> int | None:
        """Return the seat that this token or this number gets, or None when there is none for it."""
        if token is not None and token in self.tokens:
            return self.tokens.index(token)
        for each in (0, 1) if seat is None else (seat,):
            if self.clients[each] is None and self.tokens[each] is None:
                return each
        return None


class Rooms(Generic[Client]):
    """All rooms of one relay."""

    def __init__(self) -> None:
        self._rooms: dict[Hashable, _Room[Client]] = {}
        self._waiting: dict[Hashable, _Room[Client]] = {}  # with somebody in them, and
        self._deserted: dict[Hashable, _Room[Client]] = {}  # without; the one that was unused for longest comes first
        self._places: dict[Client, tuple[_Room[Client], int]] = {}

    def __len__(self) -> int:
        return len(self._rooms)

    def __contains__(self, name: Hashable) -> bool:
        return name in self._rooms

    def seated(self, client: Client) -> bool:
        """Return whether ``client`` holds a seat."""
        return client in self._places

    def takes_back(self, name: Hashable, token: bytes | None) -> bool:
        """Return whether ``token`` has a seat in this room already."""
        room = self._rooms.get(name)
        return room is not None and token is not None and token in room.tokens

    def holder(self, name: Hashable, seat: int) -> Client | None:
        """Return the client that has this seat, None when it is empty."""
        room = self._rooms.get(name)
        return None if room is None else room.clients[seat]

    @property
    def waiting(self) -> int:
        """Return how many rooms lack a live connection on one seat or both."""
        return len(self._waiting) + len(self._deserted)

    def join(self, client: Client, name: Hashable, now: float, *, token: bytes | None = None,
             seat: int | None = None, owner: LimitScope | None = None) -> list[Effect[Client]]:
        """Seat ``client`` by its token, which takes its seat again, or by a seat number, which has to be free.

        A room that is not there is opened, and counted for ``owner``. Errors, which change nothing:
        ``already-joined``, ``room-full``. The older connection of a token that comes again is told ``replaced``.
        """
        if client in self._places:
            return [Refuse(client, "already-joined")]
        room = self._rooms.get(name) or _Room(name, owner)
        chosen = room.choose(token, seat)
        if chosen is None:
            return [Refuse(client, "room-full")]
        effects: list[Effect[Client]] = []
        older = room.clients[chosen]
        if older is not None:
            del self._places[older]
            effects.append(Refuse(older, "replaced"))
        room.clients[chosen], room.tokens[chosen] = client, token
        self._places[client] = (room, chosen)
        self._settle(room, now)
        partner = room.clients[1 - chosen]
        effects.append(Seated(client, chosen, partner is not None))
        if partner is not None:
            effects += [Paired(client), Paired(partner)]
        return effects

    def leave(self, client: Client, now: float) -> list[Effect[Client]]:
        """Free the seat of ``client`` for anybody; error: ``not-joined``."""
        if client not in self._places:
            return [Refuse(client, "not-joined")]
        room, seat = self._places[client]
        room.tokens[seat] = None
        return self._vacate(client, now, "left")

    def lost(self, client: Client, now: float) -> list[Effect[Client]]:
        """Note that the connection of ``client`` is gone; a seat with a token stays reserved for it."""
        return self._vacate(client, now, "lost") if client in self._places else []

    def partner(self, client: Client, name: Hashable = None) -> Client | Refuse[Client]:
        """Return whom a message of ``client`` goes to. Errors: ``not-joined``, also when a ``name`` is given that is
        not this room's; ``peer-absent``."""
        place = self._places.get(client)
        if place is None or (name is not None and place[0].name != name):
            return Refuse(client, "not-joined")
        partner = place[0].clients[1 - place[1]]
        return Refuse(client, "peer-absent") if partner is None else partner

    def expire(self, now: float, expiry: float) -> list[Effect[Client]]:
        """Forget every room that was without two live connections, and without a join, leave or loss, for ``expiry``
        seconds; whoever waits in it is told ``expired``. One with two live connections never expires."""
        effects: list[Effect[Client]] = []
        for rooms in (self._waiting, self._deserted):
            while rooms and now - (room := next(iter(rooms.values()))).used >= expiry:
                self._forget(room)
                for client in filter(None, room.clients):
                    del self._places[client]
                    effects.append(Refuse(client, "expired"))
        return effects

    def give_up(self, scope: LimitScope) -> bool:
        """Forget the room of ``scope`` that nobody has been in for longest; return whether there was one."""
        found = next((room for room in self._deserted.values() if room.owner and scope in room.owner.around), None)
        if found is not None:
            self._forget(found)
        return found is not None

    def clear(self) -> None:
        """Forget everything, without a word to anybody."""
        for room in list(self._rooms.values()):
            self._forget(room)
        self._places.clear()

    def _vacate(self, client: Client, now: float, reason: str) -> list[Effect[Client]]:
        room, seat = self._places.pop(client)
        room.clients[seat] = None
        self._settle(room, now)
        partner = room.clients[1 - seat]
        return [] if partner is None else [PartnerGone(partner, reason)]

    def _settle(self, room: _Room[Client], now: float) -> None:
        """Put ``room`` where it belongs after one of its seats has changed."""
        if room.clients == room.tokens == [None, None]:
            self._forget(room)
            return
        waiting = None in room.clients
        self._rooms[room.name] = room
        room.used = now
        self._waiting.pop(room.name, None)
        self._deserted.pop(room.name, None)
        if waiting:
            (self._deserted if room.clients == [None, None] else self._waiting)[room.name] = room
        room.count(1, int(waiting))

    def _forget(self, room: _Room[Client]) -> None:
        for rooms in (self._rooms, self._waiting, self._deserted):
            rooms.pop(room.name, None)
        room.count(0, 0)
