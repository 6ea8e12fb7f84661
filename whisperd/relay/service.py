"""The relay as a Twisted service: opens the listeners, keeps the expiry going, stops in order."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from twisted.application.service import Service
from twisted.internet import defer, tcp
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError

from whisperd.config import RelaySection
from whisperd.interfaces import Random
from whisperd.logs import note
from whisperd.relay import limits_from_config, metrics
from whisperd.relay.accepting import accept_for, bound_buffers
from whisperd.relay.access_codes import AccessCodes
from whisperd.relay.access_file import AccessFile
from whisperd.relay.admission import ConnectionLimits
from whisperd.relay.expiry import expire
from whisperd.relay.factory import ListenerKind, RelayFactory
from whisperd.relay.limits import ROOMS, RelayLimits
from whisperd.relay.limits_table import guesses, rows
from whisperd.relay.listeners import (
    ListeningPort,
    address,
    check_for_onion,
    endpoint,
    not_a_listener,
    tells_circuits,
    why_not,
)
from whisperd.relay.open_files import room_for
from whisperd.relay.session import Relay
from whisperd.stopping import every
from whisperd.timers import Clock, OneShot, Repeating

if TYPE_CHECKING:  # a relay without TLS loads no OpenSSL
    from whisperd.relay.tls import Credentials

#: Seconds between two checks of whether a relay that drains has a room left.
DRAIN_INTERVAL = 0.5
#: Most seconds between two sweeps for what is over.
MAX_SWEEP_INTERVAL = 5.0
#: The default of onion.listen.
LOOPBACK = "tcp:0:interface=127.0.0.1"
#: Seconds that clients have to answer the close when the relay stops.
STOP_TIMEOUT = 3


class RelayService(Service):
    """The relay role of one daemon.

    ``settings`` has the keys of ``[relay]`` as attributes. ``clock`` (IReactorTime) drives every deadline in tests;
    without one, deadlines follow ``reactor`` and rooms age by the monotonic clock.
    """

    name = "relay"

    def __init__(self, settings: RelaySection, *, reactor: Clock, random: Random = os.urandom,
                 clock: Clock | None = None, onion_url: Callable[[], str | None] = lambda: None) -> None:
        self._settings = settings
        self._reactor = reactor
        self._clock = clock or reactor
        limits = RelayLimits(limits_from_config.read(settings, settings.max_connections))
        now: Callable[[], float] = clock.seconds if clock else time.monotonic
        self._onion_url = onion_url
        self._tells_onion = False
        self._access = AccessCodes(random)
        self._sockets = ConnectionLimits(limits)
        self._relay = Relay(limits, lambda code, source: self._access.admit(code, source, time.time()), random(32), now,
                            lambda code: note("relay-refused", code=code))
        self._listeners: list[tuple[ListeningPort, RelayFactory]] = []
        self._tls: Credentials | None = None
        self._drained: list[Deferred[bool]] = []
        self._sweep = Repeating(self._clock, self.expire, MAX_SWEEP_INTERVAL)
        self._drain = Repeating(self._clock, self._check_drained, DRAIN_INTERVAL)

    async def listen(self, *, torrc: bool = False) -> None:
        """Open every listener of ``settings.listen``; with ``torrc`` those who come in behind 'haproxy:' come through
        an onion service, as those of ``listen_for_onion``.

        Raises AddressInUse, or ConfigError for a string that is no listener or an address that cannot be had; then
        none is left open.
        """
        self.reload(self._settings)
        if self._settings.access_file:
            self._access.persist(AccessFile(self._settings.access_file))
        try:
            for description in self._settings.listen:
                await self._open(description, discreet=torrc and tells_circuits(description))
            for description in self._settings.tls_listen:
                await self._open(description, secure=True, key="relay.tls_listen")
        except Exception:
            await self._close_ports()
            raise
        note("relay-listening", listeners=len(self._listeners))

    async def listen_for_onion(self, place: str = LOOPBACK, *, circuits: bool = False) -> int:
        """Open one more listener for the onion service, and return its port; with ``circuits`` one that is told by
        which circuit each connection came. Raises ConfigError, AddressInUse."""
        check_for_onion(place)
        port = await self._open(f"haproxy:{place}" if circuits else place, onion=True, key="onion.listen")
        host = port.getHost()
        assert not isinstance(host, UNIXAddress), place
        return host.port

    @property
    def addresses(self) -> list[str]:
        """Return the ordinary listeners as ``tcp:HOST:PORT`` and ``unix:PATH``, behind ``tls:`` where they speak it."""
        return [("tls:" if factory.secure else "") + address(port) for port, factory in self._listeners
                if not factory.kind.onion]

    @property
    def local_port(self) -> int | None:
        """Return a TCP port that 127.0.0.1 reaches this relay at, an ordinary one first; None when there is none."""
        ports = sorted(self._listeners, key=lambda listener: listener[1].kind.onion)
        hosts = [port.getHost() for port, factory in ports if not factory.secure and not factory.kind.circuits]
        return next((host.port for host in hosts
                     if not isinstance(host, UNIXAddress) and host.host in ("127.0.0.1", "0.0.0.0")), None)  # noqa: S104

    def reload(self, settings: RelaySection) -> None:
        """Put the limits of ``settings`` into force; raises ConfigError, and then those before stay."""
        relay, allowed = self._relay, limits_from_config.read(settings, room_for(settings.max_connections))
        if self._settings.tls_listen:
            self._credentials().load(settings.tls_certificate, settings.tls_key, require_pq=settings.tls_require_pq)
        relay.limits.apply(allowed)
        self._sweep.every(min(MAX_SWEEP_INTERVAL, min(allowed.room_expiry, allowed.join_timeout) / 4))
        self._access.apply(required=settings.access == "code", guesses=settings.access_guesses,
                           circuit_guesses=settings.circuit_access_guesses)
        self._tells_onion = settings.onion_location
        for _, factory in self._listeners:
            factory.apply(settings.cors)

    def issue(self, uses: int, hours: float) -> dict[str, object]:
        """Return a new access code, which is shown this once; raises AccessFull."""
        return self._access.issue(uses, hours, time.time())

    def codes(self) -> list[dict[str, object]]:
        """Return what is known of each access code that is still good."""
        return self._access.list(time.time())

    def revoke(self, name: str) -> None:
        """Make an access code worth nothing; raises AccessUnknown."""
        self._access.revoke(name)

    def drain(self) -> None:
        """Open no new rooms; existing rooms continue until they end."""
        self._relay.limits.drain(True)
        self._check_drained()
        self._drain.start()

    def resume(self) -> None:
        """Let rooms be opened again; whoever waits for the end of a drain is told that there is none."""
        self._relay.limits.drain(False)
        self._tell_drained(False)
        self._drain.stop()

    async def drained(self, timeout: float | None) -> bool:
        """Return True as soon as the relay drains and has no room left, False when it does not within ``timeout``
        seconds (None: for as long as it takes), or goes on to serve."""
        if not self._relay.limits.draining or not self._relay.rooms:
            return self._relay.limits.draining
        end: Deferred[bool] = Deferred(self._drained.remove)
        self._drained.append(end)
        try:
            return await (end if timeout is None else end.addTimeout(timeout, self._clock))  # type: ignore[arg-type]  # zope's
        except defer.TimeoutError:
            return False

    def limits(self) -> list[dict[str, object]]:
        """Return each limit with its use and its refusals, as ``whisperctl relay limits`` shows them."""
        relay = self._relay
        scopes = [factory.scope for _, factory in self._listeners]
        return [*rows(relay.limits, self._sockets, scopes, relay.now()), *guesses(self._access, time.time())]

    @property
    def tls_groups(self) -> dict[str, int]:
        """Return how often each key agreement was negotiated over TLS, by OpenSSL's name of it."""
        return dict(self._tls.groups) if self._tls else {}

    def status(self) -> dict[str, object]:
        """Return the numbers that ``whisperctl status`` shows."""
        relay = self._relay
        return {
            "rooms": len(relay.rooms), "waiting": relay.rooms.waiting, "paired": len(relay.rooms) - relay.rooms.waiting,
            "connections": self._sockets.connections, "listeners": self.addresses,
            "refused": dict(relay.limits.refused),
            "max_connections": relay.limits.bounds.max_connections, "max_rooms": relay.limits.total.limits.max[ROOMS],
            "draining": relay.limits.draining, "access": "code" if self._access.required else "open",
        }

    def metrics(self) -> str:
        """Return what Prometheus reads."""
        limits = self._relay.limits
        counted = {"frames": limits.frames, "bytes": limits.bytes, "codes": len(self.codes())}
        return metrics.text(self.status(), self.limits(), counted, self.tls_groups)

    def expire(self) -> None:
        """Let go of everything whose time is over."""
        expire(self._relay)
        self._sockets.forget(self._relay.now())
        self._access.forget(time.time())

    async def stop(self) -> None:
        """Close the listeners, tell every client ``shutting-down``, and wait until all are gone, 3 seconds at most."""
        factories = [factory for _, factory in self._listeners]
        await every(self._close_ports, self._sweep.stop, self._drain.stop, self._relay.rooms.clear,
                    lambda: self._tell_drained(False), lambda: self._say_goodbye(factories),
                    *(factory.rest for factory in factories))

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return Deferred.fromCoroutine(self.stop())

    async def _open(self, description: str, *, onion: bool = False, discreet: bool = False,
                    secure: bool = False, key: str = "relay.listen") -> ListeningPort:
        tls = self._credentials() if secure else None
        kind = ListenerKind(onion=onion, discreet=discreet, circuits=tells_circuits(description))
        factory = RelayFactory(self._relay, self._sockets, self._clock, kind, tls=tls,
                               onion_location=self._onion_location)
        factory.apply(self._settings.cors)
        behind = tls.wrap(factory, self._reactor) if tls else factory
        try:
            port = await endpoint(self._reactor, description, key).listen(behind)
        except CannotListenError as error:
            raise why_not(description, error.socketError, key) from None
        except OSError as error:
            raise why_not(description, error, key) from None
        except OverflowError:
            raise not_a_listener(description, key) from None
        if isinstance(port, tcp.Port):
            bound_buffers(port)
            if port.factory is factory:
                accept_for(port, factory)
        self._listeners.append((port, factory))
        self._sweep.start()
        return port

    def _onion_location(self) -> str | None:
        return self._onion_url() if self._tells_onion else None

    def _credentials(self) -> Credentials:
        if self._tls is None:
            from whisperd.relay.tls import Credentials

            self._tls = Credentials(self._relay.limits.refused)
        return self._tls

    def _check_drained(self) -> None:
        if self._relay.limits.draining and not self._relay.rooms:
            self._tell_drained(True)

    def _tell_drained(self, done: bool) -> None:
        waiting, self._drained = self._drained, []
        for end in waiting:
            end.callback(done)

    async def _say_goodbye(self, factories: list[RelayFactory]) -> None:
        leaving = [factory.go_away() for factory in factories]
        late = OneShot(self._reactor, lambda: _abort(factories))
        late.start(STOP_TIMEOUT)
        for gone in leaving:
            await gone
        late.cancel()

    async def _close_ports(self) -> None:
        listeners, self._listeners = self._listeners, []
        await every(*(partial(_close, port) for port, _ in listeners))


async def _close(port: ListeningPort) -> None:
    with contextlib.suppress(FileNotFoundError):  # somebody has removed the unix socket already
        await port.stopListening()


def _abort(factories: list[RelayFactory]) -> None:
    for factory in factories:
        factory.abort()
