"""The relays of a conversation: which ones an invite names, and how each of them is dialled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from whisperd.errors import InviteMalformed, NoRelay, UsageError
from whisperd.interfaces import IDirectOnions
from whisperd.peer.links.context import LinkContext
from whisperd.peer.links.direct import DirectLinks
from whisperd.peer.links.link import Link
from whisperd.peer.links.multipath import Maker, Multipath
from whisperd.peer.links.paths import ONION
from whisperd.peer.links.relay import RelayLink, RelayRoom
from whisperd.peer.records import RelayRecord, Route
from whisperd.wire.invite import MAX_RELAYS, RelayAddress

#: Most characters of a relay's access code.
MAX_ACCESS = 64

#: Bytes of what a seat belongs to.
TOKEN_SIZE = 32


@dataclass(frozen=True)
class Host:
    """How a relay is dialled, and how an invite names it."""

    named: RelayAddress
    host: str
    port: int
    direct: bool = False

    @classmethod
    def of(cls, address: RelayAddress) -> Host:
        return cls(address, address.dialled, address.port)


def choose(asked: str | Sequence[str], configured: str | Sequence[str], own: tuple[str, int] | None) -> list[Host]:
    """Return the relays to invite to: those that are asked for, the configured ones, or this daemon's ``own``.

    Each is named as ``http://HOST[:PORT]``. Raises NoRelay or UsageError."""
    urls = _listed(asked) or _listed(configured)
    if not urls and own is None:
        raise NoRelay
    hosts = [_host(url, own) for url in urls or [""]]
    if len(hosts) > MAX_RELAYS:
        raise UsageError(f"an invite can name at most {MAX_RELAYS} relays")
    if len({host.named for host in hosts}) < len(hosts):
        raise UsageError("the same relay is named twice")
    return hosts


def check_access(code: str) -> None:
    """Raise UsageError for what cannot be an access code."""
    if len(code) > MAX_ACCESS:
        raise UsageError(f"an access code has at most {MAX_ACCESS} characters")


class Relays:
    """Makes the links of conversations. Without ``onions`` there are no direct ones."""

    def __init__(self, context: LinkContext, onions: IDirectOnions | None = None) -> None:
        self._context = context
        self._onions = onions

    def link(self, host: Host, room: bytes, access: str, *, token: bytes = b"",
             claimed: Callable[[], None] | None = None) -> RelayLink:
        """Return a link to one relay; ``token`` and ``claimed`` as RelayLink has them."""
        at = RelayRoom(host.host, host.port, room, host.direct, access)
        return RelayLink(at, self._context, token=token, claimed=claimed)

    def route(self, hosts: Sequence[Host], room: bytes, access: str, *, token: bytes = b"") -> Route:
        """Return seats in a room of several relays; ``access`` is for the first, and no other sees it.

        Each has a token of its own, which is the same each time; the first one's is ``token`` if that is given."""
        first, *others = hosts
        random = self._context.random
        return Route(room, [RelayRecord(first.named.url, access, token or random(TOKEN_SIZE)),
                            *(RelayRecord(host.named.url, "", random(TOKEN_SIZE)) for host in others)])

    def links(self, hosts: Sequence[Host], route: Route, *, kinds: Sequence[str], inviter: bool,
              begun: Link | None = None) -> Multipath:
        """Return the links of a conversation to all of its relays, each time over other circuits.

        ``hosts`` are those of ``route``; ``kinds`` as Paths has them. ``begun`` is a link to the first relay that has
        begun already."""
        links = [self._maker(host, route.room, seat) for host, seat in zip(hosts, route.relays, strict=True)]
        if begun is not None:
            started = [begun]
            links[0] = _first(started, links[0])
        return self._made(links, kinds, inviter)

    def begun(self, link: Link, again: Maker, *, kinds: Sequence[str], inviter: bool) -> Multipath:
        """Return the links of a conversation that begins on ``link``; ``again`` makes another one to the same room."""
        return self._made([_first([link], again)], kinds, inviter)

    def _made(self, relays: Sequence[Maker], kinds: Sequence[str], inviter: bool) -> Multipath:
        direct = DirectLinks(self._onions, self._context, inviter=inviter) if ONION in kinds else None
        return Multipath(relays, kinds=kinds, reactor=self._context.reactor, direct=direct)

    def _maker(self, host: Host, room: bytes, seat: RelayRecord) -> Maker:
        return lambda: self.link(host, room, seat.access, token=seat.token)


def _first(begun: list[Link], maker: Maker) -> Maker:
    """Return what gives what has begun already, and from then on what ``maker`` makes."""
    return lambda: begun.pop() if begun else maker()


def _listed(urls: str | Sequence[str]) -> list[str]:
    given = [urls] if isinstance(urls, str) else urls
    return [url for each in given if (url := each.strip().rstrip("/"))]


def _host(url: str, own: tuple[str, int] | None) -> Host:
    if own is not None and url in ("", own[0]):
        return Host(_address(own[0]), "127.0.0.1", own[1], direct=True)
    return Host.of(_address(url))


def _address(url: str) -> RelayAddress:
    scheme, _, authority = url.partition("://")
    try:
        if scheme.lower() == "http":
            return RelayAddress.parse(authority)
    except InviteMalformed:
        pass
    raise UsageError("a relay must be written as 'http://HOST[:PORT]', where HOST is an onion address or this machine")
