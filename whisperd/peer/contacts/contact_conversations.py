"""The conversations with each contact: in which one the two can talk, and which ones another takes the place of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Protocol

from whisperd.errors import ConversationEnded, WhisperdError
from whisperd.peer.contacts.bindings import Bindings
from whisperd.peer.contacts.book import Book
from whisperd.peer.contacts.secrets import call_keys, epoch_of
from whisperd.peer.conversation.driver import Driver
from whisperd.peer.conversation.states import AWAY, CONNECTED, HANDSHAKE, SUPERSEDED, WAITING


class Conversations(Protocol):
    """Where conversations are found; ``peer.conversations`` has the shape."""

    def driver(self, chat: str) -> Driver:
        """Return the driver of a conversation. Raises ConversationUnknown or ConversationEnded."""

    async def end(self, chat: str) -> None:
        """End a conversation, or forget one that has ended."""


class ContactConversations:
    """Those of ``conversations`` that are held with contacts; ``wall()`` is the unix time in seconds."""

    def __init__(self, conversations: Conversations, book: Book, bindings: Bindings, wall: Callable[[], float]) -> None:
        self._conversations = conversations
        self._book = book
        self._bindings = bindings
        self._wall = wall

    def find(self, key: str, *, away: bool = True) -> str | None:
        """Return the conversation with a contact: the one that is connected, else one that begins, else, with ``away``,
        one whose other side is out of reach; None where there is none, or only what is over, or about to be."""
        found: dict[str, str] = {}
        for chat in self._bindings.with_contact(key):
            with suppress(ConversationEnded):
                driver = self._conversations.driver(chat)
                if driver.resumable:
                    found[driver.state] = chat
        states = (CONNECTED, HANDSHAKE, WAITING, *([AWAY] if away else []))
        return next((found[state] for state in states if state in found), None)

    def state(self, chat: str) -> str:
        """Return the state of a conversation. Raises ConversationUnknown or ConversationEnded."""
        return self._conversations.driver(chat).state

    def connected(self, chat: str) -> None:
        """The other side of a conversation is there: a call to it at which nobody has come is not needed any more."""
        key = self._bindings.of(chat).contact
        for other, binding in self._bindings.items():
            nobody = binding.rendezvous is None or not binding.rendezvous.up
            if key and binding.contact == key and other != chat and binding.calls and nobody:
                self._supersede(other)

    def end_others(self, chat: str, key: str) -> None:
        """A contact who calls, or answers a call, has lost the conversations that there were before, or leaves them."""
        for other in self._bindings.with_contact(key):
            if other != chat:
                self._supersede(other)

    def free_seat(self, key: str) -> None:
        """End what holds the seat that a call needs: a conversation that the contact may never have come to."""
        contact, epoch = self._book.contacts[key], epoch_of(self._wall())
        rooms = [call_keys(secret, epoch).room for secret in contact.secrets]
        for other, binding in self._bindings.items():
            if binding.contact == key and binding.room in rooms:
                self._supersede(other)

    async def end(self, chats: Iterable[str]) -> None:
        """End them all, and raise then what was wrong with one."""
        trouble: WhisperdError | None = None
        for chat in chats:
            try:
                await self._conversations.end(chat)
            except ConversationEnded:
                pass
            except WhisperdError as error:
                trouble = error
        if trouble is not None:
            raise trouble

    def _supersede(self, chat: str) -> None:
        with suppress(ConversationEnded):
            self._conversations.driver(chat).end(SUPERSEDED)
