"""The contacts and the block list of this daemon, in its store."""

from __future__ import annotations

import re
from itertools import chain, count
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from whisperd.errors import ContactBlocked, ContactExists, ContactUnknown, ContactUnreadable, UsageError
from whisperd.interfaces import Random, Store
from whisperd.peer.contacts.naming import Named, folded, like_any_id, person
from whisperd.wire.hidden import hidden
from whisperd.wire.invite import MAX_RELAYS, RelayAddress

CONTACTS, BLOCKED = "contact", "blocked"

_KEY_SIZE = 16
_NAME = re.compile(r"[^\W_](?:\w|[.-]){0,31}\Z")

_Secret = Annotated[bytes, Meta(min_length=32, max_length=32)]


class Contact(Struct, frozen=True, forbid_unknown_fields=True):
    """One contact as it is stored, in MessagePack.

    ``secrets`` are those that the other side may hold, the newest first: two between the end of a call's handshake and
    the first word of the other side, else one. ``first`` says whether this side takes the inviter's part in calls.
    ``relays`` are ``HOST[:PORT]``, the best first, ``access`` the access code that the first one wants, ``floor`` the
    lowest level of calls, ``seat`` what the tokens of this side's seats are made of, ``confirmed`` whether the other
    side is known to hold the secret.
    """

    name: str
    secrets: Annotated[tuple[_Secret, ...], Meta(min_length=1, max_length=2)]
    first: bool
    relays: Annotated[tuple[str, ...], Meta(min_length=1, max_length=MAX_RELAYS)]
    access: str
    floor: Annotated[int, Meta(ge=1, le=3)]
    seat: _Secret
    verified: bool = False
    listens: bool = False
    confirmed: bool = True
    version: Literal[1] = 1

    __repr__ = hidden

    @property
    def addresses(self) -> tuple[RelayAddress, ...]:
        return tuple(map(RelayAddress.parse, self.relays))


class Book:
    """Contacts by a key of their own; those that are blocked stand apart. Raises ContactUnreadable."""

    def __init__(self, store: Store, random: Random) -> None:
        self._store = store
        self._random = random
        self.contacts = self._load(CONTACTS)
        self.blocked = self._load(BLOCKED)

    def _load(self, collection: str) -> dict[str, Contact]:
        try:
            return {key: msgspec.msgpack.decode(self._store.get(collection, key) or b"", type=Contact)
                    for key in self._store.keys(collection)}
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ContactUnreadable from None

    def find(self, name: str) -> str:
        """Return the key of the contact ``name``; ContactUnknown, ContactBlocked, or UsageError for several."""
        found = self._person(name)
        if found is None:
            raise ContactUnknown
        if found.blocked:
            raise ContactBlocked
        return found.key

    def named(self) -> list[Named]:
        """Return every contact, blocked or not."""
        return [*(Named(contact.name, key) for key, contact in self.contacts.items()),
                *(Named(contact.name, key, blocked=True) for key, contact in self.blocked.items())]

    def _person(self, name: str) -> Named | None:
        return person(name, self.named())

    def check_free(self, name: str, besides: str = "") -> None:
        """Raise UsageError when ``name`` cannot be one, ContactExists when another contact has it."""
        if not _NAME.match(name):
            raise UsageError("a contact's name must have 1 to 32 letters, digits, '.', '_' and '-', and must begin "
                             "with a letter or a digit")
        if like_any_id(name):
            raise UsageError("a contact's name must not look like the id of a "
                             "conversation", remedy="Choose a name that is not one "
                             "letter and a number.")
        if self._taken(name, besides):
            raise ContactExists

    def usable(self, name: str) -> str:
        """Return ``name``, or one like it where it cannot be a contact's: it was agreed on under other rules."""
        wish = f"contact-{name}"[:32] if like_any_id(name) else name
        return next(one for one in chain([wish], (f"{wish[:24]}-{number}" for number in count(2)))
                    if not self._taken(one))

    def _taken(self, name: str, besides: str = "") -> bool:
        return any(folded(contact.name) == folded(name) and key != besides
                   for key, contact in [*self.contacts.items(), *self.blocked.items()])

    def holder(self, secret: bytes) -> str:
        """Return the key of the contact that has this secret, "" if none has."""
        return next((key for key, contact in self.contacts.items() if secret in contact.secrets), "")

    def add(self, contact: Contact) -> str:
        """Store a new contact and return its key."""
        key = self._random(_KEY_SIZE).hex()
        self.put(key, contact)
        return key

    def put(self, key: str, contact: Contact) -> None:
        """Store ``contact`` in place of what was there; it is durable when this returns, as far as the store is."""
        with self._store.together():
            self._store.put(CONTACTS, key, msgspec.msgpack.encode(contact))
            self._note(self.contacts, key, contact)

    def change(self, key: str, **fields: object) -> Contact:
        """Store the contact with other values in some fields, and return it."""
        contact = msgspec.structs.replace(self.contacts[key], **fields)
        self.put(key, contact)
        return contact

    def remove(self, name: str) -> str:
        """Forget a contact, blocked or not, and return its key; ContactUnknown, or UsageError for several."""
        found = self._person(name)
        if found is None:
            raise ContactUnknown
        collection, held = (BLOCKED, self.blocked) if found.blocked else (CONTACTS, self.contacts)
        with self._store.together():
            self._store.delete(collection, found.key)
            self._note(held, found.key, None)
        return found.key

    def block(self, key: str) -> None:
        """Put a contact onto the block list."""
        self._move(key, (CONTACTS, self.contacts), (BLOCKED, self.blocked))

    def unblock(self, name: str) -> str:
        """Take a contact off the block list, and return its key; ContactUnknown, or UsageError for several."""
        found = self._person(name)
        if found is None or not found.blocked:
            raise ContactUnknown("there is no blocked contact with this name")
        self._move(found.key, (BLOCKED, self.blocked), (CONTACTS, self.contacts))
        return found.key

    def _move(self, key: str, source: tuple[str, dict[str, Contact]], target: tuple[str, dict[str, Contact]]) -> None:
        contact = source[1][key]
        with self._store.together():
            self._store.put(target[0], key, msgspec.msgpack.encode(contact))
            self._store.delete(source[0], key)
            self._note(target[1], key, contact)
            self._note(source[1], key, None)

    def _note(self, held: dict[str, Contact], key: str, contact: Contact | None) -> None:
        """Know this, unless it turns out not to be stored."""
        before = held.get(key)

        def put(now: Contact | None) -> None:
            if now is None:
                held.pop(key, None)
            else:
                held[key] = now

        put(contact)
        self._store.undo(lambda: put(before))
