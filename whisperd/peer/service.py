"""The peer role: every conversation of this daemon, and what the control socket may ask of them.

The methods that return dicts and lists are served one to one by ``control``: their values go into JSON as they are.
Texts of the other side come through unchanged and may hold control characters.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from twisted.internet.defer import DeferredList, ensureDeferred

from whisperd.errors import (
    ContactAbsent,
    ConversationEnded,
    ConversationUnknown,
    DaemonUnreachable,
    StoreFailed,
    StoreLocked,
    TooManyConversations,
    WhisperdError,
)
from whisperd.interfaces import Random
from whisperd.logs import unexpected
from whisperd.peer.commands import resolver
from whisperd.peer.commands.files import FileVerbs
from whisperd.peer.commands.invites import MeetingVerbs
from whisperd.peer.commands.resolver import Candidate, Known
from whisperd.peer.commands.timers import TimerVerbs
from whisperd.peer.contacts.bindings import check_verified
from whisperd.peer.contacts.contacts import Contacts
from whisperd.peer.conversation.conversation import Conversation
from whisperd.peer.conversation.driver import Driver, DriverListener, Steps
from whisperd.peer.conversation.origin import Bounds, Origin
from whisperd.peer.conversation.session import level_number
from whisperd.peer.conversation.states import ENDED
from whisperd.peer.effects import ContactMessageReceived
from whisperd.peer.files.downloads import Downloads
from whisperd.peer.handshake.handshake import Terms
from whisperd.peer.handshake.keys import InviteKeys
from whisperd.peer.handshake.negotiation import check_floor
from whisperd.peer.handshake.plugins import Plugins
from whisperd.peer.invites.spoken import Codes
from whisperd.peer.invites.used import UsedInvites
from whisperd.peer.links.routes import Host, Relays, choose
from whisperd.peer.persistence.ids import Given
from whisperd.peer.persistence.restore import returned, way_back
from whisperd.peer.persistence.write_ahead import WriteAhead
from whisperd.peer.records import ConversationSnapshot, Route
from whisperd.peer.wakeup import Awake
from whisperd.stopping import every
from whisperd.wire.invite import RelayAddress

#: Seconds for which a contact is called.
CALL_SECONDS = 3_600
#: Most conversations that others ended, or that failed, which are kept for the user to see.
MAX_ENDED = 64

Row = dict[str, Any]
Rows = list[Row]
_T = TypeVar("_T")


class PeerService(MeetingVerbs, FileVerbs, TimerVerbs):
    """The peer role of one daemon.

    ``settings`` has the keys of ``[peer]`` as attributes; ``registry`` is a ``negotiation.Plugins``; ``dialer`` has the
    ``connect`` of ``whisperd.tor.dial.dialer``; ``own_relay()`` returns (public url, local port) of this daemon's
    relay, or None; ``emit(name, **fields)`` takes events; ``new_identity(kinds, random)`` makes an IIdentity;
    ``store`` is an IStore; ``onions`` is the ``whisperd.tor.onion.per_conversation`` of this daemon's tor, None where
    there is none;
    ``keep`` has the keys of ``[store]``, where a durable store is to keep conversations; ids that another one of this
    process has ``given`` are not given again.
    """

    def __init__(self, settings: Any, *, registry: Plugins, reactor: Any, dialer: Any,
                 own_relay: Callable[[], tuple[str, int] | None], emit: Callable[..., Any],
                 new_identity: Callable[[Sequence[str], Random], Any], store: Any,
                 random: Random = os.urandom, onions: Any = None,
                 wall: Callable[[], float] | None = None, keep: Any = None,
                 given: Given | None = None) -> None:
        self._settings = settings
        self._registry = registry
        self._reactor = reactor
        self._wall = wall or reactor.seconds
        self._dialer = dialer
        self._own_relay = own_relay
        self._emit = emit
        self._new_identity = new_identity
        self._random = random
        self._used = UsedInvites(store)
        self._downloads = Downloads(settings.downloads, random, lasting=store.durable)
        if not store.durable:
            self._downloads.sweep()
        self._chats: dict[str, Driver] = {}
        self._rooms: dict[str, tuple[bytes, str]] = {}
        self._stopping = False
        self._relays = Relays(reactor, dialer, random, onions)
        self._awake = Awake(reactor, self._woke)
        self._codes = Codes(self, registry, self._relays, reactor=reactor, new_identity=new_identity, random=random,
                            wall=self._wall)
        self._keeping = WriteAhead(store, reactor=reactor, wall=self._wall, history=bool(keep and keep.history),
                                days=keep.history_days if keep else 1, emit=emit, given=given)
        self.contacts = Contacts(self, store, reactor=reactor, emit=emit, random=random, wall=self._wall)

    def resume(self) -> None:
        """Go on with the conversations that the store has kept, and listen for contacts that are listened for."""
        for found in self._keeping.read():
            kept, name = found.kept, found.name
            conversation = returned(found, self._registry, self._new_identity, self._random, self._bounds())
            hosts = way_back(kept, self._own_relay())
            link = self.links(hosts, kept.route, inviter=kept.conversation.inviter)
            if hosts:
                self.contacts.come_back(name, [host.named for host in hosts], kept)
            self._install(conversation, link, kept.label, kept, route=partial(getattr, kept, "route"),
                          confirmed=partial(self._remember, kept.route.room, kept.conversation.expires))
            self._chats[name].contacts.tell_again()
        self._go_on_with_files()
        self.contacts.start()

    def _told(self, name: str, told: ContactMessageReceived) -> Steps:
        return self._keeping.atomically(
            lambda: self.contacts.deciding(self.contacts.told, name, told.payload, told.verification), name)

    def _go_on_with_files(self) -> None:
        """Find the open files of all conversations, and remove what is partial and of none."""
        drivers = self._chats.values()
        self._downloads.sweep({name for driver in drivers for name in driver.files.partial()})
        for driver in drivers:
            driver.files.go_on()

    def reload(self, settings: Any) -> None:
        """Take other settings; they hold for conversations that are opened from now on."""
        self._settings = settings

    async def list(self) -> Rows:
        """Return one row for each conversation; those that were ended here are gone."""
        return [{**driver.row(), **self.contacts.facts(name), "require_verify": self._required(name)}
                for name, driver in self._chats.items()]

    def conversation(self, word: str) -> str:
        """Return the id of the conversation that ``word`` means, its id or its contact's name. Raises ConversationUnknown,
        ConversationEnded, ContactBlocked or UsageError."""
        found = resolver.conversation(word, self._known())
        self._find(found)
        return found

    async def find(self, chat: str = "", text: str = "", word: str = "") -> Row:
        """Return which conversation is meant: the one named, or the only one, as ``naming.only`` has it.

        Raises ConversationUnknown, ConversationEnded, ContactBlocked or UsageError."""
        found = self.conversation(chat) if chat else resolver.only(self._known(), text, word)
        return {"chat": found, "state": self._find(found).state, **self.contacts.facts(found)}

    async def send(self, chat: str, text: str) -> Row:
        """Accept a text for delivery.

        Raises ConversationUnknown, ConversationEnded, ConversationNotConnected, NotVerified, UsageError, MessageTooLarge, QueueFull or
        StoreFailed.
        """
        driver = self._find_verified(chat)
        self._keeping.check()
        message = driver.send(text)
        await self._keeping.settled(chat, "the message")
        return {"chat": chat, "id": message.id, "state": message.state}

    async def history(self, chat: str, after: int = 0) -> Rows:
        """Return what was said with a number above ``after``, as far as it is kept, and what of that is unread, which
        it stays. Raises ConversationUnknown."""
        driver = self._find(chat)
        kept = self._keeping.history(chat, after)
        rows = driver.history(after) if kept is None else kept
        unread = driver.unread
        return [{**row, "unread": row["id"] in unread} for row in rows]

    async def read(self, chat: str, id: int, after: int = 0) -> Row:
        """Somebody was shown what the other side said with a number above ``after`` and up to ``id``: a store need not
        keep it for them. Return how many messages are unread still.

        Raises ConversationUnknown, or StoreFailed as long as that cannot be written down: after a restart they are unread.
        """
        driver = self._find(chat)
        driver.seen(id, after + 1)
        self._keeping.check()
        await self._keeping.settled()
        return {"chat": chat, "unread": len(driver.unread)}

    async def verify(self, chat: str, confirm: bool = False, require: bool = False) -> Row:
        """Return the words and the number to compare. Raises ConversationUnknown, ConversationEnded or ConversationNotConnected.

        With ``confirm`` they were compared, which is kept for a contact; with ``require`` nothing is sent before.
        """
        driver = self._find(chat)

        def work() -> Row:
            if confirm:
                self._keeping.undo(driver.mark_verified())
            answer = driver.comparison()
            if confirm:
                self.contacts.verified(chat)
            if require:
                self.contacts.require(chat)
            return answer

        answer = self._keeping.atomically(work, chat) if confirm or require else driver.comparison()
        await self._keeping.settled(chat)
        return {**answer, **self.contacts.facts(chat), "require_verify": self._required(chat)}

    async def end(self, chat: str) -> Row:
        """End a conversation: tell the other side, 5 seconds at most, destroy the keys, forget what was said.

        One that the other side ended, or that failed, is forgotten. Raises ConversationUnknown, or ConversationEnded for one that is
        being ended already; StoreFailed while it cannot be removed from the store, which is tried again.
        """
        driver = self._find(chat)
        if driver.state != ENDED:
            driver.end()
            try:
                await self._keeping.unless_failing(driver.ended())
            except WhisperdError:
                driver.give_up()
        self._forget(chat)
        self._keeping.check_forgotten(chat)
        return {"chat": chat, "state": ENDED}

    def atomically(self, work: Callable[[], _T], *chats: str) -> _T:
        """Do ``work()`` and return what it returns: what it changes is kept then, together with these conversations, or
        has not happened. Raises StoreFailed."""
        return self._keeping.atomically(work, *chats)

    async def stop(self) -> None:
        """End every conversation that the store does not keep, and let the others sleep; wait until the other sides
        know and sockets and files are closed."""
        self._stopping = True
        drivers = list(self._chats.values())
        await every(
            self._awake.stop,
            self._codes.stop,
            self.contacts.stop,
            lambda: DeferredList([ensureDeferred(self._ended(driver)) for driver in drivers
                                  if not self._keeping.keeps(driver.name)]),
            self._keeping.stop,
            *(driver.suspend for driver in drivers),
            lambda: DeferredList([driver.closed for driver in drivers], consumeErrors=True),
            lambda: DeferredList([driver.files.quiet() for driver in drivers], consumeErrors=True),
            *(partial(self._forget, driver.name) for driver in drivers))

    async def _ended(self, driver: Driver) -> None:
        """End a conversation, and let nobody else's goodbye hang on what this raises."""
        try:
            with suppress(ConversationEnded):  # it has, or somebody else is at it
                driver.end()
            with suppress(StoreFailed):  # then it is ended as far as it can be
                await self._keeping.unless_failing(driver.ended())
        except Exception as error:
            unexpected(error)

    def _woke(self) -> None:
        for driver in list(self._chats.values()):
            driver.woke()
        self.contacts.woke()

    # -- for people and codes -------------------------------------------------------------------------------------

    def route(self, hosts: Sequence[Host], room: bytes, access: str, *, token: bytes = b"") -> Route:
        """Return the seats of a conversation, as ``Relays.route`` does."""
        return self._relays.route(hosts, room, access, token=token)

    def links(self, hosts: Sequence[Host], route: Route, *, inviter: bool, begun: Any = None) -> Any:
        """Return the links of a conversation, as ``Relays.links`` does, of the kinds that are configured."""
        return self._relays.links(hosts, route, kinds=self._settings.links, inviter=inviter, begun=begun)

    def driver(self, chat: str) -> Driver:
        """Return the driver of a conversation. Raises ConversationUnknown or ConversationEnded."""
        return self._find(chat)

    def seat(self, address: RelayAddress, access: str, room: bytes, token: bytes) -> Any:
        """Return a link to a room of a relay, on the seat of ``token``."""
        self._awake.start()
        host = choose(address.url, "", self._own_relay())[0]
        return self._relays.link(host, room, access, token=token)

    def begin_call(self, keys: InviteKeys, floor: int, line: Any, *, inviter: bool, verified: bool, reason: str,
                   binding: Callable[[str], None], route: Callable[[], Route]) -> str:
        """Start a conversation on a contact's line and return its name, which ``binding`` hears before it begins.

        ``route`` is asked once the two have met."""
        least = level_number(self._settings.floor)
        check_floor(self._registry, max(least, floor))
        terms = Terms(keys, floor, least, self._registry, self._new_identity, self._random)
        link = self._relays.begun(line, line.again, kinds=self._settings.links, inviter=inviter)
        return self.begin(terms, link, inviter=inviter, binding=binding, verified=verified, reason=reason,
                          lapse=ContactAbsent(), expires=self._wall() + CALL_SECONDS,
                          confirmed=self.contacts.confirmed, route=route, confirmed_only=True)

    def begin(self, terms: Terms, link: Any, *, inviter: bool, expires: float, label: bytes = b"",
              confirmed: Callable[[str, bytes], None] = lambda name, verification: None, binding: Callable[[str], None],
              verified: bool = False, reason: str = "", lapse: WhisperdError | None = None, route: Callable[[], Route],
              confirmed_only: bool = False) -> str:
        """Start a conversation on ``link``; ``label`` is what it must not be joined by a second time.

        A durable store keeps it, or, with ``confirmed_only``, does so once its key is confirmed; ``route`` is what
        leads back to it. Raises StoreFailed."""
        origin = Origin(inviter, expires, reason, verified, lapse)
        conversation = Conversation(self._keeping.new_id(), terms, origin, self._bounds())
        binding(conversation.name)
        return self._install(conversation, link, label, None, confirmed=confirmed, route=route,
                             confirmed_only=confirmed_only)

    def _bounds(self) -> Bounds:
        return Bounds(self._settings.max_queue, self._settings.max_file, self._settings.max_files)

    def _install(self, conversation: Conversation, link: Any, label: bytes, kept: ConversationSnapshot | None, *,
                 confirmed: Callable[[str, bytes], None], route: Callable[[], Route],
                 confirmed_only: bool = False) -> str:
        """Drive a conversation that begins, or one that was ``kept``."""
        self._awake.start()
        name = conversation.name
        age, contacts = self._wall() - kept.created if kept else 0.0, self.contacts
        listener = DriverListener(
            self._emit, connected=lambda: contacts.connected(name),
            confirmed=lambda verification: contacts.deciding(confirmed, name, verification),
            settled=lambda: contacts.deciding(contacts.settled, name),
            contact_message=lambda told: self._told(name, told),
            contact_acknowledged=lambda: contacts.deciding(contacts.heard, name))
        driver = Driver(conversation, link, self._reactor, listener, self._downloads,
                        self._keeping if self._keeping.durable else None)
        self._keeping.keep(conversation, route, label, kept, driver.release,
                           facts=partial(self.contacts.kept, name), confirmed_only=confirmed_only,
                           decide=driver.decide)
        self._chats[name] = driver
        if conversation.state == ENDED:  # only its history was kept
            driver.rest(age)
            return name
        self._rooms[name] = (label, conversation.role)
        driver.ended().addCallback(lambda _: self._has_ended(name))
        driver.start(age)
        if driver.error is not None and kept is None:  # the dialler refuses this address for ever
            self._forget(name)
            raise driver.error
        return name

    def _has_ended(self, name: str) -> None:
        self._rooms.pop(name, None)
        self.contacts.ended(name)
        ended = [chat for chat, driver in self._chats.items() if driver.state == ENDED]
        for chat in ended[:-MAX_ENDED]:
            self._forget(chat)

    def _forget(self, name: str) -> None:
        driver = self._chats.get(name)
        if driver is not None:
            driver.forget()
        self._keeping.forget(name, lambda: self._gone(name))

    def _gone(self, name: str) -> None:
        """Nothing is kept of a conversation any more: it does what it held, and is there no longer."""
        driver = self._chats.get(name)
        if driver is not None:
            driver.let_go()
        self._chats.pop(name, None)
        self.contacts.forget(name)

    def _find(self, name: str) -> Driver:
        driver = self._chats.get(name)
        if driver is not None:
            return driver
        raise ConversationEnded if self._keeping.ids.was_given(name) else ConversationUnknown

    def _find_verified(self, name: str) -> Driver:
        driver = self._find(name)
        if driver.state != ENDED:
            check_verified(driver, self._required(name))
        return driver

    def _required(self, name: str) -> bool:
        return bool(self._settings.require_verify) or self.contacts.required(name)

    def _known(self) -> Known:
        return Known([Candidate(name, driver.state, self.contacts.key_of(name))
                      for name, driver in self._chats.items()], self.contacts.named())

    def check_room_for_one_more(self) -> None:
        """Raise TooManyConversations when there are as many conversations as may be.

        Once this role stops no conversation begins any more: StoreLocked or DaemonUnreachable."""
        if self._stopping:
            raise StoreLocked if self._keeping.durable else DaemonUnreachable("the daemon stops")
        living = sum(driver.state != ENDED for driver in self._chats.values())
        if living >= self._settings.max_chats:
            raise TooManyConversations
