"""How two become contacts inside a conversation, and both come to know it. [whisperd-protocol(7), CONTACTS]

What is said about it waits like a text until the other side has it, and what was heard of it is stored like a text,
too: so neither a lost link nor a restart leaves a contact to one side alone, as long as the conversation goes on. What
follows from either is a ``Decision``. A contact whose other side has not acknowledged it is not ``confirmed``, and one
whose secret is renewed holds both until then.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Protocol

from whisperd.errors import ChannelBroken, ContactExists, ConversationEnded
from whisperd.interfaces import Random
from whisperd.peer.contacts.bindings import Binding, Bindings
from whisperd.peer.contacts.book import Book, Contact
from whisperd.peer.contacts.decisions import Decisions
from whisperd.peer.contacts.naming import folded
from whisperd.peer.contacts.secrets import first_secret
from whisperd.peer.conversation.driver import Driver
from whisperd.peer.conversation.session import level_number
from whisperd.wire.contacts import (
    NONCE_SIZE,
    SaveContact,
    WithdrawContact,
    decode_contact_message,
    encode_contact_message,
)

#: Most secrets that one conversation may agree on, one after the other.
MAX_AGREEMENTS = 8


class Drivers(Protocol):
    """Where conversations are found; ``peer.conversations`` has the shape."""

    def driver(self, chat: str) -> Driver:
        """Return the driver of a conversation. Raises ConversationUnknown or ConversationEnded."""


class Listeners(Protocol):
    """Who waits for contacts; ``contacts.listening`` has the shape."""

    def listen_anew(self, key: str) -> None:
        """Wait for a contact by the secrets that it has now."""


class ContactExchange:
    """Makes contacts in conversations, and renews them; has ``listeners`` wait for them by their newest secrets."""

    def __init__(self, drivers: Drivers, book: Book, bindings: Bindings, decisions: Decisions, listeners: Listeners,
                 random: Random) -> None:
        self._drivers = drivers
        self._book = book
        self._bindings = bindings
        self._decisions = decisions
        self._listeners = listeners
        self._random = random

    def save(self, chat: str, name: str) -> dict[str, Any]:
        """Ask the other side of a conversation to become the contact ``name``, or agree to that.

        Raises ConversationUnknown, ConversationEnded, ConversationNotConnected, UsageError, ContactExists or
        StoreFailed.
        """
        verification = self._drivers.driver(chat).contacts.verification()
        binding = self._bindings.made(chat)
        self.check_free(name, chat, besides=binding.contact if binding.ours else "")
        if binding.contact and not binding.ours:
            raise ContactExists("the other person in this conversation already is a contact",
                                remedy="To change the name, run 'whisperctl contact rename'.")
        self._decisions.do(lambda: self._save(chat, name, verification), chat)
        state = "saved" if binding.contact else "offered"
        if state == "offered":
            self._decisions.tell(name, state, chat)
        return {"contact": name, "chat": chat, "state": state}

    def _save(self, chat: str, name: str, verification: bytes) -> None:
        binding = self._bindings.changing(chat)
        binding.name = name
        certain = self._drivers.driver(chat).contacts.acknowledged or binding.heard == binding.ours
        if not binding.ours or certain:  # or it would not be known which nonce the other side has
            binding.heard, binding.ours = binding.ours, self._random(NONCE_SIZE)
            self._say(chat, SaveContact(binding.ours))
        if binding.contact:
            self._book.change(binding.contact, name=name)
        self._agree(chat, binding, verification)

    def withdraw(self, chat: str) -> None:
        """Take back what this side wanted to save; a part of a decision."""
        binding = self._bindings.changing(chat)
        binding.ours = binding.heard = b""
        binding.name = ""
        self._say(chat, WithdrawContact())

    def forget(self, chat: str) -> None:
        """The other side of a conversation is no contact any more; a part of a decision."""
        binding = self._bindings.changing(chat)
        with suppress(ConversationEnded):
            self._decisions.undo(self._drivers.driver(chat).contacts.forget_heard())
        binding.contact, binding.name = "", ""
        binding.ours = binding.heard = binding.theirs = b""

    def told(self, chat: str, payload: bytes, verification: bytes) -> None:
        """The other side said something about contacts, or had said it before a restart; a part of a decision.

        The conversation may have ended since: who agreed has the contact all the same, as the other side does."""
        binding = self._bindings.changing(chat)
        try:
            message = decode_contact_message(payload)
        except ChannelBroken:
            return
        if isinstance(message, WithdrawContact):
            binding.theirs = b""
        elif binding.contact in self._book.blocked:
            return
        elif not (binding.contact and not binding.ours) and binding.agreed < MAX_AGREEMENTS:
            self._hear(chat, binding, message, verification)

    def _hear(self, chat: str, binding: Binding, message: SaveContact, verification: bytes) -> None:
        before, binding.theirs = binding.theirs, message.nonce
        if before != message.nonce or not binding.contact:
            self._agree(chat, binding, verification)
        elif binding.ours:  # and calls may have replaced the secret since
            binding.secret = self._secret(chat, binding, binding.ours, verification)
        if before and binding.ours and before != message.nonce:  # who begins anew may have lost what this side said
            self._say(chat, SaveContact(binding.ours))
        if not binding.ours and not before:
            self._decisions.tell("", "asked", chat)

    def acknowledged(self, chat: str) -> None:
        """The other side has all that was said here about contacts; a part of a decision."""
        binding = self._bindings.changing(chat)
        contact = self._book.contacts.get(binding.contact)
        if not self._drivers.driver(chat).contacts.acknowledged:  # more was said meanwhile
            return
        binding.heard = binding.ours
        if contact is not None and contact.secrets[0] == binding.secret:
            self._book.change(binding.contact, secrets=contact.secrets[:1], confirmed=True)
            if len(contact.secrets) > 1:
                self._listen_anew(binding.contact)

    def check_free(self, name: str, chat: str = "", besides: str = "") -> None:
        """Raise UsageError or ContactExists when ``name`` cannot be given, in ``chat`` or to a contact."""
        self._book.check_free(name, besides)
        if any(binding.offers and folded(binding.name) == folded(name)
               for other, binding in self._bindings.items() if other != chat):
            raise ContactExists("this name was already offered in another conversation whose answer is still open",
                                remedy="Choose another name, or take that offer back: 'whisperctl contact remove "
                                "NAME'.")

    # -- inside ---------------------------------------------------------------------------------------------------

    def _agree(self, chat: str, binding: Binding, verification: bytes) -> None:
        """Make, or renew, the contact if both sides want it."""
        if not binding.ours or not binding.theirs or not binding.relays:
            return
        driver = self._drivers.driver(chat)
        sure = driver.contacts.acknowledged
        binding.secret = self._secret(chat, binding, binding.ours, verification)
        secrets = [binding.secret]
        if not sure and binding.heard:
            secrets.append(self._secret(chat, binding, binding.heard, verification))
        held = self._book.contacts.get(binding.contact)
        if held is not None and held.secrets[0] == secrets[0]:
            return
        known = binding.contact in self._book.contacts
        binding.contact = binding.contact if known else self._book.holder(secrets[0])
        binding.agreed += 1
        if binding.contact:
            self._book.change(binding.contact, secrets=tuple(secrets), confirmed=sure or bool(binding.heard))
            self._listen_anew(binding.contact)
        else:
            binding.contact = self._book.add(Contact(
                name=self._book.usable(binding.name), secrets=tuple(secrets), first=driver.contacts.inviter,
                relays=tuple(map(str, binding.relays)), access=binding.access,
                floor=level_number(driver.contacts.level), seat=self._random(32), verified=driver.verified,
                confirmed=sure))
        self._decisions.tell(self._book.contacts[binding.contact].name, "saved", chat)

    def _secret(self, chat: str, binding: Binding, ours: bytes, verification: bytes) -> bytes:
        """Return what the two share by this nonce of ours."""
        inviter = self._drivers.driver(chat).contacts.inviter
        nonces = (ours, binding.theirs) if inviter else (binding.theirs, ours)
        return first_secret(*nonces, verification)

    def _say(self, chat: str, message: SaveContact | WithdrawContact) -> None:
        contacts = self._drivers.driver(chat).contacts
        self._decisions.undo(contacts.put(encode_contact_message(message)))
        self._decisions.then(contacts.send_waiting)

    def _listen_anew(self, key: str) -> None:
        self._decisions.then(lambda: self._listeners.listen_anew(key))
