"""What contacts and conversations have to do with each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from whisperd.errors import NotVerified
from whisperd.peer.contacts.book import Contact
from whisperd.peer.contacts.rendezvous import Rendezvous
from whisperd.peer.conversation.driver import Driver
from whisperd.peer.conversation.session import level_word
from whisperd.peer.handshake.keys import InviteKeys
from whisperd.peer.records import Route
from whisperd.wire.invite import RelayAddress

Row = dict[str, Any]
Rows = list[Row]
_T = TypeVar("_T")


class Peers(Protocol):
    """What is asked of the conversations; ``peer.service`` has the shape."""

    def driver(self, chat: str) -> Driver: ...

    def check_room_for_one_more(self) -> None: ...

    def seat(self, address: RelayAddress, access: str, room: bytes, token: bytes) -> Any:
        """Return a link to a room of a relay."""

    def begin_call(self, keys: InviteKeys, floor: int, line: Rendezvous, *, inviter: bool, verified: bool, reason: str,
                   binding: Callable[[str], None], route: Callable[[], Route]) -> str:
        """Start a conversation on a contact's line and return its name, which ``binding`` hears before it begins."""

    def atomically(self, work: Callable[[], _T], *chats: str) -> _T:
        """Do ``work()`` and return what it returns: what it changes is kept then, together with these conversations, or
        has not happened. Raises StoreFailed."""

    async def end(self, chat: str) -> Row: ...


@dataclass
class Binding:
    """What one conversation has to do with contacts."""

    relays: tuple[RelayAddress, ...] = ()
    access: str = ""
    contact: str = ""  #: the key of the contact that the other side is
    name: str = ""  #: the name under which this side wants to keep it
    ours: bytes = b""  #: the nonce that this side said last
    heard: bytes = b""  #: the one that the other side certainly has
    theirs: bytes = b""
    secret: bytes = b""  #: what came of the nonces
    agreed: int = 0
    line: Rendezvous | None = None
    confirmed: bool = False
    required: bool = False
    kept_room: bytes = b""  #: where it meets, if a store has kept it

    @property
    def calls(self) -> bool:
        """Whether it is a call that has not come to a key yet."""
        return self.line is not None and not self.confirmed

    @property
    def room(self) -> bytes:
        """The room that it holds a seat in, as far as it could be a contact's."""
        return self.line.keys.room if self.line is not None else self.kept_room

    @property
    def offers(self) -> bool:
        """Whether this side wants to keep the other, which has not agreed yet."""
        return bool(self.ours) and not self.contact


def check_verified(driver: Driver, required: bool) -> None:
    """Raise NotVerified when the words have to be compared first."""
    if required and not driver.verified:
        raise NotVerified


def shown(contact: Contact) -> Row:
    """Return what 'contact list' shows of a contact itself."""
    return {"contact": contact.name, "relays": list(contact.relays), "level": level_word(contact.floor),
            "verified": contact.verified, "listens": contact.listens}
