"""Conversations that begin at a rendezvous: calls, of either side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from whisperd.config import PeerSection
from whisperd.errors import ContactAbsent
from whisperd.interfaces import Random
from whisperd.peer.contacts.book import Contact
from whisperd.peer.contacts.contact_conversations import ContactConversations
from whisperd.peer.contacts.rendezvous import Rendezvous, RendezvousListener, RendezvousTiming
from whisperd.peer.contacts.secrets import seat_token
from whisperd.peer.conversation.beginning import Beginning
from whisperd.peer.conversation.origin import Origin
from whisperd.peer.conversation.session import level_number
from whisperd.peer.handshake.suites import Suites
from whisperd.peer.links.configured import ConfiguredRelays
from whisperd.peer.links.link import Link
from whisperd.timers import Clock

#: Seconds for which a contact is called.
CALL_SECONDS = 3_600


class Beginnings(Protocol):
    """Where conversations begin; ``peer.conversations`` has the shape."""

    def check_room_for_one_more(self) -> None:
        """Raise TooManyConversations, or what says that this role stops."""

    def begin(self, beginning: Beginning) -> str:
        """Start a conversation and return its id. Raises StoreFailed, and why its link can never be made."""


class RendezvousMaker:
    """Makes rendezvous, with seats at ``relays``."""

    def __init__(self, relays: ConfiguredRelays, reactor: Clock, random: Random, wall: Callable[[], float],
                 timing: RendezvousTiming) -> None:
        self._relays = relays
        self._reactor = reactor
        self._random = random
        self._wall = wall
        self._timing = timing

    def make(self, contact: Contact, listener: RendezvousListener) -> Rendezvous:
        """Return a rendezvous with a contact, which is not begun yet."""
        return Rendezvous(contact, listener, self._reactor, self._random, self._wall, self._timing)

    def seat(self, contact: Contact, room: bytes, place: int) -> Link:
        """Return a link to a room at one of the contact's relays, on the seat of this side."""
        access = "" if place else contact.access
        return self._relays.seat(contact.addresses[place], access, room, seat_token(contact.seat, room))


class Calls:
    """Begins conversations at a rendezvous; ``settings()`` is the configuration in force."""

    def __init__(self, beginnings: Beginnings, contact_conversations: ContactConversations, suites: Suites,
                 relays: ConfiguredRelays, settings: Callable[[], PeerSection], wall: Callable[[], float]) -> None:
        self._beginnings = beginnings
        self._contact_conversations = contact_conversations
        self._suites = suites
        self._relays = relays
        self._settings = settings
        self._wall = wall

    def check_room_for_one_more(self) -> None:
        """Raise TooManyConversations, or what says that this role stops."""
        self._beginnings.check_room_for_one_more()

    def prepare(self, key: str) -> None:
        """Make room for a call to a contact. Raises as ``check_room_for_one_more``."""
        self.check_room_for_one_more()
        self._contact_conversations.free_seat(key)

    def begin(self, contact: Contact, rendezvous: Rendezvous, reason: str, binding: Callable[[str], None]) -> str:
        """Start a conversation at a rendezvous and return its id, which ``binding`` hears before it begins.

        Raises FloorNotMet, StoreFailed, and why its link can never be made."""
        floor = level_number(self._settings().floor)
        self._suites.check_floor(max(floor, contact.floor))
        return self._beginnings.begin(Beginning(
            terms=self._suites.terms(rendezvous.keys, contact.floor, floor),
            link=self._relays.begun(rendezvous, rendezvous.again, inviter=contact.first),
            route=rendezvous.route,
            origin=Origin(contact.first, self._wall() + CALL_SECONDS, reason, contact.verified, ContactAbsent()),
            binding=binding, confirmed_only=True))
