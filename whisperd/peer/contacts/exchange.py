"""How two become contacts inside a conversation, and both come to know it. [whisperd-protocol(7), CONTACTS]

What is said about it is kept like a text until the other side has it, and what was heard of it like a text, too: so
neither a lost link nor a restart leaves a contact to one side alone, as long as the conversation goes on. What follows
from either for the contacts is in the same transaction, so that it is on the disk before the other side hears of it,
and nothing of it has happened where that fails: what is told and done besides waits in ``_afterwards``. A contact
whose other side has not acknowledged it is not ``confirmed``, and one whose secret is renewed holds both until then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from whisperd.errors import ChannelBroken, ContactExists
from whisperd.interfaces import Random
from whisperd.peer.commands.resolver import folded
from whisperd.peer.contacts.bindings import Binding, Peers, Row
from whisperd.peer.contacts.book import Book, Contact
from whisperd.peer.contacts.secrets import first_secret
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


class ContactExchange:
    """The part of ``Contacts`` that makes contacts."""

    _peers: Peers
    _book: Book
    _random: Random
    _store: Any
    _bindings: dict[str, Binding]
    #: What is to be done once what is being decided is kept; None while nothing is.
    _later: list[Callable[[], None]] | None = None

    async def save(self, chat: str, name: str) -> Row:
        """Ask the other side of a conversation to be kept as the contact ``name``, or agree to that.

        Raises ConversationUnknown, ConversationEnded, ConversationNotConnected, UsageError, ContactExists or StoreFailed.
        """
        verification = self._peers.driver(chat).contacts.verification()
        binding = self._binding(chat)
        self._check_free(name, chat, besides=binding.contact if binding.ours else "")
        if binding.contact and not binding.ours:
            raise ContactExists("the other person in this conversation already is a contact",
                                remedy="To change the name, run 'whisperctl contact rename'.")
        steps = self._peers.atomically(lambda: self.deciding(self._save, chat, name, verification), chat)
        for step in steps:
            step()
        state = "saved" if binding.contact else "offered"
        if state == "offered":
            self._tell(name, state, chat)
        return {"contact": name, "chat": chat, "state": state}

    def _save(self, chat: str, name: str, verification: bytes) -> None:
        binding = self._touched(chat)
        binding.name = name
        certain = self._peers.driver(chat).contacts.acknowledged or binding.heard == binding.ours
        if not binding.ours or certain:  # or it would not be known which nonce the other side has
            binding.heard, binding.ours = binding.ours, self._random(NONCE_SIZE)
            self._say(chat, SaveContact(binding.ours))
        if binding.contact:
            self._book.change(binding.contact, name=name)
        self._agree(chat, binding, verification)

    def deciding(self, work: Callable[..., None], *given: Any) -> list[Callable[[], None]]:
        """Have ``work`` write what it writes, and return what is to be done once that is kept."""
        before, self._later = self._later, []
        try:
            work(*given)
            return self._later
        finally:
            self._later = before

    def told(self, chat: str, payload: bytes, verification: bytes) -> None:
        """The other side said something about keeping contacts, or had said it before a restart.

        The conversation may have ended since: who agreed has the contact all the same, as the other side does."""
        binding = self._touched(chat)
        try:
            message = decode_contact_message(payload)
        except ChannelBroken:
            return
        if isinstance(message, WithdrawContact):
            binding.theirs = b""
        elif binding.contact in self._book.blocked:
            return
        elif not (binding.contact and not binding.ours) and binding.agreed < MAX_AGREEMENTS:
            before, binding.theirs = binding.theirs, message.nonce
            if before != message.nonce or not binding.contact:
                self._agree(chat, binding, verification)
            elif binding.ours:  # and calls may have replaced the secret since
                binding.secret = self._secret(chat, binding, binding.ours, verification)
            if before and binding.ours and before != message.nonce:  # who begins anew may have lost what this side said
                self._say(chat, SaveContact(binding.ours))
            if not binding.ours and not before:
                self._tell("", "asked", chat)

    def heard(self, chat: str) -> None:
        """The other side has all that was said here about keeping contacts."""
        binding = self._touched(chat)
        contact = self._book.contacts.get(binding.contact)
        if not self._peers.driver(chat).contacts.acknowledged:  # more was said meanwhile
            return
        binding.heard = binding.ours
        if contact is not None and contact.secrets[0] == binding.secret:
            self._book.change(binding.contact, secrets=contact.secrets[:1], confirmed=True)
            if len(contact.secrets) > 1:
                self._listen_anew(binding.contact)

    # -- inside ---------------------------------------------------------------------------------------------------

    def _agree(self, chat: str, binding: Binding, verification: bytes) -> None:
        """Make, or renew, the contact if both sides want it."""
        if not binding.ours or not binding.theirs or not binding.relays:
            return
        driver = self._peers.driver(chat)
        sure = driver.contacts.acknowledged
        binding.secret = self._secret(chat, binding, binding.ours, verification)
        secrets = [binding.secret]
        if not sure and binding.heard:
            secrets.append(self._secret(chat, binding, binding.heard, verification))
        held = self._book.contacts.get(binding.contact)
        if held is not None and held.secrets[0] == secrets[0]:
            return
        binding.contact = binding.contact if binding.contact in self._book.contacts else self._book.holder(secrets[0])
        binding.agreed += 1
        if binding.contact:
            self._book.change(binding.contact, secrets=tuple(secrets), confirmed=sure or bool(binding.heard))
            self._listen_anew(binding.contact)
        else:
            binding.contact = self._book.add(Contact(
                name=self._book.usable(binding.name), secrets=tuple(secrets), first=driver.contacts.inviter,
                relays=tuple(map(str, binding.relays)), access=binding.access, floor=level_number(driver.contacts.level),
                seat=self._random(32), verified=driver.verified, confirmed=sure))
        self._tell(self._book.contacts[binding.contact].name, "saved", chat)

    def _check_free(self, name: str, chat: str = "", besides: str = "") -> None:
        """Raise UsageError or ContactExists when ``name`` cannot be given, in ``chat`` or to a contact."""
        self._book.check_free(name, besides)
        if any(binding.offers and folded(binding.name) == folded(name) for other, binding in self._bindings.items() if other != chat):
            raise ContactExists("this name was already offered in another conversation whose answer is still open",
                                remedy="Choose another name, or take that offer back: 'whisperctl contact remove "
                                "NAME'.")

    def _secret(self, chat: str, binding: Binding, ours: bytes, verification: bytes) -> bytes:
        """Return what the two share by this nonce of ours."""
        inviter = self._peers.driver(chat).contacts.inviter
        nonces = (ours, binding.theirs) if inviter else (binding.theirs, ours)
        return first_secret(*nonces, verification)

    def _say(self, chat: str, message: SaveContact | WithdrawContact) -> None:
        contacts = self._peers.driver(chat).contacts
        self._store.undo(contacts.put(encode_contact_message(message)))
        self._afterwards(contacts.send_waiting)

    def _listen_anew(self, key: str) -> None:
        """Wait for a contact by the secrets that it has now."""
        self._afterwards(lambda: self._silence(key))
        self._afterwards(lambda: self._listen(key))

    def _afterwards(self, step: Callable[[], None]) -> None:
        """Do this once what is being decided is kept, or now."""
        if self._later is None:
            step()
        else:
            self._later.append(step)

    def _touched(self, chat: str) -> Binding:
        """Return a tie that is about to change; what is not kept has not."""
        binding = self._binding(chat)
        before = replace(binding)
        self._store.undo(lambda: vars(binding).update(vars(before)))
        return binding

    def _binding(self, chat: str) -> Binding:
        return self._bindings.setdefault(chat, Binding())

    def _silence(self, key: str) -> None:
        raise NotImplementedError

    def _listen(self, key: str) -> None:
        raise NotImplementedError

    def _tell(self, name: str, state: str, *chats: str) -> None:
        raise NotImplementedError
