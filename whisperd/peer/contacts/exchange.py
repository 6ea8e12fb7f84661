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
from whisperd.peer.contacts.bindings import Peers, Row, Tie
from whisperd.peer.contacts.book import Book, Contact
from whisperd.peer.contacts.secrets import first_secret
from whisperd.peer.conversation.session import level_number
from whisperd.wire.contacts import NONCE_SIZE, Keep, Withdraw, decode_people, encode_people

#: Most secrets that one conversation may agree on, one after the other.
MOST_AGREEMENTS = 8


class Saving:
    """The part of ``People`` that makes contacts."""

    _peers: Peers
    _book: Book
    _random: Random
    _store: Any
    _ties: dict[str, Tie]
    #: What is to be done once what is being decided is kept; None while nothing is.
    _later: list[Callable[[], None]] | None = None

    async def save(self, chat: str, name: str) -> Row:
        """Ask the other side of a conversation to be kept as the contact ``name``, or agree to that.

        Raises ChatUnknown, ChatEnded, ChatNotConnected, UsageError, ContactExists or StoreFailed.
        """
        verification = bytes(self._peers.driver(chat).conversation.agreed().verification)
        tie = self._tie(chat)
        self._check_free(name, chat, besides=tie.contact if tie.ours else "")
        if tie.contact and not tie.ours:
            raise ContactExists("the other side of this conversation is a contact already",
                                remedy="'whisperctl contact rename' gives it another name.")
        steps = self._peers.atomically(lambda: self.deciding(self._save, chat, name, verification), chat)
        for step in steps:
            step()
        state = "saved" if tie.contact else "offered"
        if state == "offered":
            self._tell(name, state, chat)
        return {"contact": name, "chat": chat, "state": state}

    def _save(self, chat: str, name: str, verification: bytes) -> None:
        tie = self._touched(chat)
        tie.name = name
        certain = self._peers.driver(chat).conversation.people_heard or tie.heard == tie.ours
        if not tie.ours or certain:  # or it would not be known which nonce the other side has
            tie.heard, tie.ours = tie.ours, self._random(NONCE_SIZE)
            self._say(chat, Keep(tie.ours))
        if tie.contact:
            self._book.change(tie.contact, name=name)
        self._agree(chat, tie, verification)

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
        tie = self._touched(chat)
        try:
            message = decode_people(payload)
        except ChannelBroken:
            return
        if isinstance(message, Withdraw):
            tie.theirs = b""
        elif tie.contact in self._book.blocked:
            return
        elif not (tie.contact and not tie.ours) and tie.agreed < MOST_AGREEMENTS:
            before, tie.theirs = tie.theirs, message.nonce
            if before != message.nonce or not tie.contact:
                self._agree(chat, tie, verification)
            elif tie.ours:  # and calls may have replaced the secret since
                tie.secret = self._secret(chat, tie, tie.ours, verification)
            if before and tie.ours and before != message.nonce:  # who begins anew may have lost what this side said
                self._say(chat, Keep(tie.ours))
            if not tie.ours and not before:
                self._tell("", "asked", chat)

    def heard(self, chat: str) -> None:
        """The other side has all that was said here about keeping contacts."""
        tie = self._touched(chat)
        contact = self._book.contacts.get(tie.contact)
        if not self._peers.driver(chat).conversation.people_heard:  # more was said meanwhile
            return
        tie.heard = tie.ours
        if contact is not None and contact.secrets[0] == tie.secret:
            self._book.change(tie.contact, secrets=contact.secrets[:1], confirmed=True)
            if len(contact.secrets) > 1:
                self._listen_anew(tie.contact)

    # -- inside ---------------------------------------------------------------------------------------------------

    def _agree(self, chat: str, tie: Tie, verification: bytes) -> None:
        """Make, or renew, the contact if both sides want it."""
        if not tie.ours or not tie.theirs or not tie.relays:
            return
        conversation = self._peers.driver(chat).conversation
        sure = conversation.people_heard
        tie.secret = self._secret(chat, tie, tie.ours, verification)
        secrets = [tie.secret]
        if not sure and tie.heard:
            secrets.append(self._secret(chat, tie, tie.heard, verification))
        held = self._book.contacts.get(tie.contact)
        if held is not None and held.secrets[0] == secrets[0]:
            return
        tie.contact = tie.contact if tie.contact in self._book.contacts else self._book.holder(secrets[0])
        tie.agreed += 1
        if tie.contact:
            self._book.change(tie.contact, secrets=tuple(secrets), confirmed=sure or bool(tie.heard))
            self._listen_anew(tie.contact)
        else:
            tie.contact = self._book.add(Contact(
                name=self._book.usable(tie.name), secrets=tuple(secrets), first=conversation.role == "inviter",
                relays=tuple(map(str, tie.relays)), access=tie.access, floor=level_number(conversation.level),
                seat=self._random(32), verified=conversation.verified, confirmed=sure))
        self._tell(self._book.contacts[tie.contact].name, "saved", chat)

    def _check_free(self, name: str, chat: str = "", besides: str = "") -> None:
        """Raise UsageError or ContactExists when ``name`` cannot be given, in ``chat`` or to a contact."""
        self._book.check_free(name, besides)
        if any(tie.offers and folded(tie.name) == folded(name) for other, tie in self._ties.items() if other != chat):
            raise ContactExists("the other side of another conversation was offered to be kept under this name",
                                remedy="Take another name, or take that back: 'whisperctl contact remove NAME'.")

    def _secret(self, chat: str, tie: Tie, ours: bytes, verification: bytes) -> bytes:
        """Return what the two share by this nonce of ours."""
        conversation = self._peers.driver(chat).conversation
        nonces = (ours, tie.theirs) if conversation.role == "inviter" else (tie.theirs, ours)
        return first_secret(*nonces, verification)

    def _say(self, chat: str, message: Keep | Withdraw) -> None:
        driver = self._peers.driver(chat)
        self._store.undo(driver.put_of_people(encode_people(message)))
        self._afterwards(driver.go_on)

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

    def _touched(self, chat: str) -> Tie:
        """Return a tie that is about to change; what is not kept has not."""
        tie = self._tie(chat)
        before = replace(tie)
        self._store.undo(lambda: vars(tie).update(vars(before)))
        return tie

    def _tie(self, chat: str) -> Tie:
        return self._ties.setdefault(chat, Tie())

    def _silence(self, key: str) -> None:
        raise NotImplementedError

    def _listen(self, key: str) -> None:
        raise NotImplementedError

    def _tell(self, name: str, state: str, *chats: str) -> None:
        raise NotImplementedError
