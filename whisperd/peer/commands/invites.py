"""What the control socket may ask of meeting somebody: invites, and the links and spoken codes that lead to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from whisperd.config import PeerSection
from whisperd.errors import InviteUsed, UsageError
from whisperd.peer.contacts.bindings import Bindings
from whisperd.peer.conversation.beginning import Beginning
from whisperd.peer.conversation.driver import Driver
from whisperd.peer.conversation.origin import Origin
from whisperd.peer.conversation.session import level_number, level_word
from whisperd.peer.handshake.keys import InviteKeys
from whisperd.peer.handshake.suites import Suites
from whisperd.peer.invites.spoken import Asked, SpokenInvites
from whisperd.peer.invites.used import UsedInvites
from whisperd.peer.links.configured import ConfiguredRelays
from whisperd.peer.links.routes import Host, check_access
from whisperd.wire import invite as invites
from whisperd.wire import spoken
from whisperd.wire.invite import Invite

#: Bounds of an invite's life, in seconds.
MIN_EXPIRY, MAX_EXPIRY = 60, 604_800

#: Secrets that are drawn until a link does not end in '-' or '_', which some programs do not take for a part of it.
MAX_DRAWS = 64
Row = dict[str, Any]


class Beginnings(Protocol):
    """Where conversations begin; ``peer.conversations`` has the shape."""

    def driver(self, chat: str) -> Driver:
        """Return the driver of a conversation. Raises ConversationUnknown or ConversationEnded."""

    def check_room_for_one_more(self) -> None:
        """Raise TooManyConversations, or what says that this role stops."""

    def joins(self, label: bytes) -> bool:
        """Return whether a conversation is being joined that must not be joined twice."""

    def refuse_own(self, label: bytes) -> None:
        """Raise UsageError when it is an invite of this side's own, which waits for the other person."""

    def begin(self, beginning: Beginning) -> str:
        """Start a conversation and return its id. Raises StoreFailed, and why its link can never be made."""

    async def begun(self, chat: str) -> None:
        """Wait until a conversation that begins is on the disk; one that cannot be written has not begun.

        Raises StoreFailed."""


class LinkInvites:
    """Begins conversations by invite links; ``wall()`` is the unix time in seconds."""

    def __init__(self, beginnings: Beginnings, suites: Suites, relays: ConfiguredRelays, used: UsedInvites,
                 bindings: Bindings, wall: Callable[[], float]) -> None:
        self._beginnings = beginnings
        self._suites = suites
        self._relays = relays
        self._used = used
        self._bindings = bindings
        self._wall = wall

    async def invite(self, hosts: Sequence[Host], level: int, seconds: int, access: str) -> Row:
        """Open a conversation, and return its name, its link, and when that expires.

        Raises FloorNotMet, TooManyConversations, DialRefused or StoreFailed."""
        self._suites.check_floor(level)
        self._beginnings.check_room_for_one_more()
        first, *others = (host.named for host in hosts)
        expires = int(self._wall()) + seconds
        for _ in range(MAX_DRAWS):
            made = Invite(first, level, expires, self._suites.random(invites.SECRET_SIZE), tuple(others))
            if made.link()[-1].isalnum():
                break
        name = self._open(made, hosts, InviteKeys.derive(made.secret), floor=level, inviter=True, access=access)
        await self._beginnings.begun(name)
        return {"chat": name, "link": made.link(), "expires_at": made.expires}

    async def join(self, link: str, floor: int, access: str) -> str:
        """Join the conversation of a link, and return its id.

        Raises the errors of ``wire.invite.parse``, InviteUsed, UsageError for an own one, FloorNotMet,
        TooManyConversations, DialRefused or StoreFailed."""
        now = self._wall()
        made = invites.parse(link, now)
        keys = InviteKeys.derive(made.secret)
        self._used.check(keys.room, now)
        self._beginnings.refuse_own(keys.room)
        if self._beginnings.joins(keys.room):
            raise InviteUsed("this invite link is already being joined")
        self._suites.check_floor(max(floor, made.floor))
        self._beginnings.check_room_for_one_more()
        name = self._open(made, list(map(Host.of, made.relays)), keys, floor=floor, inviter=False, access=access)
        await self._beginnings.begun(name)
        return name

    def _open(self, made: Invite, hosts: Sequence[Host], keys: InviteKeys, *, floor: int, inviter: bool,
              access: str) -> str:
        route = self._relays.route(hosts, keys.room, access)
        return self._beginnings.begin(Beginning(
            terms=self._suites.terms(keys, made.floor, floor), link=self._relays.links(hosts, route, inviter=inviter),
            route=lambda: route, origin=Origin(inviter, made.expires), label=keys.room,
            binding=lambda chat: self._bindings.met_at(chat, [host.named for host in hosts], access),
            confirmed=partial(self.remember, keys.room, made.expires)))

    def remember(self, room: bytes, expires: float, chat: str, verification: bytes) -> None:
        """The invite of a conversation has been used: its key is confirmed."""
        self._used.remember(room, expires)


