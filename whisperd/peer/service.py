"""The peer role: builds what holds, persists and serves the conversations of this daemon.

``commands`` has what the control socket may ask: its methods are served one to one by ``control``, and the dicts and
lists that they return go into JSON as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from whisperd.config import PeerSection
from whisperd.interfaces import IDialer, IDirectOnions, Store
from whisperd.peer.commands.chats import ChatCommands
from whisperd.peer.commands.contacts import ContactCommands
from whisperd.peer.commands.files import FileCommands
from whisperd.peer.commands.invites import InviteCommands, LinkInvites
from whisperd.peer.commands.messages import MessageCommands
from whisperd.peer.commands.timers import TimerCommands
from whisperd.peer.commands.verification import Verification
from whisperd.peer.contacts.bindings import Bindings
from whisperd.peer.contacts.book import Book
from whisperd.peer.contacts.calls import Calls, RendezvousMaker
from whisperd.peer.contacts.companion import Contacts
from whisperd.peer.contacts.contact_conversations import ContactConversations
from whisperd.peer.contacts.decisions import Decisions
from whisperd.peer.contacts.exchange import ContactExchange
from whisperd.peer.contacts.listening import Listening, Rests
from whisperd.peer.contacts.rendezvous import RendezvousTiming
from whisperd.peer.conversations import Conversations, Edges
from whisperd.peer.files.disk import Threads
from whisperd.peer.files.downloads import Downloads
from whisperd.peer.files.transfer import PROGRESS_INTERVAL
from whisperd.peer.handshake.suites import Suites
from whisperd.peer.invites.spoken import SpokenInvites, SpokenTuning
from whisperd.peer.invites.used import UsedInvites
from whisperd.peer.links.configured import ConfiguredRelays
from whisperd.peer.links.context import LinkContext, LinkReactor, LinkTiming
from whisperd.peer.links.routes import Relays
from whisperd.peer.persistence.clocks import Clocks
from whisperd.peer.persistence.entries import Retention, Writing
from whisperd.peer.persistence.ids import Given, Ids
from whisperd.peer.persistence.restore import Reading, restored
from whisperd.peer.persistence.write_ahead import StoreTiming, WriteAhead
from whisperd.stopping import every
from whisperd.timers import SleepDetector


class PeerReactor(LinkReactor, Threads, Protocol):
    """A reactor that tells time, listens on this machine, and has threads for what may block."""


@dataclass(frozen=True)
class Network:
    """How others are reached: ``own_relay()`` returns (public url, local port) of this daemon's relay, or None;
    ``onions`` has the onion services of single conversations, None where there is no tor."""

    dialer: IDialer
    own_relay: Callable[[], tuple[str, int] | None]
    onions: IDirectOnions | None = None


@dataclass(frozen=True)
class Storage:
    """What outlives conversations: the store, what it has of texts, and the ids that were given in this process by
    others before, which are not given again."""

    store: Store
    retention: Retention = field(default_factory=Retention)
    given: Given = field(default_factory=Given)


@dataclass(frozen=True)
class Surroundings:
    """What the process gives the peer role: Twisted's ``reactor``, ``wall()``, the unix time in seconds, and
    ``emit(name, **fields)``, which takes events."""

    reactor: PeerReactor
    wall: Callable[[], float]
    emit: Callable[..., object]


@dataclass(frozen=True)
class Tuning:
    """Times and numbers that have no key in the configuration."""

    #: Seconds after which a contact is listened for again whose call has failed.
    rest: float = 30.0
    rendezvous: RendezvousTiming = field(default_factory=RendezvousTiming)
    store: StoreTiming = field(default_factory=StoreTiming)
    links: LinkTiming = field(default_factory=LinkTiming)
    codes: SpokenTuning = field(default_factory=SpokenTuning)
    #: Minimum seconds between two reports of one file's progress.
    progress: float = PROGRESS_INTERVAL
    #: Conversations that others ended, or that failed, which stay for the user to see.
    max_ended: int = 64


class PeerService:
    """The peer role of one daemon. What the control socket may ask of it are the commands in its public attributes."""

    def __init__(self, settings: PeerSection, suites: Suites, network: Network, storage: Storage,
                 surroundings: Surroundings, tuning: Tuning | None = None) -> None:
        tuning = tuning or Tuning()
        store, reactor, wall, emit = storage.store, surroundings.reactor, surroundings.wall, surroundings.emit
        random = suites.random
        self._settings = settings
        self._suites = suites
        self._sleep_detector = SleepDetector(reactor, self._woke)
        self._downloads = Downloads(settings.downloads, random, durable=store.durable)
        if not store.durable:
            self._downloads.sweep()

        clocks = Clocks(reactor, wall)
        ids = Ids(store, storage.given)
        writing = Writing(store, ids, clocks, storage.retention)
        self._reading = Reading(store, ids, writing, clocks)
        self._write_ahead = WriteAhead(store, ids, writing, clocks, emit, tuning.store)
        context = LinkContext(reactor, network.dialer, random, tuning.links)
        self._relays = ConfiguredRelays(Relays(context, network.onions), self._in_force, network.own_relay,
                                        self._sleep_detector.start)
        #: Every conversation, by its id.
        self.conversations = Conversations(
            self._in_force, self._write_ahead, ids, Edges(reactor, wall, emit, self._downloads), tuning.max_ended,
            tuning.progress)

        self._book = Book(store, random)
        decisions = Decisions(self._write_ahead, emit)
        self._bindings = Bindings(self._book, decisions)
        contact_conversations = ContactConversations(self.conversations, self._book, self._bindings, wall)
        calls = Calls(self.conversations, contact_conversations, suites, self._relays, self._in_force, wall)
        maker = RendezvousMaker(self._relays, reactor, random, wall, tuning.rendezvous)
        listening = Listening(calls, maker, self._book, self._bindings, decisions, Rests(reactor, tuning.rest))
        exchange = ContactExchange(self.conversations, self._book, self._bindings, decisions, listening, random)
        self._contacts = Contacts(self._book, self._bindings, decisions, exchange, listening, contact_conversations)
        self.conversations.attach(self._contacts)

        self._codes = SpokenInvites(self.conversations, suites, self._relays, reactor, wall,
                                    tuning.codes)
        self._links = LinkInvites(self.conversations, suites, self._relays, UsedInvites(store), self._bindings, wall)
        verification = Verification(self.conversations, self._bindings, self._in_force)
        self.invites = InviteCommands(self.conversations, self._links, self._codes, self._relays, self._bindings,
                                      self._in_force)
        self.chats = ChatCommands(self.conversations, self._bindings, verification, self._write_ahead)
        self.messages = MessageCommands(self.conversations, verification, self._write_ahead)
        self.files = FileCommands(self.conversations, verification, self._write_ahead)
        self.timers = TimerCommands(self.conversations, self._write_ahead)
        self.contacts = ContactCommands(self._book, self._bindings, decisions, exchange, listening,
                                        contact_conversations)

    def resume(self) -> None:
        """Go on with the conversations that the store has, and listen for contacts that are listened for."""
        for found in self._reading.read():
            snapshot = found.snapshot
            conversation = restored(found, self._suites, self.conversations.bounds())
            if snapshot.conversation.ended:
                snapshot.route.relays = []
            hosts = self._relays.named([relay.url for relay in snapshot.route.relays])
            link = self._relays.links(hosts, snapshot.route, inviter=snapshot.conversation.inviter)
            if hosts:
                self._bindings.restore(found.name, [host.named for host in hosts], snapshot)
            self.conversations.resume(found, conversation, link, partial(
                self._links.remember, snapshot.route.room, snapshot.conversation.expires))
        self._write_ahead.start()
        self.conversations.go_on_with_files()
        self._contacts.start()

    def reload(self, settings: PeerSection) -> None:
        """Take other settings; they hold for conversations that are opened from now on."""
        self._settings = settings

    async def stop(self) -> None:
        """End every conversation that the store does not have, and let the others sleep; wait until the other sides
        know and sockets and files are closed."""
        self.conversations.stopping()
        await every(self._sleep_detector.stop, self._codes.stop, self._contacts.stop, self.conversations.end_all,
                    self._write_ahead.stop, self.conversations.close)

    def _in_force(self) -> PeerSection:
        return self._settings

    def _woke(self) -> None:
        self.conversations.woke()
        self._contacts.woke()
