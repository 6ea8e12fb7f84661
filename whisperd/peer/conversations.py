"""Every conversation of this daemon, by its id: begun, gone on with after a restart, found, ended and forgotten."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from twisted.internet.defer import DeferredList, ensureDeferred

from whisperd.config import PeerSection
from whisperd.errors import (
    ConversationEnded,
    ConversationUnknown,
    DaemonUnreachable,
    StoreFailed,
    StoreLocked,
    TooManyConversations,
    UsageError,
    WhisperdError,
)
from whisperd.logs import unexpected
from whisperd.peer.conversation.beginning import Beginning
from whisperd.peer.conversation.conversation import Conversation
from whisperd.peer.conversation.driver import Driver, DriverListener, Steps
from whisperd.peer.conversation.origin import Bounds
from whisperd.peer.conversation.states import ENDED, HANDSHAKE, WAITING
from whisperd.peer.effects import ContactMessageReceived
from whisperd.peer.files.disk import Threads
from whisperd.peer.files.downloads import Downloads
from whisperd.peer.links.link import ConversationLink
from whisperd.peer.persistence.entries import Entry
from whisperd.peer.persistence.ids import Ids
from whisperd.peer.persistence.restore import Found
from whisperd.peer.persistence.write_ahead import WriteAhead, not_begun
from whisperd.peer.records import BindingRecord
from whisperd.stopping import every


class Companion(Protocol):
    """What hears of every conversation; ``peer.contacts`` has the shape.

    What returns Steps writes, as a part of a transaction, what follows, and returns what is to be done once that is
    committed."""

    def connected(self, chat: str) -> None:
        """The other side is there, again or for the first time."""

    def confirmed(self, chat: str, verification: bytes) -> Steps:
        """The key is confirmed."""

    def settled(self, chat: str) -> Steps:
        """The other side was heard for the first time."""

    def told(self, chat: str, payload: bytes, verification: bytes) -> Steps:
        """The other side said something about contacts."""

    def acknowledged(self, chat: str) -> Steps:
        """The other side has all that was said about contacts."""

    def ended(self, chat: str) -> None:
        """A conversation is over."""

    def forget(self, chat: str) -> None:
        """There is no such conversation any more."""

    def record(self, chat: str) -> BindingRecord:
        """Return what a store is to have of a conversation's contact."""


@dataclass(frozen=True)
class Edges:
    """What every conversation does its work with: ``reactor`` is Twisted's, ``wall()`` the unix time in seconds,
    ``emit(name, **fields)`` takes events, and ``downloads`` the files that come in."""

    reactor: Threads
    wall: Callable[[], float]
    emit: Callable[..., object]
    downloads: Downloads