class InviteCommands:
    """Invites and joins, by links or by spoken codes; ``settings()`` is the configuration in force."""

    def __init__(self, beginnings: Beginnings, links: LinkInvites, codes: SpokenInvites, relays: ConfiguredRelays,
                 bindings: Bindings, settings: Callable[[], PeerSection]) -> None:
        self._beginnings = beginnings
        self._links = links
        self._codes = codes
        self._relays = relays
        self._bindings = bindings
        self._settings = settings

    async def invite(self, relay: str | Sequence[str] = "", expiry: int = 0, floor: str = "", access: str = "",
                     code: bool = False) -> Row:
        """Open a conversation and return its name, its link, and when that expires, in unix seconds.

        ``relay`` names one or several, the first one first. ``access`` is the access code of the first one, where it
        wants one; the link does not hold it. With ``code`` there is a spoken code instead of a link, which is returned
        once the first relay gave a seat; the others play no part then.

        Raises NoRelay, UsageError, FloorNotMet, TooManyConversations or DialRefused; with ``code`` PluginUnknown, and
        what ``spoken.claimed`` raises.
        """
        check_access(access)
        hosts = self._relays.chosen(relay)
        seconds = expiry or self._settings().invite_expiry
        if not MIN_EXPIRY <= seconds <= MAX_EXPIRY:
            raise UsageError(f"an invite may be valid for {MIN_EXPIRY} to {MAX_EXPIRY} seconds")
        level = self._floor(floor)
        if code:
            return await self._codes.invite(self._asked(hosts[0], level, seconds, access))
        return await self._links.invite(hosts, level, seconds, access)

    async def join(self, link: str = "", access: str = "", code: str = "", relay: str = "") -> Row:
        """Join the conversation that ``link`` invites to; it connects in the background. ``access`` as for ``invite``.

        A spoken ``code`` takes the place of the link; the relay is then named as for ``invite``.

        Raises, before any connection is made, the errors of ``wire.invite.parse`` or ``wire.spoken.parse``, InviteUsed,
        FloorNotMet, TooManyConversations, DialRefused, UsageError, NoRelay or PluginUnknown.
        """
        check_access(access)
        if bool(link) == bool(code) or (relay and not code):
            raise UsageError("to join a conversation, give its link, or its spoken code and optionally a relay")
        floor = level_number(self._settings().floor)
        if code:
            host = self._relays.chosen(relay)[0]
            asked = self._asked(host, floor, self._settings().invite_expiry, access)
            name = self._codes.join(spoken.parse(code), asked)
        else:
            name = await self._links.join(link, floor, access)
        return {"chat": name, "state": self._beginnings.driver(name).state}

    def _asked(self, host: Host, floor: int, seconds: int, access: str) -> Asked:
        return Asked(host, floor, seconds, access, lambda chat: self._bindings.met_at(chat, [host.named], access))

    def _floor(self, word: str) -> int:
        least = level_number(self._settings().floor)
        try:
            level = level_number(word or self._settings().floor)
        except KeyError:
            raise UsageError(f"there is no security level {word!r}") from None
        if level < least:
            raise UsageError(f"peer.floor does not permit a security level below {level_word(least)}")
        return level
