"""What the control socket may ask of contacts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from whisperd.peer.contacts.bindings import Bindings
from whisperd.peer.contacts.book import Book, Contact
from whisperd.peer.contacts.contact_conversations import ContactConversations
from whisperd.peer.contacts.decisions import Decisions
from whisperd.peer.contacts.exchange import ContactExchange
from whisperd.peer.contacts.listening import Listening
from whisperd.peer.contacts.naming import person
from whisperd.peer.conversation.session import level_word

Row = dict[str, Any]


class ContactCommands:
    """Saves, lists, removes, renames, blocks, listens for and calls contacts."""

    def __init__(self, book: Book, bindings: Bindings, decisions: Decisions, exchange: ContactExchange,
                 listening: Listening, contact_conversations: ContactConversations) -> None:
        self._book = book
        self._bindings = bindings
        self._decisions = decisions
        self._exchange = exchange
        self._listening = listening
        self._contact_conversations = contact_conversations

    async def save(self, chat: str, name: str) -> Row:
        """Ask the other side of a conversation to become the contact ``name``, or agree to that.

        Raises ConversationUnknown, ConversationEnded, ConversationNotConnected, UsageError, ContactExists or
        StoreFailed.
        """
        return self._exchange.save(chat, name)

    async def list(self) -> list[Row]:
        """Return a row for each contact, and for each offer that is not answered yet."""
        rows = [self._row(key, contact) for key, contact in self._book.contacts.items()]
        rows += [{**_shown(contact), "state": "blocked", "chat": None} for contact in self._book.blocked.values()]
        for chat, binding in self._bindings.items():
            if not binding.contact and (binding.ours or binding.theirs):
                rows.append({"contact": binding.name if binding.ours else None,
                             "relays": list(map(str, binding.relays)), "level": None, "verified": False,
                             "listens": False, "state": "offered" if binding.ours else "asked", "chat": chat})
        return rows

    async def remove(self, name: str) -> Row:
        """Forget a contact, or take back the offer to become one. Raises ContactUnknown or UsageError."""
        found = person(name, self._bindings.named())
        name = found.name if found else name
        if found and found.key in self._bindings.chats():
            self._decisions.do(lambda: self._withdraw(name, found.key), found.key)
        else:
            calls = self._decisions.do(lambda: self._remove(name), *self._bindings.chats())
            await self._contact_conversations.end(calls)
        return {"contact": name, "removed": True}

    def _withdraw(self, name: str, chat: str) -> None:
        self._exchange.withdraw(chat)
        self._decisions.tell(name, "removed", chat)

    def _remove(self, name: str) -> Sequence[str]:
        """Forget a contact; return the calls to it, which are to be ended."""
        key = self._book.remove(name)
        self._decisions.then(lambda: self._listening.drop(key))
        calls = [chat for chat, binding in self._bindings.items() if binding.contact == key and binding.calls]
        chats = self._bindings.with_contact(key)
        for chat in chats:
            self._exchange.forget(chat)
        self._decisions.tell(name, "removed", *chats)
        return calls

    async def rename(self, name: str, new: str) -> Row:
        """Give a contact another name. Raises ContactUnknown, ContactBlocked, ContactExists or UsageError."""
        key = self._book.find(name)
        self._exchange.check_free(new, besides=key)
        self._decisions.do(lambda: self._book.change(key, name=new))
        self._decisions.tell(new, "renamed", *self._bindings.with_contact(key))
        return {"contact": new}

    async def block(self, name: str) -> Row:
        """Answer a contact no more, and end the conversations with it. Raises ContactUnknown or ContactBlocked."""
        key, name = self._found(name)
        self._decisions.do(lambda: self._book.block(key))
        self._listening.drop(key)
        chats = self._bindings.with_contact(key)
        self._decisions.tell(name, "blocked", *chats)
        await self._contact_conversations.end(chats)
        return {"contact": name, "blocked": True}

    async def unblock(self, name: str) -> Row:
        """Answer a blocked contact again. Raises ContactUnknown."""
        key = self._decisions.do(lambda: self._book.unblock(name))
        name = self._book.contacts[key].name
        self._listening.listen(key)
        self._decisions.tell(name, "unblocked")
        return {"contact": name, "blocked": False}

    async def listen(self, name: str, off: bool = False) -> Row:
        """Wait for a contact's calls whenever this daemon runs, or do not. Raises ContactUnknown or ContactBlocked."""
        key, name = self._found(name)
        self._decisions.do(lambda: self._book.change(key, listens=not off))
        if not off:
            self._listening.listen(key)
        else:
            self._listening.silence(key)
        self._decisions.tell(name, "silent" if off else "listening")
        return {"contact": name, "listens": not off}

    async def call(self, name: str) -> Row:
        """Meet a contact: in the conversation in which the two can talk, or in a new one, which waits for an hour.

        One whose other side is out of reach may have ended there, and nobody would know: it stays until it is heard
        again, or until the contact answers the call, which takes its place then.
        Raises ContactUnknown, ContactBlocked, TooManyConversations, FloorNotMet or DialRefused.
        """
        key, name = self._found(name)
        chat = self._contact_conversations.find(key, away=False)
        if chat is None:
            chat = self._listening.call(key)
            self._decisions.tell(name, "calling", chat)
        return {"chat": chat, "state": self._contact_conversations.state(chat)}

    def _found(self, name: str) -> tuple[str, str]:
        """Return a contact's key, and its name as it is written; raises as ``Book.find``."""
        key = self._book.find(name)
        return key, self._book.contacts[key].name

    def _row(self, key: str, contact: Contact) -> Row:
        chat = self._contact_conversations.find(key)
        state = "saved" if contact.confirmed else "unconfirmed"
        if key in self._listening:
            state = "here" if self._listening.is_there(key) else "listening"
        if chat is not None:
            state = self._contact_conversations.state(chat)
        return {**_shown(contact), "state": state, "chat": chat}


def _shown(contact: Contact) -> Row:
    """Return what 'contact list' shows of a contact itself."""
    return {"contact": contact.name, "relays": list(contact.relays), "level": level_word(contact.floor),
            "verified": contact.verified, "listens": contact.listens}