class Conversations:
    """The conversations, persisted by ``write_ahead`` under new ids of ``ids``; ``settings()`` is the configuration in
    force. Of those that others ended, or that failed, ``max_ended`` stay for the user to see. The progress of a
    file is reported every ``progress_interval`` seconds."""

    def __init__(self, settings: Callable[[], PeerSection], write_ahead: WriteAhead, ids: Ids, edges: Edges,
                 max_ended: int, progress_interval: float) -> None:
        self._settings = settings
        self._write_ahead = write_ahead
        self._ids = ids
        self._edges = edges
        self._max_ended = max_ended
        self._progress_interval = progress_interval
        self._drivers: dict[str, Driver] = {}
        #: Label and role of those that have not ended.
        self._labels: dict[str, tuple[bytes, str]] = {}
        self._companion: Companion | None = None
        self._stopping = False

    def attach(self, companion: Companion) -> None:
        """Have ``companion`` hear of every conversation; to be called once, before there is any."""
        self._companion = companion

    # -- found ----------------------------------------------------------------------------------------------------

    def driver(self, chat: str) -> Driver:
        """Return the driver of a conversation. Raises ConversationUnknown or ConversationEnded."""
        driver = self._drivers.get(chat)
        if driver is not None:
            return driver
        raise ConversationEnded if self._ids.was_given(chat) else ConversationUnknown

    def all(self) -> list[Driver]:
        """Return the drivers of all conversations, the oldest first."""
        return list(self._drivers.values())

    def joins(self, label: bytes) -> bool:
        """Return whether a conversation is being joined that must not be joined twice."""
        return any(known == (label, "joiner") and self._drivers[chat].state != ENDED
                   for chat, known in self._labels.items())

    def refuse_own(self, label: bytes) -> None:
        """Raise UsageError when it is an invite of this side's own, which waits for the other person."""
        for chat, known in self._labels.items():
            if known == (label, "inviter") and self._drivers[chat].state in (WAITING, HANDSHAKE):
                raise UsageError(f"this is your own invite, for conversation {chat}; it has not been used",
                                 remedy="Give it to the person you want to talk to; they join with it.")

    def check_room_for_one_more(self) -> None:
        """Raise TooManyConversations when there are as many conversations as may be.

        Once this role stops no conversation begins any more: StoreLocked or DaemonUnreachable."""
        if self._stopping:
            raise StoreLocked if self._write_ahead.durable else DaemonUnreachable("the daemon stops")
        living = sum(driver.state != ENDED for driver in self._drivers.values())
        if living >= self._settings().max_chats:
            raise TooManyConversations

    # -- begun ----------------------------------------------------------------------------------------------------

    def bounds(self) -> Bounds:
        """Return how much a conversation that begins now may hold."""
        settings = self._settings()
        return Bounds(settings.max_queue, settings.max_file, settings.max_files, self._progress_interval)

    def begin(self, beginning: Beginning) -> str:
        """Start a conversation and return its id. Raises StoreFailed, and why its link can never be made."""
        conversation = Conversation(self._write_ahead.new_id(), beginning.terms, beginning.origin, self.bounds())
        beginning.binding(conversation.name)
        driver = self._driver(conversation, beginning.link, beginning.confirmed)
        self._write_ahead.persist(Entry(
            conversation, beginning.route, self._record(conversation.name), driver.release, self._edges.wall(),
            beginning.label, beginning.confirmed_only, driver.decide))
        self._start(conversation, driver, beginning.label, 0.0)
        if driver.error is not None:  # the dialler refuses this address for ever
            self.forget(driver.name)
            raise driver.error
        return driver.name

    def resume(self, found: Found, conversation: Conversation, link: ConversationLink,
               confirmed: Callable[[str, bytes], None]) -> None:
        """Go on with a conversation that the store has, or show that it has ended."""
        snapshot = found.snapshot
        driver = self._driver(conversation, link, confirmed)
        entry = Entry(conversation, lambda: snapshot.route, self._record(found.name), driver.release,
                      snapshot.created, snapshot.label, decide=driver.decide)
        entry.note(found.noted)
        self._write_ahead.persist(entry)
        age = self._edges.wall() - snapshot.created
        if conversation.state == ENDED:  # only its history was stored
            self._drivers[found.name] = driver
            driver.rest(age)
        else:
            self._start(conversation, driver, snapshot.label, age)
        driver.contacts.tell_again()

    def go_on_with_files(self) -> None:
        """Find the open files of all conversations, and remove what is partial and of none."""
        drivers = self.all()
        self._edges.downloads.sweep({name for driver in drivers for name in driver.files.partial()})
        for driver in drivers:
            driver.files.go_on()

    async def begun(self, chat: str) -> None:
        """Wait until a conversation that begins is on the disk; one that cannot be written has not begun.

        Raises StoreFailed."""
        try:
            await self._write_ahead.settled(chat)
        except StoreFailed as error:
            self._write_ahead.drop(chat)
            self._drivers.pop(chat).drop()
            raise not_begun(error) from None

    def woke(self) -> None:
        """This machine has slept."""
        for driver in self.all():
            driver.woke()

    # -- ended ----------------------------------------------------------------------------------------------------

    async def end(self, chat: str) -> None:
        """End a conversation: tell the other side, 5 seconds at most, destroy the keys, forget what was said.

        One that the other side ended, or that failed, is forgotten. Raises ConversationUnknown, or ConversationEnded
        for one that is being ended already; StoreFailed while it cannot be removed from the store, which is tried
        again.
        """
        driver = self.driver(chat)
        if driver.state != ENDED:
            driver.end()
            try:
                await self._write_ahead.unless_failing(driver.ended())
            except WhisperdError:
                driver.give_up()
        self.forget(chat)
        self._write_ahead.check_forgotten(chat)

    def forget(self, chat: str) -> None:
        """Forget a conversation that has ended: it is there no longer once the store has nothing of it."""
        driver = self._drivers.get(chat)
        if driver is not None:
            driver.forget()
        self._write_ahead.forget(chat, lambda: self._gone(chat))

    def stopping(self) -> None:
        """Let no conversation begin any more."""
        self._stopping = True

    async def end_all(self) -> None:
        """End every conversation that does not go on after a restart."""
        await DeferredList([ensureDeferred(self._end_at_last(driver)) for driver in self.all()
                            if not self._write_ahead.persists(driver.name)])

    async def close(self) -> None:
        """Let the others sleep, and wait until their sockets and files are closed; nothing is persisted any more."""
        drivers = self.all()
        await every(
            *(driver.suspend for driver in drivers),
            lambda: DeferredList([driver.closed for driver in drivers], consumeErrors=True),
            lambda: DeferredList([driver.files.quiet() for driver in drivers], consumeErrors=True),
            *(partial(self.forget, driver.name) for driver in drivers))

    # -- inside ---------------------------------------------------------------------------------------------------

    @property
    def _heard_by(self) -> Companion:
        assert self._companion is not None, "attach() comes first"
        return self._companion

    def _driver(self, conversation: Conversation, link: ConversationLink,
                confirmed: Callable[[str, bytes], None]) -> Driver:
        chat, companion = conversation.name, self._heard_by

        def on_confirmed(verification: bytes) -> Steps:
            confirmed(chat, verification)
            return companion.confirmed(chat, verification)

        listener = DriverListener(
            self._edges.emit, connected=lambda: companion.connected(chat), confirmed=on_confirmed,
            settled=lambda: companion.settled(chat), contact_message=partial(self._told, chat),
            contact_acknowledged=lambda: companion.acknowledged(chat))
        return Driver(conversation, link, self._edges.reactor, listener, self._edges.downloads,
                      self._write_ahead if self._write_ahead.durable else None)

    def _told(self, chat: str, told: ContactMessageReceived) -> Steps:
        companion = self._heard_by
        return self._write_ahead.atomically(lambda: companion.told(chat, told.payload, told.verification), chat)

    def _record(self, chat: str) -> Callable[[], BindingRecord]:
        return lambda: self._heard_by.record(chat)

    def _start(self, conversation: Conversation, driver: Driver, label: bytes, age: float) -> None:
        self._drivers[driver.name] = driver
        self._labels[driver.name] = (label, conversation.role)
        driver.ended().addCallback(lambda _: self._has_ended(driver.name))
        driver.start(age)

    def _has_ended(self, chat: str) -> None:
        self._labels.pop(chat, None)
        self._heard_by.ended(chat)
        ended = [driver.name for driver in self._drivers.values() if driver.state == ENDED]
        for other in ended[:-self._max_ended]:
            self.forget(other)

    def _gone(self, chat: str) -> None:
        """The store has nothing of a conversation any more: it does what it held, and is there no longer."""
        driver = self._drivers.get(chat)
        if driver is not None:
            driver.let_go()
        self._drivers.pop(chat, None)
        self._heard_by.forget(chat)

    async def _end_at_last(self, driver: Driver) -> None:
        """End a conversation, and let nobody else's goodbye hang on what this raises."""
        try:
            with suppress(ConversationEnded):  # it has, or somebody else is at it
                driver.end()
            with suppress(StoreFailed):  # then it is ended as far as it can be
                await self._write_ahead.unless_failing(driver.ended())
        except Exception as error:
            unexpected(error)
