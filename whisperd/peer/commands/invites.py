"""What the control socket may ask of meeting somebody: invites, and the links and codes that lead to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from whisperd.errors import InviteUsed, StoreFailed, UsageError
from whisperd.interfaces import Random
from whisperd.peer.contacts.contacts import Contacts
from whisperd.peer.conversation.driver import Driver
from whisperd.peer.conversation.session import level_number, level_word
from whisperd.peer.conversation.states import ENDED
from whisperd.peer.handshake.handshake import Terms
from whisperd.peer.handshake.keys import InviteKeys
from whisperd.peer.handshake.negotiation import check_floor
from whisperd.peer.handshake.plugins import Plugins
from whisperd.peer.invites.spoken import Codes
from whisperd.peer.invites.used import UsedInvites
from whisperd.peer.links.routes import Host, check_access, choose
from whisperd.peer.persistence.write_ahead import WriteAhead, not_begun
from whisperd.peer.records import Route
from whisperd.wire import invite as invites
from whisperd.wire import spoken
from whisperd.wire.invite import Invite

#: Bounds of an invite's life, in seconds.
MIN_EXPIRY, MAX_EXPIRY = 60, 604_800

Row = dict[str, Any]


class MeetingVerbs:
    """What PeerService serves of invites; ``begin``, ``route`` and ``links`` are its own."""

    contacts: Contacts
    _settings: Any
    _registry: Plugins
    _new_identity: Callable[[Sequence[str], Random], Any]
    _random: Random
    _wall: Callable[[], float]
    _own_relay: Callable[[], tuple[str, int] | None]
    _chats: dict[str, Driver]
    _rooms: dict[str, tuple[bytes, str]]
    _used: UsedInvites
    _codes: Codes
    _keeping: WriteAhead
    #: As PeerService has it.
    begin: Callable[..., str]

    def route(self, hosts: Sequence[Host], room: bytes, access: str, *, token: bytes = b"") -> Route:
        raise NotImplementedError

    def links(self, hosts: Sequence[Host], route: Route, *, inviter: bool, begun: Any = None) -> Any:
        raise NotImplementedError

    def check_room_for_one_more(self) -> None:
        raise NotImplementedError

    async def invite(self, relay: str | Sequence[str] = "", expiry: int = 0, floor: str = "", access: str = "",
                     code: bool = False) -> Row:
        """Open a conversation and return its name, its link, and when that expires, in unix seconds.

        ``relay`` names one or several, the first one first. ``access`` is the access code of the first one, where it
        wants one; the link does not hold it. With ``code`` there is a spoken code instead of a link, which is returned
        once the first relay gave a seat; the others play no part then.

        Raises NoRelay, UsageError, FloorNotMet, TooManyConversations or DialRefused; with ``code`` PluginUnknown, and what
        ``codes.claimed`` raises.
        """
        check_access(access)
        hosts = choose(relay, self._settings.relay, self._own_relay())
        seconds = expiry or self._settings.invite_expiry
        if not MIN_EXPIRY <= seconds <= MAX_EXPIRY:
            raise UsageError(f"an invite may be valid for {MIN_EXPIRY} to {MAX_EXPIRY} seconds")
        if code:
            return await self._codes.invite(hosts[0], self._floor(floor), seconds, access)
        level = self._floor(floor)
        check_floor(self._registry, level)
        self.check_room_for_one_more()
        first, *others = (host.named for host in hosts)
        made = Invite(first, level, int(self._wall()) + seconds, self._random(invites.SECRET_SIZE),
                      tuple(others))
        name = self._open(made, hosts, InviteKeys.derive(made.secret), floor=level, inviter=True, access=access)
        await self._begun(name)
        return {"chat": name, "link": made.link(), "expires_at": made.expires}

    async def join(self, link: str = "", access: str = "", code: str = "", relay: str = "") -> Row:
        """Join the conversation that ``link`` invites to; it connects in the background. ``access`` as for ``invite``.

        A spoken ``code`` takes the place of the link; the relay is then named as for ``invite``.

        Raises, before any connection is made, the errors of ``wire.invite.parse`` or ``wire.spoken.parse``, InviteUsed,
        FloorNotMet, TooManyConversations, DialRefused, UsageError, NoRelay or PluginUnknown.
        """
        check_access(access)
        if bool(link) == bool(code) or (relay and not code):
            raise UsageError("to join a conversation, give its link, or its spoken code and optionally a relay")
        if code:
            host = choose(relay, self._settings.relay, self._own_relay())[0]
            return self._codes.join(spoken.parse(code), host, level_number(self._settings.floor),
                                    self._settings.invite_expiry, access)
        now = self._wall()
        made = invites.parse(link, now)
        keys = InviteKeys.derive(made.secret)
        self._used.check(keys.room, now)
        if self.joins(keys.room):
            raise InviteUsed("this invite link is already being joined")
        floor = level_number(self._settings.floor)
        check_floor(self._registry, max(floor, made.floor))
        self.check_room_for_one_more()
        name = self._open(made, list(map(Host.of, made.relays)), keys, floor=floor, inviter=False, access=access)
        await self._begun(name)
        return {"chat": name, "state": self._chats[name].state}

    async def _begun(self, name: str) -> None:
        """Wait until a conversation that begins is kept; one that cannot be has not begun. Raises StoreFailed."""
        try:
            await self._keeping.settled(name)
        except StoreFailed as error:
            self._keeping.drop(name)
            self._chats.pop(name).drop()
            raise not_begun(error) from None

    def joins(self, label: bytes) -> bool:
        """Return whether a conversation is being joined that must not be joined twice."""
        return any(room == (label, "joiner") and self._chats[name].state != ENDED
                   for name, room in self._rooms.items())

    def _open(self, made: Invite, hosts: Sequence[Host], keys: InviteKeys, *, floor: int, inviter: bool,
              access: str) -> str:
        terms = Terms(keys, made.floor, floor, self._registry, self._new_identity, self._random)
        route = self.route(hosts, keys.room, access)
        return self.begin(terms, self.links(hosts, route, inviter=inviter), inviter=inviter, expires=made.expires,
                          label=keys.room, route=lambda: route,
                          confirmed=partial(self._remember, keys.room, made.expires),
                          binding=lambda chat: self.contacts.met_at(chat, [host.named for host in hosts], access))

    def _remember(self, room: bytes, expires: float, name: str, verification: bytes) -> None:
        self._used.remember(room, expires)

    def _floor(self, word: str) -> int:
        least = level_number(self._settings.floor)
        try:
            level = level_number(word or self._settings.floor)
        except KeyError:
            raise UsageError(f"there is no security level {word!r}") from None
        if level < least:
            raise UsageError(f"peer.floor does not permit a security level below {level_word(least)}")
        return level
