"""The contacts of this daemon, and what conversations tell them.

[whisperd-protocol(7), CONTACTS and CALLS] A contact is made inside a conversation, when both sides want it. From then
on either can call without an invite: who listens waits in a room that only the two can name. Every call replaces the
secret that led to it.
"""

from __future__ import annotations

from whisperd.errors import ContactUnconfirmed
from whisperd.peer.contacts.bindings import Bindings
from whisperd.peer.contacts.book import Book
from whisperd.peer.contacts.contact_conversations import ContactConversations
from whisperd.peer.contacts.decisions import Decisions
from whisperd.peer.contacts.exchange import ContactExchange
from whisperd.peer.contacts.listening import Listening
from whisperd.peer.contacts.secrets import next_secret
from whisperd.peer.conversation.driver import Steps
from whisperd.peer.records import BindingRecord


class Contacts:
    """What hears of every conversation, for the sake of contacts.

    What returns Steps writes, as a part of a transaction, what follows for contacts, and returns what is to be done
    once that is committed."""

    def __init__(self, book: Book, bindings: Bindings, decisions: Decisions, exchange: ContactExchange,
                 listening: Listening, contact_conversations: ContactConversations) -> None:
        self._book = book
        self._bindings = bindings
        self._decisions = decisions
        self._exchange = exchange
        self._listening = listening
        self._contact_conversations = contact_conversations

    def start(self) -> None:
        """Listen for those contacts that are listened for."""
        for key in self._book.contacts:
            self._listening.listen(key)

    async def stop(self) -> None:
        """Listen for nobody any more; fires when the sockets are closed."""
        await self._listening.stop()

    def woke(self) -> None:
        """This machine has slept."""
        self._listening.woke()

    def connected(self, chat: str) -> None:
        """The other side of a conversation is there."""
        self._contact_conversations.connected(chat)

    def confirmed(self, chat: str, verification: bytes) -> Steps:
        """The key of a conversation is confirmed. If it came of a call, the next secret is there, also if the other
        side's first word was its last: it may have left the one before behind."""
        return self._decisions.of(lambda: self._confirm(chat, verification))

    def settled(self, chat: str) -> Steps:
        """The other side was heard, so it has the next secret too: the one before is forgotten."""
        return self._decisions.of(lambda: self._settle(chat))

    def told(self, chat: str, payload: bytes, verification: bytes) -> Steps:
        """The other side said something about contacts."""
        return self._decisions.of(lambda: self._exchange.told(chat, payload, verification))

    def acknowledged(self, chat: str) -> Steps:
        """The other side has all that was said about contacts."""
        return self._decisions.of(lambda: self._exchange.acknowledged(chat))

    def ended(self, chat: str) -> None:
        """A conversation is over."""
        binding = self._bindings.pop(chat)
        if binding is None:
            return
        contact = self._book.contacts.get(binding.contact)
        if contact is not None and not contact.confirmed:
            self._decisions.complain(contact.name, ContactUnconfirmed())
        if binding.contact and binding.rendezvous is not None:
            if binding.confirmed:
                self._listening.listen(binding.contact)
            else:
                self._listening.rest(binding.contact)

    def forget(self, chat: str) -> None:
        """There is no such conversation any more."""
        self._bindings.pop(chat)

    def record(self, chat: str) -> BindingRecord:
        """Return what a store is to have of a conversation's contact."""
        return self._bindings.record(chat)

    # -- inside ---------------------------------------------------------------------------------------------------

    def _confirm(self, chat: str, verification: bytes) -> None:
        binding = self._bindings.made(chat)
        rendezvous = binding.rendezvous
        if rendezvous is None:
            return
        self._bindings.changing(chat).confirmed = True
        self._decisions.then(rendezvous.confirmed)
        if binding.contact in self._book.contacts:
            used, key = rendezvous.secret, binding.contact
            self._book.change(key, secrets=(next_secret(used, verification), used), confirmed=True)
            self._decisions.then(lambda: self._contact_conversations.end_others(chat, key))

    def _settle(self, chat: str) -> None:
        binding = self._bindings.made(chat)
        key = binding.contact
        if binding.rendezvous is not None and key in self._book.contacts:
            self._book.change(key, secrets=self._book.contacts[key].secrets[:1])
            self._decisions.then(lambda: self._listening.listen(key))
