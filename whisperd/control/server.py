"""The daemon's side of the control socket [whisperd-protocol(7), CONTROL]."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from twisted.internet import tcp, unix
from twisted.internet.defer import gatherResults, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from whisperd import logs
from whisperd.config import ControlSection
from whisperd.control.access import AccessRule
from whisperd.control.audit import Audit
from whisperd.control.connection import ControlApi, ControlConnection
from whisperd.control.events import EventBus
from whisperd.control.socket_path import SocketPlace, group_id, private_umask
from whisperd.control.turns import Turns
from whisperd.errors import ConfigError, PermissionRefused, UsageError, WhisperdError
from whisperd.stopping import every
from whisperd.timers import Reactor

#: Seconds that a client has to read its last answer before it is cut off.
CLOSE_SECONDS = 5.0
#: Most connections of one user at a time.
MAX_CLIENTS = 64


class ControlServer:
    """Serves the methods of ``api`` and the events of ``bus`` on the unix socket of ``settings`` to those who may.

    A client that does not read its last answer is cut off after ``close_seconds``.
    """

    def __init__(self, api: ControlApi, settings: ControlSection, bus: EventBus, reactor: Reactor, *,
                 audit: Audit | None = None, close_seconds: float = CLOSE_SECONDS) -> None:
        self.api = api
        self.bus = bus
        self.reactor = reactor
        self.close_seconds = close_seconds
        self.turns = Turns(reactor)
        self._place = SocketPlace(settings.socket, settings.group)
        self._access = AccessRule(os.geteuid(), self._place.group, group_id(settings.admin_group, "admin_group"))
        self.audit = audit or Audit()
        self._port: _UnixPort | None = None
        self._connections: set[ControlConnection] = set()

    async def start(self) -> None:
        """Claim the path and listen; raises DaemonRunning, ConfigError."""
        self._place.claim()
        try:
            self.audit.open()
        except ConfigError:
            self._place.release()
            raise
        port = _UnixPort(self._place.path, _ControlFactory(self), self.reactor)
        try:
            with private_umask():
                port.startListening()
            self._port = port
            self._place.hand_over()
        except CannotListenError as error:
            self._place.release()
            raise ConfigError(f"the control socket could not be created: {error.socketError}") from None
        except WhisperdError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Remove the socket, then let each client read its last answer and close."""
        port, self._port = self._port, None
        if port is None:
            return
        # None from a port that the reactor has dropped already
        await every(lambda: maybeDeferred(port.stopListening), self._finish, self._place.release, self.audit.close)

    async def _finish(self) -> None:
        connections = list(self._connections)
        await every(*(connection.finish for connection in connections))
        await gatherResults([connection.closed for connection in connections])

    def admit(self, connection: ControlConnection) -> WhisperdError | None:
        """Take a new client in, or return why not."""
        self._connections.add(connection)
        connection.rights = self._access.rights(connection.peer)
        if not connection.rights:
            logs.note("control-refused", uid=connection.peer.uid)
            return PermissionRefused()
        if Counter(other.peer.uid for other in self._connections)[connection.peer.uid] > MAX_CLIENTS:
            return UsageError(f"this user has more than {MAX_CLIENTS} open connections", remedy="Close some of them.")
        return None

    def forget(self, connection: ControlConnection) -> None:
        """A client is gone."""
        self._connections.discard(connection)


class _UnixPort(unix.Port):
    """A listening unix socket whose file may have been removed by somebody else when it is closed."""

    def __init__(self, path: Path, factory: Factory, reactor: Reactor) -> None:
        # mypy does not know which classes implement an interface of zope
        super().__init__(os.fsencode(path), factory, mode=0o600, reactor=reactor)  # type: ignore[arg-type]
        self._file = path

    def connectionLost(self, reason: Failure) -> None:
        if self._file.exists():
            super().connectionLost(reason)
        else:  # Twisted's would fail to remove the file and never close
            tcp.Port.connectionLost(self, reason)


class _ControlFactory(Factory):
    noisy = False

    def __init__(self, server: ControlServer) -> None:
        self._server = server

    def buildProtocol(self, addr: IAddress | None) -> ControlConnection:
        return ControlConnection(self._server)
