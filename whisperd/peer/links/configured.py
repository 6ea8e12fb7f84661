"""The relays that this daemon meets others at, and the links to them, as the configuration in force wants them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from whisperd.config import PeerSection
from whisperd.peer.links.link import Link
from whisperd.peer.links.multipath import Maker, Multipath
from whisperd.peer.links.relay import RelayLink
from whisperd.peer.links.routes import Host, Relays, choose
from whisperd.peer.records import Route
from whisperd.wire.invite import RelayAddress


class ConfiguredRelays:
    """Makes links by ``relays``; ``settings()`` is the configuration in force, ``own_relay()`` returns (public url,
    local port) of this daemon's relay, or None, and ``linking()`` is called before any link is made."""

    def __init__(self, relays: Relays, settings: Callable[[], PeerSection],
                 own_relay: Callable[[], tuple[str, int] | None], linking: Callable[[], object]) -> None:
        self._relays = relays
        self._settings = settings
        self._own_relay = own_relay
        self._linking = linking

    def chosen(self, asked: str | Sequence[str]) -> list[Host]:
        """Return the relays to meet at: those that are asked for, else the configured ones, else this daemon's own.

        Raises NoRelay or UsageError."""
        return choose(asked, self._settings().relay, self._own_relay())

    def named(self, urls: Sequence[str]) -> list[Host]:
        """Return how these relays are dialled. Raises UsageError."""
        return choose(urls, "", self._own_relay()) if urls else []

    def seat(self, address: RelayAddress, access: str, room: bytes, token: bytes) -> RelayLink:
        """Return a link to a room of a relay, on the seat of ``token``."""
        self._linking()
        return self._relays.link(self.named([address.url])[0], room, access, token=token)

    def claim(self, host: Host, access: str, room: bytes, token: bytes, claimed: Callable[[], None]) -> RelayLink:
        """Return a link that has to take the first seat of a room, and calls ``claimed()`` when it has."""
        self._linking()
        return self._relays.link(host, room, access, token=token, claimed=claimed)

    def route(self, hosts: Sequence[Host], room: bytes, access: str, *, token: bytes = b"") -> Route:
        """Return the seats of a conversation, as ``Relays.route`` does."""
        return self._relays.route(hosts, room, access, token=token)

    def links(self, hosts: Sequence[Host], route: Route, *, inviter: bool, begun: Link | None = None) -> Multipath:
        """Return the links of a conversation, as ``Relays.links`` does, of the kinds that are configured."""
        self._linking()
        return self._relays.links(hosts, route, kinds=self._settings().links, inviter=inviter, begun=begun)

    def begun(self, link: Link, again: Maker, *, inviter: bool) -> Multipath:
        """Return the links of a conversation that begins on ``link``; ``again`` makes another one to the same room."""
        self._linking()
        return self._relays.begun(link, again, kinds=self._settings().links, inviter=inviter)
