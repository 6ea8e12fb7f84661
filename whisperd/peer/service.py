"""The peer role: every conversation of this daemon, and what the control socket may ask of them.

The methods that return dicts and lists are served one to one by ``control``: their values go into JSON as they are.
Texts of the other side come through unchanged and may hold control characters.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from twisted.internet.defer import DeferredList

from whisperd.errors import ChatEnded, ChatUnknown, InviteUsed, TooManyChats, UsageError
from whisperd.interfaces import Level, Random
from whisperd.peer import filing
from whisperd.peer.agreement import level_number, level_word
from whisperd.peer.codes import CodePlugins, claimed
from whisperd.peer.conversation import Conversation
from whisperd.peer.downloads import Downloads, Source
from whisperd.peer.driver import Driver
from whisperd.peer.handshake import Terms
from whisperd.peer.invitations import UsedInvites
from whisperd.peer.links.awake import Awake
from whisperd.peer.negotiation import Plugins, check_floor
from whisperd.peer.phases import ENDED
from whisperd.peer.relays import Host, Relays, check_access, choose
from whisperd.peer.secrets import InviteKeys
from whisperd.wire import invite as invites
from whisperd.wire import spoken
from whisperd.wire.invite import Invite
from whisperd.wire.spoken import SpokenCode

#: Bounds of an invite's life, in seconds.
LEAST_EXPIRY, MOST_EXPIRY = 60, 604_800
#: Most conversations that others ended, or that failed, which are kept for the user to see.
MOST_ENDED = 64

Row = dict[str, Any]
Rows = list[Row]


class PeerService:
    """The peer role of one daemon.

    ``settings`` has the keys of ``[peer]`` as attributes; ``registry`` is a ``negotiation.Plugins``; ``dialer`` has the
    ``connect`` of ``whisperd.tor.dial``; ``own_relay()`` returns (public url, local port) of this daemon's relay, or
    None; ``emit(name, **fields)`` takes events; ``new_identity(kinds, random)`` makes an IIdentity; ``store`` is an
    IStore; ``onions`` is the ``whisperd.tor.direct`` of this daemon's tor, None where there is none.
    """

    def __init__(self, settings: Any, *, registry: Plugins, reactor: Any, dialer: Any,
                 own_relay: Callable[[], tuple[str, int] | None], emit: Callable[..., None],
                 new_identity: Callable[[Sequence[str], Random], Any], store: Any,
                 random: Random = os.urandom, onions: Any = None,
                 wall: Callable[[], float] | None = None) -> None:
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
        self._downloads = Downloads(settings.downloads, random)
        self._downloads.sweep()
        self._chats: dict[str, Driver] = {}
        self._rooms: dict[str, tuple[bytes, str]] = {}
        self._last = 0
        self._relays = Relays(reactor, dialer, random, onions)
        self._awake = Awake(reactor, self._woke)

    def resume(self) -> None:
        """Go on with the conversations that the store has kept."""

    def reload(self, settings: Any) -> None:
        """Take other settings; they hold for conversations that are opened from now on."""
        self._settings = settings

    async def invite(self, relay: str | Sequence[str] = "", expiry: int = 0, floor: str = "", access: str = "",
                     code: bool = False) -> Row:
        """Open a conversation and return its name, its link, and when that expires, in unix seconds.

        ``relay`` names one or several, the first one first. ``access`` is the access code of the first one, where it
        wants one; the link does not hold it. With ``code`` there is a spoken code instead of a link, which is returned
        once the first relay gave a seat; the others play no part then.

        Raises NoRelay, UsageError, FloorNotMet, TooManyChats or DialRefused; with ``code`` PluginUnknown, and what
        ``codes.claimed`` raises.
        """
        check_access(access)
        hosts = choose(relay, self._settings.relay, self._own_relay())
        seconds = expiry or self._settings.invite_expiry
        if not LEAST_EXPIRY <= seconds <= MOST_EXPIRY:
            raise UsageError(f"an invite lives {LEAST_EXPIRY} to {MOST_EXPIRY} seconds")
        if code:
            return await self._invite_by_code(hosts[0], self._floor(floor), seconds, access)
        level = self._floor(floor)
        check_floor(self._registry, level)
        self._check_room_for_one_more()
        first, *others = (host.named for host in hosts)
        made = Invite(first, level, int(self._wall()) + seconds, self._random(invites.SECRET_SIZE),
                      tuple(others))
        name = self._open(made, hosts, InviteKeys.derive(made.secret), floor=level, inviter=True, access=access)
        return {"chat": name, "link": made.link(), "expires_at": made.expires}

    async def join(self, link: str = "", access: str = "", code: str = "", relay: str = "") -> Row:
        """Join the conversation that ``link`` invites to; it connects in the background. ``access`` as for ``invite``.

        A spoken ``code`` takes the place of the link; the relay is then named as for ``invite``.

        Raises, before any connection is made, the errors of ``wire.invite.parse`` or ``wire.spoken.parse``, InviteUsed,
        FloorNotMet, TooManyChats, DialRefused, UsageError, NoRelay or PluginUnknown.
        """
        check_access(access)
        if bool(link) == bool(code) or (relay and not code):
            raise UsageError("a conversation is joined by its link, or by its code and, where needed, a relay")
        if code:
            return self._join_by_code(spoken.parse(code), choose(relay, self._settings.relay, self._own_relay())[0],
                                      access)
        now = self._wall()
        made = invites.parse(link, now)
        keys = InviteKeys.derive(made.secret)
        self._used.check(keys.room, now)
        if self._joins(keys.room):
            raise InviteUsed("this invite link is being joined already")
        floor = level_number(self._settings.floor)
        check_floor(self._registry, max(floor, made.floor))
        self._check_room_for_one_more()
        name = self._open(made, list(map(Host.of, made.relays)), keys, floor=floor, inviter=False, access=access)
        return {"chat": name, "state": self._chats[name].conversation.state}

    async def list(self) -> Rows:
        """Return one row for each conversation; those that were ended here are gone."""
        now = self._reactor.seconds()
        return [{**driver.conversation.row(), "link": driver.link_name, "direct": driver.direct,
                 "created_age": round(now - driver.created)}
                for driver in self._chats.values()]

    async def send(self, chat: str, text: str) -> Row:
        """Accept a text for delivery. ChatUnknown, ChatEnded, ChatNotConnected, UsageError, MessageTooLarge, QueueFull.
        """
        driver = self._find(chat)
        message, effects = driver.conversation.send(text, self._reactor.seconds())
        driver.carry_out(effects)
        return {"chat": chat, "id": message.id, "state": message.state}

    async def history(self, chat: str, after: int = 0) -> Rows:
        """Return what was said with a number above ``after``, as far as memory holds it. Raises ChatUnknown."""
        return self._find(chat).conversation.history(after)

    async def verify(self, chat: str, confirm: bool = False) -> Row:
        """Return the words and the number to compare. Raises ChatUnknown, ChatEnded or ChatNotConnected."""
        return self._find(chat).conversation.verify(confirm)

    async def end(self, chat: str) -> Row:
        """End a conversation: tell the other side, 5 seconds at most, destroy the keys, forget what was said.

        One that the other side ended, or that failed, is forgotten. Raises ChatUnknown, or ChatEnded for one that is
        being ended already.
        """
        driver = self._find(chat)
        if driver.conversation.state != ENDED:
            driver.carry_out(driver.conversation.end(self._reactor.seconds()))
            await driver.ended()
        self._forget(chat)
        return {"chat": chat, "state": ENDED}

    async def send_file(self, chat: str, name: str, file: int) -> Row:
        """Offer the file that the descriptor ``file`` has open, under ``name``; the descriptor stays the caller's.

        Raises ChatUnknown, and what ``filing.send_file`` raises.
        """
        source = Source(file)
        try:
            return await filing.send_file(self._find(chat), name, source)
        except BaseException:
            source.close()
            raise

    async def accept(self, chat: str, file: str) -> Row:
        """Accept a file; it is written into the folder of peer.downloads. ChatUnknown, and as ``filing.accept``."""
        return await filing.accept(self._find(chat), file)

    async def refuse(self, chat: str, file: str) -> Row:
        """Refuse a file that was offered. Raises ChatUnknown, and what ``filing.refuse`` raises."""
        return filing.refuse(self._find(chat), file)

    async def cancel(self, chat: str, id: str) -> Row:
        """Give up a file, or take back a queued message. Raises ChatUnknown, and what ``filing.cancel`` raises."""
        return filing.cancel(self._find(chat), id)

    async def files(self, chat: str = "") -> Rows:
        """Return a row for each file of one conversation, or of all. Raises ChatUnknown."""
        drivers = [self._find(chat)] if chat else self._chats.values()
        return [row for driver in drivers for row in driver.conversation.files()]

    async def stop(self) -> None:
        """End every conversation, and wait until the other sides know and sockets and files are closed."""
        self._awake.stop()
        drivers = list(self._chats.values())
        await DeferredList([self._ended(driver) for driver in drivers], consumeErrors=True)
        await DeferredList([driver.closed for driver in drivers], consumeErrors=True)
        await DeferredList([driver.desk.quiet() for driver in drivers])
        for name in list(self._chats):
            self._forget(name)

    def _ended(self, driver: Driver) -> Any:
        with suppress(ChatEnded):  # it has, or somebody else is at it
            driver.carry_out(driver.conversation.end(self._reactor.seconds()))
        return driver.ended()

    async def _invite_by_code(self, host: Host, floor: int, seconds: int, access: str) -> Row:
        check_floor(CodePlugins(self._registry, SpokenCode.make(1, bytes(5))), floor)  # as with any other code
        self._check_room_for_one_more()

        def make_link(code: SpokenCode, done: Callable[[], None]) -> Any:
            return self._relays.link(host, InviteKeys.of_nameplate(code.nameplate).room, access, claimed=done)

        code, claim = await claimed(self._random, self._reactor, make_link)
        expires = int(self._wall()) + seconds
        try:
            self._check_room_for_one_more()
            terms = self._code_terms(code, floor)
            link = self._relays.links([host], terms.keys.room, access, kinds=self._settings.links, inviter=True,
                                      begun=claim)
            name = self._begin(terms, link, inviter=True, expires=expires)
        except BaseException:
            claim.stop()
            raise
        return {"chat": name, "code": str(code), "relay": host.named.url, "expires_at": expires}

    def _join_by_code(self, code: SpokenCode, host: Host, access: str) -> Row:
        terms = self._code_terms(code, level_number(self._settings.floor))
        check_floor(terms.plugins, terms.floor)
        label = str(host.named).encode() + terms.keys.room
        if self._joins(label):
            raise InviteUsed("this code is being joined already")
        self._check_room_for_one_more()
        link = self._relays.links([host], terms.keys.room, access, kinds=self._settings.links, inviter=False)
        name = self._begin(terms, link, inviter=False, label=label,
                           expires=int(self._wall()) + self._settings.invite_expiry)
        return {"chat": name, "state": self._chats[name].conversation.state}

    def _code_terms(self, code: SpokenCode, floor: int) -> Terms:
        return Terms(InviteKeys.of_nameplate(code.nameplate), Level.STANDARD, floor,
                     CodePlugins(self._registry, code), self._new_identity, self._random)

    def _open(self, made: Invite, hosts: Sequence[Host], keys: InviteKeys, *, floor: int, inviter: bool,
              access: str) -> str:
        terms = Terms(keys, made.floor, floor, self._registry, self._new_identity, self._random)
        link = self._relays.links(hosts, keys.room, access, kinds=self._settings.links, inviter=inviter)
        return self._begin(terms, link, inviter=inviter, expires=made.expires, label=keys.room,
                           confirmed=lambda: self._used.remember(keys.room, made.expires))

    def _woke(self) -> None:
        for driver in list(self._chats.values()):
            driver.woke()

    def _begin(self, terms: Terms, link: Any, *, inviter: bool, expires: float, label: bytes = b"",
               confirmed: Callable[[], None] = lambda: None) -> str:
        """Start a conversation on ``link``; ``label`` is what it must not be joined by a second time."""
        self._awake.start()
        self._last += 1
        name = f"c{self._last}"
        conversation = Conversation(name, terms, inviter=inviter, expires=expires,
                                    max_queue=self._settings.max_queue, max_file=self._settings.max_file,
                                    max_files=self._settings.max_files)
        driver = Driver(conversation, link, reactor=self._reactor, emit=self._emit, confirmed=confirmed,
                        downloads=self._downloads)
        self._chats[name] = driver
        self._rooms[name] = (label, conversation.role)
        driver.ended().addCallback(lambda _: self._has_ended(name))
        driver.start()
        if conversation.error is not None:  # the dialler refuses this address, so it would never connect
            self._forget(name)
            raise conversation.error
        return name

    def _joins(self, label: bytes) -> bool:
        return any(room == (label, "joiner") and self._chats[name].conversation.state != ENDED
                   for name, room in self._rooms.items())

    def _has_ended(self, name: str) -> None:
        self._rooms.pop(name, None)
        ended = [chat for chat, driver in self._chats.items() if driver.conversation.state == ENDED]
        for chat in ended[:-MOST_ENDED]:
            self._forget(chat)

    def _forget(self, name: str) -> None:
        driver = self._chats.pop(name, None)
        if driver is not None:
            driver.conversation.forget()

    def _find(self, name: str) -> Driver:
        driver = self._chats.get(name)
        if driver is not None:
            return driver
        raise ChatEnded if self._was_there(name) else ChatUnknown

    def _was_there(self, name: str) -> bool:
        number = name.removeprefix("c")
        return number.isdecimal() and name == f"c{int(number)}" and 1 <= int(number) <= self._last

    def _check_room_for_one_more(self) -> None:
        living = sum(driver.conversation.state != ENDED for driver in self._chats.values())
        if living >= self._settings.max_chats:
            raise TooManyChats

    def _floor(self, word: str) -> int:
        least = level_number(self._settings.floor)
        try:
            level = level_number(word or self._settings.floor)
        except KeyError:
            raise UsageError(f"there is no security level {word!r}") from None
        if level < least:
            raise UsageError(f"peer.floor does not let this daemon go below {level_word(least)}")
        return level
