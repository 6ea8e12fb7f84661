"""What conversations have to do with contacts: who the other side is, and how far an exchange of contacts has come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from whisperd.peer.contacts.book import Book
from whisperd.peer.contacts.decisions import Decisions
from whisperd.peer.contacts.naming import Named
from whisperd.peer.contacts.rendezvous import Rendezvous
from whisperd.peer.records import BindingRecord, ConversationSnapshot
from whisperd.wire.invite import RelayAddress


@dataclass
class Binding:
    """What one conversation has to do with contacts."""

    relays: tuple[RelayAddress, ...] = ()
    access: str = field(default="", repr=False)
    contact: str = ""  #: the key of the contact that the other side is
    name: str = ""  #: the name under which this side wants to save it
    ours: bytes = field(default=b"", repr=False)  #: the nonce that this side said last
    heard: bytes = field(default=b"", repr=False)  #: the one that the other side certainly has
    theirs: bytes = field(default=b"", repr=False)
    secret: bytes = field(default=b"", repr=False)  #: what came of the nonces
    agreed: int = 0  #: how many secrets were agreed on
    rendezvous: Rendezvous | None = None  #: where it began, if it is a call
    confirmed: bool = False
    required: bool = False
    restored_room: bytes = field(default=b"", repr=False)  #: where it meets, if it comes from a store

    @property
    def calls(self) -> bool:
        """Whether it is a call that has not come to a key yet."""
        return self.rendezvous is not None and not self.confirmed

    @property
    def room(self) -> bytes:
        """The room that it holds a seat in, as far as it could be a contact's."""
        return self.rendezvous.keys.room if self.rendezvous is not None else self.restored_room

    @property
    def offers(self) -> bool:
        """Whether this side wants to save the other, which has not agreed yet."""
        return bool(self.ours) and not self.contact


class Bindings:
    """The binding of every conversation, by the conversation's id. One that there is not has nothing to do with
    contacts."""

    def __init__(self, book: Book, decisions: Decisions) -> None:
        self._book = book
        self._decisions = decisions
        self._all: dict[str, Binding] = {}

    def of(self, chat: str) -> Binding:
        """Return the binding of a conversation, to be read."""
        return self._all.get(chat) or Binding()

    def made(self, chat: str) -> Binding:
        """Return the binding of a conversation, to be changed whatever becomes of the store."""
        return self._all.setdefault(chat, Binding())

    def changing(self, chat: str) -> Binding:
        """Return a binding that is about to change; what does not get onto the disk has not changed."""
        binding = self.made(chat)
        before = replace(binding)
        self._decisions.undo(lambda: vars(binding).update(vars(before)))
        return binding

    def pop(self, chat: str) -> Binding | None:
        """Forget the binding of a conversation that is over, and return it."""
        return self._all.pop(chat, None)

    def items(self) -> list[tuple[str, Binding]]:
        """Return all of them, by conversation."""
        return list(self._all.items())

    def chats(self) -> list[str]:
        """Return the conversations that have one."""
        return list(self._all)

    def with_contact(self, key: str) -> list[str]:
        """Return every conversation that goes by a contact's name."""
        return [chat for chat, binding in self._all.items() if binding.contact == key]

    def is_called(self, key: str) -> bool:
        """Return whether a call to, or of, this contact has not come to a key yet."""
        return any(binding.contact == key and binding.calls for binding in self._all.values())

    def holds_seat_of(self, rendezvous: Rendezvous, key: str) -> bool:
        """Return whether another conversation with this contact holds the seat in the room of a rendezvous."""
        return any(binding.room == rendezvous.keys.room for binding in self._all.values()
                   if binding.contact == key and binding.rendezvous is not rendezvous)

    def met_at(self, chat: str, relays: Iterable[RelayAddress], access: str) -> None:
        """A conversation meets at these relays; there a contact that comes of it will be met again."""
        binding = self.made(chat)
        binding.relays, binding.access = tuple(relays), access

    def restore(self, chat: str, relays: Iterable[RelayAddress], snapshot: ConversationSnapshot) -> None:
        """A conversation goes on that comes from a store; it meets at these relays."""
        record = snapshot.binding
        self._all[chat] = Binding(
            relays=tuple(relays), access=snapshot.route.relays[0].access, required=record.required,
            contact=record.contact if record.contact in self._book.contacts else "", confirmed=True,
            restored_room=snapshot.route.room, name=record.name, ours=record.ours, theirs=record.theirs,
            heard=record.heard, agreed=record.agreed)

    def record(self, chat: str) -> BindingRecord:
        """Return what a store is to have of a binding."""
        binding = self.of(chat)
        return BindingRecord(binding.contact, binding.required, binding.name, binding.ours, binding.theirs,
                             binding.heard, binding.agreed)

    def contact_name(self, chat: str) -> str | None:
        """Return the name of the contact that a conversation is held with, None if it is none."""
        contact = self._book.contacts.get(self.of(chat).contact)
        return contact.name if contact else None

    def named(self) -> list[Named]:
        """Return everybody who has a name here, blocked or only offered to be a contact."""
        return [*self._book.named(), *(Named(binding.name, chat) for chat, binding in self._all.items()
                                       if binding.offers)]

    def key_of(self, chat: str) -> str:
        """Return by which key ``named`` has the other side of a conversation, "" if it has no name."""
        binding = self.of(chat)
        return chat if binding.offers else binding.contact

    def require(self, chat: str) -> None:
        """Let nothing be sent or taken in this conversation before it is verified."""
        self.changing(chat).required = True

    def required(self, chat: str) -> bool:
        """Return whether this conversation has to be verified first."""
        return self.of(chat).required

    def verified(self, chat: str) -> None:
        """The words of a conversation were compared: its contact has the mark from now on."""
        key = self.of(chat).contact
        if key in self._book.contacts:
            self._book.change(key, verified=True)
