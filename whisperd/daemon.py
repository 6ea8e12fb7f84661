"""The one place where the parts meet: Config -> running services.

Order of start: the control socket (so that a second daemon is refused before it touches anything), the relay's
listeners, tor, the peer role. Order of stop: the reverse, so that conversations can still say goodbye.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning

from whisperd import __version__, logs
from whisperd.config import Config, PeerSection
from whisperd.confine import Confinement
from whisperd.confine import preflight as preflight_of_confinement
from whisperd.control.api import Api
from whisperd.control.audit import Audit
from whisperd.control.events import EventBus
from whisperd.control.roles import Roles
from whisperd.control.server import ControlServer
from whisperd.control.settings import Settings
from whisperd.control.socket_path import SocketPlace, group_id
from whisperd.control.tor_methods import onion_url
from whisperd.errors import TimedOut
from whisperd.stopping import every, within
from whisperd.tor.process.socket_folder import clear_all

if TYPE_CHECKING:
    from whisperd.interfaces import ITor
    from whisperd.peer.persistence.ids import Given
    from whisperd.peer.service import PeerService
    from whisperd.plugin.registry import Registry
    from whisperd.relay.service import RelayService
    from whisperd.store.sealed import SealedStore
    from whisperd.store.vault import Vault
    from whisperd.tor.dial.dialer import Dialer


@dataclass(frozen=True)
class StopTiming:
    """Seconds that a part has to stop before the next one does; tor has two chances to end."""

    part: float = 20.0
    tor: float = 25.0


class _Part(Protocol):
    """What a daemon stops."""

    async def stop(self) -> None: ...


def preflight(config: Config) -> list[str]:
    """Raise what would be raised at the start for this user, as far as that is seen with nothing opened or made.

    Returns what could not be looked at, one sentence each. In the order of the start; roles that are off need nothing.
    """
    preflight_of_confinement(config)
    SocketPlace(config.control.socket, config.control.group).preflight()
    group_id(config.control.admin_group, "admin_group")
    Audit(config.control.audit).preflight()
    unseen: list[str] = []
    if config.peer.enabled and config.store.kind == "sealed":
        from whisperd.store.file import preflight as preflight_of_store

        preflight_of_store(Path(config.store.file))
    if config.relay.enabled:
        from whisperd.relay.relay_preflight import preflight as preflight_of_relay

        onion = config.tor.mode != "off" and config.onion.enabled
        unseen += preflight_of_relay(config.relay, config.onion.listen if onion else None)
    if config.tor.mode != "off":
        from whisperd.tor.preflight import check as check_tor

        unseen += check_tor(config)
    if config.peer.enabled:
        from whisperd.plugin.registry import Registry

        Registry.preflight(config.peer.kex, config.peer.ratchet, config.peer.plugins)
    return unseen


class Daemon:
    """Both roles, tor and the control socket of one process. ``bus`` carries every event that users can see.

    ``store`` is the SealedStore of the configuration, if that asks for one; while it is locked there is no peer.
    """

    def __init__(self, config: Config, *, reactor: Any, confinement: Confinement | None = None,
                 store: SealedStore | None = None, timing: StopTiming | None = None) -> None:
        self.config = config
        self.bus = EventBus()
        self._reactor = reactor
        self._timing = timing or StopTiming()
        self._stopping = self._stopped = False
        self._waiting: list[Deferred[None]] = []
        self._onion_port: int | None = None
        self._dialer: Dialer | None = None
        self._given: Given | None = None  # the ids that were given in this process, whatever becomes of the store
        self.relay = self._make_relay() if config.relay.enabled else None
        self.tor = self._make_tor() if config.tor.mode != "off" else None
        self.registry = self._make_registry() if config.peer.enabled else None
        self.vault = self._make_vault(store) if config.peer.enabled and config.store.kind == "sealed" else None
        is_open = self.vault is None or self.vault.is_open
        self.peer = self._make_peer(config.peer) if self.registry is not None and is_open else None
        audit = Audit(config.control.audit)
        self._roles = Roles(config, relay=self.relay, tor=self.tor, peer=self.peer, registry=self.registry,
                            vault=self.vault)
        self._settings = Settings(config, self._roles, reopen=audit.reopen)
        self.api = Api(self._roles, self._settings, confinement=confinement or Confinement(), stop=self._stop_soon)
        self.control = ControlServer(self.api, config.control, self.bus, reactor, audit=audit)

    async def start(self) -> None:
        """Serve. Raises a WhisperdError, and leaves nothing behind, when something in the configuration stops it."""
        await self.control.start()
        clear_all(Path(self.config.control.socket).parent)  # of a daemon that was killed, whatever this one is to be
        try:
            await self._start_roles()
        except BaseException:
            await self.stop()
            raise
        logs.note("daemon-started", version=__version__, relay=self.relay is not None, peer=self.peer is not None)

    async def stop(self) -> None:
        """Say goodbye everywhere and close every socket; a second call waits for the first."""
        if self._stopping:
            if not self._stopped:
                self._waiting.append(Deferred())
                await self._waiting[-1]
            return
        self._stopping = True
        parts: list[tuple[_Part | None, float]] = [
            (self.peer, self._timing.part), (self.vault, self._timing.part), (self.relay, self._timing.part),
            (self.tor, self._timing.tor), (self.control, self._timing.part)]
        await every(lambda: self.bus.emit("daemon-stopping"),
                    *(partial(self._stop_part, part, seconds) for part, seconds in parts if part is not None))
        self._stopped = True
        for waiting in self._waiting:
            waiting.callback(None)

    async def _stop_part(self, part: _Part, seconds: float) -> None:
        """Stop one part; the next one does not wait for ever for a part that hangs."""
        if not await within(seconds, part.stop(), self._reactor):
            raise TimedOut

    async def _start_roles(self) -> None:
        if self.relay is not None:
            managed = self.config.tor.mode == "managed"
            await self.relay.listen(torrc=managed and self.config.onion.enabled)
            if self.tor is not None and self.config.onion.enabled:
                if self.peer is not None or not managed:  # own peers come in there, also where tor does not
                    self._onion_port = await self.relay.listen_for_onion(self.config.onion.listen)
                circuits = self.config.tor.mode == "launch" and self.config.onion.circuits
                circuits_port = await self.relay.listen_for_onion(circuits=True) if circuits else 0
                self.tor.publish(self._onion_port or 0, circuits_port)
        if self.tor is not None:
            self.tor.start()
        if self.peer is not None:
            self.peer.resume()

    def store_opened(self) -> None:
        """Serve the peer role from now on."""
        self.peer = self._make_peer(self._settings.config.peer)
        self._roles.attach_peer(self.peer)
        self.peer.resume()

    async def store_closing(self) -> None:
        """Serve it no more."""
        peer, self.peer = self.peer, None
        self._roles.attach_peer(None)
        if peer is not None:
            await peer.stop()

    def _stop_soon(self) -> None:
        """Leave the reactor after the reply to ``stop`` is on its way; the shutdown trigger does the rest."""
        self._reactor.callLater(0.05, self._leave)

    def _leave(self) -> None:
        with suppress(ReactorNotRunning):  # somebody else has asked for it, too
            self._reactor.stop()

    def _own_onion(self) -> str | None:
        """Return the URL of this daemon's onion service while it is published."""
        if self.tor is None:
            return None
        onion = self.tor.status()["onion"]
        return onion_url(self.config, onion["address"]) if onion["state"] == "up" else None

    def _own_relay(self) -> tuple[str, int] | None:
        """Return (public url, local port) of this daemon's relay, or None while nobody outside could reach it."""
        if self.relay is None:
            return None
        if self.tor is not None and self._onion_port is not None:
            onion = self.tor.status()["onion"]
            url = onion_url(self.config, onion["address"])
            return (url, self._onion_port) if url and onion["state"] == "up" else None
        if self.config.peer.loopback and self.relay.local_port is not None:
            return f"http://127.0.0.1:{self.relay.local_port}", self.relay.local_port
        return None

    # Imports stand inside: a relay without tor neither loads txtorcon nor any cryptography, and starts fast.

    def _make_relay(self) -> RelayService:
        from whisperd.relay.service import RelayService

        return RelayService(self.config.relay, reactor=self._reactor, onion_url=self._own_onion)

    def _make_tor(self) -> ITor:
        from whisperd.tor import make_tor

        return make_tor(self.config, reactor=self._reactor, dialer=self._the_dialer(), emit=self.bus.emit)

    def _make_registry(self) -> Registry:
        from whisperd.plugin.registry import Registry

        peer = self.config.peer
        return Registry.load(peer.kex, peer.ratchet, allowed=peer.plugins, random=os.urandom)

    def _make_vault(self, store: SealedStore | None) -> Vault:
        from whisperd.peer.persistence.ids import NUMBERS, taken_in
        from whisperd.peer.persistence.write_ahead import MOVED, MOVING
        from whisperd.store.vault import Portable, Vault, make_store

        settings, given = self.config.store, self._the_given()
        portable = Portable(frozenset(MOVING), frozenset(MOVED), frozenset([NUMBERS]),
                            lambda records: taken_in(records, MOVED, given))
        return Vault(store or make_store(settings), settings, self, reactor=self._reactor, emit=self.bus.emit,
                     portable=portable)

    def _make_peer(self, settings: PeerSection) -> PeerService:
        from whisperd.peer.handshake.suites import Suites
        from whisperd.peer.persistence.entries import Retention
        from whisperd.peer.service import Network, PeerService, Storage, Surroundings
        from whisperd.plugin.identity import MemoryIdentity
        from whisperd.store.memory import MemoryStore

        assert self.registry is not None
        store = self.vault.store if self.vault is not None else MemoryStore()
        retention = Retention(self.config.store.history, self.config.store.history_days)
        onions = self.tor.direct if self.tor is not None else None
        return PeerService(settings, Suites(self.registry, MemoryIdentity, os.urandom),
                           Network(self._the_dialer(), self._own_relay, onions),
                           Storage(store, retention, self._the_given()),
                           Surroundings(self._reactor, time.time, self.bus.emit))

    def _the_given(self) -> Given:
        from whisperd.peer.persistence.ids import Given

        self._given = self._given or Given()
        return self._given

    def _the_dialer(self) -> Dialer:
        from whisperd.tor.dial.dialer import Dialer

        self._dialer = self._dialer or Dialer(self._reactor, loopback=self.config.peer.loopback)
        return self._dialer
