"""Whom this daemon waits for: a rendezvous for each contact that is listened for, or called."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twisted.internet.defer import DeferredList

from whisperd.errors import ContactChanged, WhisperdError
from whisperd.peer.contacts.bindings import Bindings
from whisperd.peer.contacts.book import Book
from whisperd.peer.contacts.calls import Calls, RendezvousMaker
from whisperd.peer.contacts.decisions import Decisions
from whisperd.peer.contacts.rendezvous import Rendezvous
from whisperd.peer.links.link import Link
from whisperd.timers import Clock, OneShot


class Rests:
    """Who is not listened for until a while after a call to, or of, them has failed, by their keys."""

    def __init__(self, reactor: Clock, seconds: float) -> None:
        self._reactor = reactor
        self._seconds = seconds
        self._timers: dict[str, OneShot] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._timers

    def begin(self, key: str, over: Callable[[str], None]) -> None:
        """Let a contact rest, and call ``over(key)`` afterwards; nothing happens while it rests."""
        if key not in self._timers:
            self._timers[key] = OneShot(self._reactor, partial(self._over, key, over))
            self._timers[key].start(self._seconds)

    def end(self, key: str) -> None:
        """A contact rests no more, and nobody is told."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    def stop(self) -> None:
        """Nobody rests any more."""
        for key in list(self._timers):
            self.end(key)

    def _over(self, key: str, over: Callable[[str], None]) -> None:
        del self._timers[key]
        over(key)


class Listening:
    """Listens for contacts of ``book``, and begins conversations with them by ``calls``."""

    def __init__(self, calls: Calls, maker: RendezvousMaker, book: Book, bindings: Bindings, decisions: Decisions,
                 rests: Rests) -> None:
        self._calls = calls
        self._maker = maker
        self._book = book
        self._bindings = bindings
        self._decisions = decisions
        self._rests = rests
        self._all: dict[str, Rendezvous] = {}
        self._stopping = False

    async def stop(self) -> None:
        """Listen for nobody any more; fires when the sockets are closed."""
        self._stopping = True
        self._rests.stop()
        every, self._all = list(self._all.values()), {}
        await DeferredList([rendezvous.stop() for rendezvous in every], consumeErrors=True)

    def woke(self) -> None:
        """This machine has slept."""
        for rendezvous in list(self._all.values()):
            rendezvous.woke()

    def __contains__(self, key: str) -> bool:
        return key in self._all

    def is_there(self, key: str) -> bool:
        """Return whether somebody is in the room in which a contact is listened for."""
        return key in self._all and self._all[key].up

    def listen(self, key: str) -> None:
        """Listen for a contact, if that is wanted and not done, and it neither rests nor is called."""
        contact = self._book.contacts.get(key)
        if contact is None or not contact.listens or self._bindings.is_called(key) or self._stopping:
            return
        if key not in self._all and key not in self._rests:
            self._all[key] = self._made(key)
            self._all[key].begin()

    def listen_anew(self, key: str) -> None:
        """Listen for a contact by the secrets that it has now."""
        self.silence(key)
        self.listen(key)

    def silence(self, key: str) -> None:
        """Listen for a contact no more."""
        rendezvous = self._all.pop(key, None)
        if rendezvous is not None:
            rendezvous.stop()

    def drop(self, key: str) -> None:
        """Wait no more for one who is no contact now, nor for the time to do so again."""
        self.silence(key)
        self._rests.end(key)

    def rest(self, key: str) -> None:
        """Listen for a contact again after a while."""
        if key in self._book.contacts and not self._stopping:
            self._rests.begin(key, self.listen)

    def call(self, key: str) -> str:
        """Call a contact, and return the conversation. Raises TooManyConversations, FloorNotMet, StoreFailed or why its
        link can never be made."""
        self._calls.prepare(key)
        rendezvous = self._all.get(key) or self._made(key)
        chat = self._begin(key, rendezvous, "calling")
        rendezvous.call()
        return chat

    def called(self, key: str) -> None:
        """A contact that is listened for calls."""
        try:
            self._calls.check_room_for_one_more()
            chat = self._begin(key, self._all[key], "called")
        except WhisperdError as error:
            self.complain(key, error)
        else:
            self._decisions.tell(self._book.contacts[key].name, "called", chat)

    def present(self, key: str, here: bool) -> None:
        """Somebody is in the room in which a contact is listened for, or is not any more."""
        self._decisions.tell(self._book.contacts[key].name, "here" if here else "gone")

    def complain(self, key: str, error: WhisperdError) -> None:
        """Tell what is wrong with a contact, if it still is one."""
        contact = self._book.contacts.get(key)
        if contact is not None:
            self._decisions.complain(contact.name, error)

    # -- inside ---------------------------------------------------------------------------------------------------

    def _made(self, key: str) -> Rendezvous:
        listener = ContactListener(key, self, self._maker, self._book, self._bindings)
        return self._maker.make(self._book.contacts[key], listener)

    def _begin(self, key: str, rendezvous: Rendezvous, reason: str) -> str:
        contact = self._book.contacts[key]

        def bind(chat: str) -> None:
            binding = self._bindings.made(chat)
            binding.contact, binding.rendezvous = key, rendezvous
            binding.relays, binding.access = contact.addresses, contact.access

        try:
            return self._calls.begin(contact, rendezvous, reason, bind)
        except BaseException:
            rendezvous.stop()
            self.rest(key)
            raise
        finally:
            self._all.pop(key, None)


class ContactListener:
    """What the rendezvous with one contact tells and asks; a RendezvousListener."""

    def __init__(self, key: str, listening: Listening, maker: RendezvousMaker, book: Book, bindings: Bindings) -> None:
        self._key = key
        self._listening = listening
        self._maker = maker
        self._book = book
        self._bindings = bindings
        self._contact = book.contacts[key]

    def seat(self, room: bytes, place: int) -> Link:
        return self._maker.seat(self._contact, room, place)

    def taken(self, rendezvous: Rendezvous) -> bool:
        return self._bindings.holds_seat_of(rendezvous, self._key)

    def called(self) -> None:
        self._listening.called(self._key)

    def impersonated(self) -> None:
        self._listening.complain(self._key, ContactChanged())

    def troubled(self, error: WhisperdError) -> None:
        self._listening.complain(self._key, error)

    def present(self, here: bool) -> None:
        self._listening.present(self._key, here)
