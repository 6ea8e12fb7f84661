"""The people whom this daemon knows: contacts, their calls, who is blocked, and what has to be verified.

[whisperd-protocol(7), CONTACTS and CALLS] A contact is made inside a conversation, when both sides want it. From then
on either can call without an invite: who listens waits in a room that only the two can name. Every call replaces the
secret that led to it. The methods that return dicts and lists are served one to one by ``control``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from twisted.internet.defer import DeferredList

from whisperd.errors import (
    ContactChanged,
    ContactUnconfirmed,
    ConversationEnded,
    WhisperdError,
)
from whisperd.interfaces import Random
from whisperd.peer.commands.resolver import Named, person
from whisperd.peer.contacts.bindings import Binding, Peers, Row, Rows, shown
from whisperd.peer.contacts.book import Book, Contact
from whisperd.peer.contacts.exchange import ContactExchange
from whisperd.peer.contacts.rendezvous import Rendezvous
from whisperd.peer.contacts.secrets import call_keys, epoch_of, next_secret, seat_token
from whisperd.peer.conversation.states import AWAY, CONNECTED, HANDSHAKE, SUPERSEDED, WAITING
from whisperd.peer.records import BindingRecord, ConversationSnapshot
from whisperd.wire.contacts import WithdrawContact
from whisperd.wire.invite import RelayAddress

#: Seconds after which a contact is listened for again whose call has failed.
REST = 30.0

_T = TypeVar("_T")


class Contacts(ContactExchange):
    """Contacts in ``store``; ``emit`` takes events."""

    def __init__(self, peers: Peers, store: Any, *, reactor: Any, emit: Callable[..., None], random: Random,
                 wall: Callable[[], float]) -> None:
        self._peers = peers
        self._store = store
        self._book = Book(store, random)
        self._reactor = reactor
        self._emit = emit
        self._random = random
        self._wall = wall
        self._bindings: dict[str, Binding] = {}
        self._lines: dict[str, Rendezvous] = {}
        self._resting: dict[str, Any] = {}
        self._stopping = False

    def start(self) -> None:
        """Listen for those contacts that are listened for."""
        for key in self._book.contacts:
            self._listen(key)

    async def stop(self) -> None:
        """Listen for nobody any more; fires when the sockets are closed."""
        self._stopping = True
        for alarm in self._resting.values():
            alarm.cancel()
        self._resting.clear()
        lines, self._lines = list(self._lines.values()), {}
        await DeferredList([line.stop() for line in lines], consumeErrors=True)

    def woke(self) -> None:
        """This machine has slept."""
        for line in list(self._lines.values()):
            line.woke()

    # -- what control asks ----------------------------------------------------------------------------------------

    async def list(self) -> Rows:
        """Return a row for each contact, and for each offer that is not answered yet."""
        rows = [self._row(key, contact) for key, contact in self._book.contacts.items()]
        rows += [{**shown(contact), "state": "blocked", "chat": None} for contact in self._book.blocked.values()]
        for chat, binding in self._bindings.items():
            if not binding.contact and (binding.ours or binding.theirs):
                rows.append({"contact": binding.name if binding.ours else None, "relays": list(map(str, binding.relays)),
                             "level": None, "verified": False, "listens": False,
                             "state": "offered" if binding.ours else "asked", "chat": chat})
        return rows

    async def remove(self, name: str) -> Row:
        """Forget a contact, or take back the offer to keep one. Raises ContactUnknown or UsageError."""
        found = person(name, self.named())
        name = found.name if found else name
        if found and found.key in self._bindings:
            self._do(self._withdraw, name, found.key, chats=[found.key])
        else:
            await self._end(self._do(self._remove, name, chats=list(self._bindings)))
        return {"contact": name, "removed": True}

    def _withdraw(self, name: str, chat: str) -> None:
        binding = self._touched(chat)
        binding.ours = binding.heard = b""
        binding.name = ""
        self._say(chat, WithdrawContact())
        self._tell(name, "removed", chat)

    def _remove(self, name: str) -> Sequence[str]:
        """Forget a contact; return the calls to it, which are to be ended."""
        key = self._book.remove(name)
        self._afterwards(lambda: self._drop(key))
        calls = [chat for chat, binding in self._bindings.items() if binding.contact == key and binding.calls]
        chats = self._chats_of(key)
        for chat in chats:
            binding = self._touched(chat)
            with suppress(ConversationEnded):
                self._store.undo(self._peers.driver(chat).contacts.forget_heard())
            binding.contact, binding.name = "", ""
            binding.ours = binding.heard = binding.theirs = b""
        self._tell(name, "removed", *chats)
        return calls

    async def rename(self, name: str, new: str) -> Row:
        """Give a contact another name. Raises ContactUnknown, ContactBlocked, ContactExists or UsageError."""
        key = self._book.find(name)
        self._check_free(new, besides=key)
        self._do(self._book.change, key, name=new)
        self._tell(new, "renamed", *self._chats_of(key))
        return {"contact": new}

    async def block(self, name: str) -> Row:
        """Answer a contact no more, and end the conversations with it. Raises ContactUnknown or ContactBlocked."""
        key, name = self._found(name)
        self._do(self._book.block, key)
        self._drop(key)
        chats = self._chats_of(key)
        self._tell(name, "blocked", *chats)
        await self._end(chats)
        return {"contact": name, "blocked": True}

    async def unblock(self, name: str) -> Row:
        """Answer a blocked contact again. Raises ContactUnknown."""
        key = self._do(self._book.unblock, name)
        name = self._book.contacts[key].name
        self._listen(key)
        self._tell(name, "unblocked")
        return {"contact": name, "blocked": False}

    async def listen(self, name: str, off: bool = False) -> Row:
        """Wait for a contact's calls whenever this daemon runs, or do not. Raises ContactUnknown or ContactBlocked."""
        key, name = self._found(name)
        self._do(self._book.change, key, listens=not off)
        if not off:
            self._listen(key)
        else:
            self._silence(key)
        self._tell(name, "silent" if off else "listening")
        return {"contact": name, "listens": not off}

    async def call(self, name: str) -> Row:
        """Meet a contact: in the conversation in which the two can talk, or in a new one, which waits for an hour.

        One whose other side is out of reach may have ended there, and nobody would know: it stays until it is heard
        again, or until the contact answers the call, which takes its place then.
        Raises ContactUnknown, ContactBlocked, TooManyConversations, FloorNotMet or DialRefused.
        """
        key, name = self._found(name)
        chat = self._chat_of(key, away=False)
        if chat is None:
            self._peers.check_room_for_one_more()
            self._make_way(key)
            line = self._lines.get(key) or self._line(key)
            chat = self._open(key, line, "calling")
            line.call()
            self._tell(name, "calling", chat)
        return {"chat": chat, "state": self._peers.driver(chat).state}

    def _found(self, name: str) -> tuple[str, str]:
        """Return a contact's key, and its name as it is written; raises as ``Book.find``."""
        key = self._book.find(name)
        return key, self._book.contacts[key].name

    # -- what the conversations tell ------------------------------------------------------------------------------

    def met_at(self, chat: str, relays: Iterable[RelayAddress], access: str) -> None:
        """A conversation meets at these relays; there a contact that comes of it will be met again."""
        binding = self._binding(chat)
        binding.relays, binding.access = tuple(relays), access

    def confirmed(self, chat: str, verification: bytes) -> None:
        """The key of a conversation is confirmed; if it came of a call, the next secret is there, also if the other
        side's first word was its last: it may have left the one before behind."""
        binding = self._binding(chat)
        if binding.line is None:
            return
        self._touched(chat).confirmed = True
        self._afterwards(binding.line.confirmed)
        if binding.contact in self._book.contacts:
            used, key = binding.line.secret, binding.contact
            self._book.change(key, secrets=(next_secret(used, verification), used), confirmed=True)
            self._afterwards(lambda: self._end_others(chat, key))

    def connected(self, chat: str) -> None:
        """The other side of a conversation is there: a call to it at which nobody has come is not needed any more."""
        key = self._bindings.get(chat, Binding()).contact
        for other, binding in list(self._bindings.items()):
            if key and binding.contact == key and other != chat and binding.calls and not (binding.line and binding.line.up):
                self._supersede(other)

    def settled(self, chat: str) -> None:
        """The other side was heard, so it has the next secret too: the one before is forgotten."""
        binding = self._binding(chat)
        if binding.line is not None and binding.contact in self._book.contacts:
            self._book.change(binding.contact, secrets=self._book.contacts[binding.contact].secrets[:1])
            key = binding.contact
            self._afterwards(lambda: self._listen(key))

    def ended(self, chat: str) -> None:
        """A conversation is over."""
        binding = self._bindings.pop(chat, None)
        if binding is None:
            return
        if binding.contact in self._book.contacts and not self._book.contacts[binding.contact].confirmed:
            self._complain(binding.contact, ContactUnconfirmed())
        if binding.contact and binding.line is not None:
            if binding.confirmed:
                self._listen(binding.contact)
            else:
                self._rest(binding.contact)

    def forget(self, chat: str) -> None:
        """There is no such conversation any more."""
        self._bindings.pop(chat, None)

    def facts(self, chat: str) -> Row:
        """Return what 'chat list' shows of a conversation's contact."""
        binding = self._bindings.get(chat, Binding())
        contact = self._book.contacts.get(binding.contact)
        return {"contact": contact.name if contact else None}

    def named(self) -> Sequence[Named]:
        """Return everybody who has a name here, blocked or only offered to be a contact."""
        return [*self._book.named(), *(Named(binding.name, chat) for chat, binding in self._bindings.items() if binding.offers)]

    def key_of(self, chat: str) -> str:
        """Return by which key ``named`` has the other side of a conversation, "" if it has no name."""
        binding = self._bindings.get(chat, Binding())
        return chat if binding.offers else binding.contact

    def verified(self, chat: str) -> None:
        """The words of a conversation were compared: the mark is kept for its contact."""
        key = self._binding(chat).contact
        if key in self._book.contacts:
            self._book.change(key, verified=True)

    def kept(self, chat: str) -> BindingRecord:
        """Return what a store keeps of this."""
        binding = self._bindings.get(chat, Binding())
        return BindingRecord(binding.contact, binding.required, binding.name, binding.ours, binding.theirs, binding.heard, binding.agreed)

    def come_back(self, chat: str, relays: Iterable[RelayAddress], kept: ConversationSnapshot) -> None:
        """A conversation goes on that a store has kept; it meets at these relays."""
        binding = self._binding(chat)
        binding.relays, binding.access, binding.required = tuple(relays), kept.route.relays[0].access, kept.binding.required
        binding.contact = kept.binding.contact if kept.binding.contact in self._book.contacts else ""
        binding.confirmed, binding.kept_room = True, kept.route.room
        binding.name, binding.ours, binding.theirs = kept.binding.name, kept.binding.ours, kept.binding.theirs
        binding.heard, binding.agreed = kept.binding.heard, kept.binding.agreed

    def require(self, chat: str) -> None:
        """Let nothing be sent or taken in this conversation before it is verified."""
        self._touched(chat).required = True

    def required(self, chat: str) -> bool:
        """Return whether this conversation has to be verified first."""
        return self._bindings.get(chat, Binding()).required

    # -- inside ---------------------------------------------------------------------------------------------------

    def _do(self, work: Callable[..., _T], *given: Any, chats: Sequence[str] = (), **named: Any) -> _T:
        """Do ``work``, with what it changes of these conversations, and what follows once it is kept. StoreFailed."""
        done: list[_T] = []
        for step in self._peers.atomically(
                lambda: self.deciding(lambda: done.append(work(*given, **named))), *chats):
            step()
        return done[0]

    def _binding(self, chat: str) -> Binding:
        return self._bindings.setdefault(chat, Binding())

    async def _end(self, chats: Iterable[str]) -> None:
        """End them all, and raise then what was wrong with one."""
        trouble: WhisperdError | None = None
        for chat in chats:
            try:
                await self._peers.end(chat)
            except ConversationEnded:
                pass
            except WhisperdError as error:
                trouble = error
        if trouble is not None:
            raise trouble

    def _end_others(self, chat: str, key: str) -> None:
        """A contact who calls, or answers a call, has lost the conversations that there were before, or leaves them."""
        for other in [other for other, binding in self._bindings.items() if binding.contact == key and other != chat]:
            self._supersede(other)

    def _make_way(self, key: str) -> None:
        """End what holds the seat that a call needs: a conversation that the contact may never have come to."""
        contact, epoch = self._book.contacts[key], epoch_of(self._wall())
        rooms = [call_keys(secret, epoch).room for secret in contact.secrets]
        for other in [other for other, binding in self._bindings.items() if binding.contact == key and binding.room in rooms]:
            self._supersede(other)

    def _supersede(self, chat: str) -> None:
        with suppress(ConversationEnded):
            self._peers.driver(chat).end(SUPERSEDED)

    def _chats_of(self, key: str) -> Sequence[str]:
        """Return every conversation that goes by a contact's name."""
        return [chat for chat, binding in self._bindings.items() if binding.contact == key]

    def _chat_of(self, key: str, *, away: bool = True) -> str | None:
        """Return the conversation with a contact: the one that is connected, else one that begins, else, with ``away``,
        one whose other side is out of reach; None where there is none, or only what is over, or about to be."""
        found: dict[str, str] = {}
        for chat in self._chats_of(key):
            with suppress(ConversationEnded):
                driver = self._peers.driver(chat)
                if driver.lasting:
                    found[driver.state] = chat
        states = (CONNECTED, HANDSHAKE, WAITING, *([AWAY] if away else []))
        return next((found[state] for state in states if state in found), None)

    def _row(self, key: str, contact: Contact) -> Row:
        chat = self._chat_of(key)
        line = self._lines.get(key)
        state = "saved" if contact.confirmed else "unconfirmed"
        if line is not None:
            state = "here" if line.up else "listening"
        if chat is not None:
            state = self._peers.driver(chat).state
        return {**shown(contact), "state": state, "chat": chat}

    def _line(self, key: str) -> Rendezvous:
        """Return a way to the place where the contact can be met."""
        contact = self._book.contacts[key]

        def seat(room: bytes, place: int) -> Any:
            access = "" if place else contact.access
            return self._peers.seat(contact.addresses[place], access, room, seat_token(contact.seat, room))

        line = Rendezvous(contact.secrets, first=contact.first, make_link=seat, reactor=self._reactor, random=self._random,
                    wall=self._wall, heard=lambda: self._called(key), trouble=lambda error: self._complain(key, error),
                    wrong=lambda: self._complain(key, ContactChanged()),
                    present=lambda here: self._tell(self._book.contacts[key].name, "here" if here else "gone"),
                    places=len(contact.relays),
                    taken=lambda room: any(binding.room == room for binding in self._bindings.values()
                                           if binding.contact == key and binding.line is not line))
        return line

    def _listen(self, key: str) -> None:
        contact = self._book.contacts.get(key)
        busy = any(binding.contact == key and binding.calls for binding in self._bindings.values())
        if contact is None or not contact.listens or busy or self._stopping:
            return
        if key not in self._lines and key not in self._resting:
            self._lines[key] = self._line(key)
            self._lines[key].begin()

    def _silence(self, key: str) -> None:
        line = self._lines.pop(key, None)
        if line is not None:
            line.stop()

    def _drop(self, key: str) -> None:
        """Wait no more for one who is no contact now, nor for the time to do so again."""
        self._silence(key)
        resting = self._resting.pop(key, None)
        if resting is not None:
            resting.cancel()

    def _rest(self, key: str) -> None:
        """Listen for a contact again after a while."""
        if key in self._book.contacts and key not in self._resting and not self._stopping:
            self._resting[key] = self._reactor.callLater(REST, self._rested, key)

    def _rested(self, key: str) -> None:
        self._resting.pop(key, None)
        self._listen(key)

    def _called(self, key: str) -> None:
        """The contact calls, on a line of ours."""
        try:
            self._peers.check_room_for_one_more()
            chat = self._open(key, self._lines[key], "called")
        except WhisperdError as error:
            self._complain(key, error)
        else:
            self._tell(self._book.contacts[key].name, "called", chat)

    def _open(self, key: str, line: Rendezvous, reason: str) -> str:
        contact = self._book.contacts[key]
        try:
            chat = self._peers.begin_call(line.keys, contact.floor, line, inviter=contact.first,
                                          verified=contact.verified, reason=reason,
                                          binding=lambda chat: self._bind(chat, key, line),
                                          route=lambda: line.route(contact))
        except BaseException:
            line.stop()
            self._rest(key)
            raise
        finally:
            self._lines.pop(key, None)
        return chat

    def _bind(self, chat: str, key: str, line: Rendezvous) -> None:
        contact = self._book.contacts[key]
        binding = self._binding(chat)
        binding.contact, binding.line, binding.relays, binding.access = key, line, contact.addresses, contact.access

    def _complain(self, key: str, error: WhisperdError) -> None:
        """Tell what is wrong: in the conversation that the line belongs to, or of the contact alone."""
        contact = self._book.contacts.get(key)
        if contact is not None:
            self._emit("contact-error", contact=contact.name, code=error.code, message=error.message,
                       remedy=error.remedy)

    def _tell(self, name: str, state: str, *chats: str) -> None:
        """Tell it of each of these conversations, because whoever shows one goes by that; or of none."""
        for chat in chats or ("",):
            self._afterwards(partial(self._emit, "contact-state", contact=name, state=state, chat=chat))
