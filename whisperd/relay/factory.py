"""The connections of one listener: their openings, autobahn's options for them, and their end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from autobahn.twisted.websocket import WebSocketServerFactory
from msgspec import Struct
from twisted.internet.defer import Deferred

from whisperd.logs import unexpected
from whisperd.relay import web
from whisperd.relay.admission import ConnectionLimits
from whisperd.relay.listeners import circuit
from whisperd.relay.liveness import Liveness
from whisperd.relay.session import Relay, Session, WhisperdSession
from whisperd.relay.websocket import Listener, RelayProtocol
from whisperd.relay.wh15p3r_session import Wh15p3rSession
from whisperd.timers import Clock
from whisperd.wire.frames import SUBPROTOCOL

if TYPE_CHECKING:  # a relay without TLS loads no OpenSSL
    from whisperd.relay.tls import Credentials

#: Subprotocol -> the sessions of a client that asks for it, or for none.
DIALECTS: dict[str | None, type[Session]] = {None: Wh15p3rSession, SUBPROTOCOL: WhisperdSession}


class ListenerKind(Struct, frozen=True):
    """Who comes to a listener. ``onion``: it is the daemon's own for its onion service; ``discreet``: its clients come
    through Tor, and hear no number of rooms; ``circuits``: something trusted in front of it says by which circuit each
    came."""

    onion: bool = False
    discreet: bool = False
    circuits: bool = False


class RelayFactory(WebSocketServerFactory):
    """The connections of one listener. ``tls``: what it speaks TLS with, if it does; ``onion_location``: returns the
    address that browsers are told, if any."""

    noisy = False

    def __init__(self, relay: Relay, sockets: ConnectionLimits, clock: Clock, kind: ListenerKind | None = None, *,
                 tls: Credentials | None = None, onion_location: Callable[[], str | None] = lambda: None) -> None:
        super().__init__(server=web.SERVER, reactor=clock)
        self.kind = kind or ListenerKind()
        self.scope = sockets.new_listener()
        self.connections: set[RelayProtocol] = set()
        self._relay = relay
        self._sockets = sockets
        self._tls = tls
        self._onion_location = onion_location
        self._empty: Deferred[None] | None = None
        self._liveness = Liveness(clock, self._too_late)
        self.opened, self.heard = self._liveness.opened, self._liveness.heard
        self.ponged, self.probe = self._liveness.ponged, self._liveness.probe
        self.hold, self.ending = self._liveness.hold, self._liveness.ending
        self.drained = sockets.unsent.forget
        # The relay's own deadlines stand for those of autobahn.
        self.setProtocolOptions(
            versions=[13], webStatus=False, failByDrop=False, closeHandshakeTimeout=0)
        # autobahn copies 29 options to each connection and formats them for a debug log; here they are the class's.
        options = {name: getattr(self, name) for name in RelayProtocol.CONFIG_ATTRS}
        self._protocol: type[RelayProtocol] = type("RelayProtocol", (RelayProtocol,), {**options, "CONFIG_ATTRS": ()})
        self.apply(())

    def apply(self, cors: tuple[str, ...]) -> None:
        """Put the bounds of the relay into force, for connections that are there too; ``cors``: the origins whose pages
        may read answers."""
        bounds = self._relay.limits.bounds
        self._max_unsent = max(bounds.max_unsent, 4 * bounds.max_frame)
        self._liveness.apply(bounds.handshake_timeout)
        for option in ("maxFramePayloadSize", "maxMessagePayloadSize"):
            setattr(self._protocol, option, bounds.max_frame)
        self._cors = cors

    @property
    def secure(self) -> bool:
        """Return whether this listener speaks TLS."""
        return self._tls is not None

    def buildProtocol(self, addr: object) -> RelayProtocol | None:
        """Return a protocol, or None (Twisted then closes the socket) when there are too many sockets already."""
        if not self._sockets.socket_opened():
            return None
        listener: Listener = self
        return self._protocol(listener)

    def made(self, connection: RelayProtocol) -> None:
        """Take note of one more connection."""
        self.connections.add(connection)
        self._liveness.made(connection)

    def agreed(self, connection: RelayProtocol) -> None:
        """Drop a client whose TLS key agreement is not good enough; called before any data."""
        if self._tls is not None and not self._tls.admits(connection.transport.getHandle()):  # type: ignore[arg-type]
            connection.transport.abortConnection()

    def requested(self, connection: RelayProtocol, data: bytes) -> None:
        """Let a WebSocket in or answer a request, as soon as its head is whole.

        It is read by ``relay.web`` and not by autobahn, so that plain HTTP gets proper answers, the whole head has one
        deadline, and no header and no address is stored.
        """
        try:
            head = web.read_head(data)
            if head is None:
                return
            wanted = web.upgrade(head)
        except web.HttpRefused as error:
            self._answer(connection, web.refusal(error))
            return
        if wanted is None:
            self._answer(connection, self._page(head))
            return
        now = self._relay.now()
        number = circuit(connection.transport.getPeer()) if self.kind.circuits else None
        source = self._sockets.source(self.scope, number, now)
        denial = self._sockets.connect(source, now)
        if denial is not None:
            self._answer(connection, web.denial(503, denial.code, denial.retry_after))
        else:
            session = DIALECTS[wanted.subprotocol](self._relay, connection, source)
            connection.open(web.switch(wanted), head.rest, session)

    def may_wait(self, connection: RelayProtocol, size: int) -> bool:
        """Count bytes that wait for a client which does not read; return whether they may."""
        return self._sockets.unsent.add(connection, size, self._max_unsent)

    def lost(self, connection: RelayProtocol) -> None:
        """Count a connection out."""
        self.connections.discard(connection)
        self._sockets.unsent.forget(connection)
        self._sockets.socket_closed()
        if connection.session is not None:
            self._sockets.disconnect(connection.session.source)
        self._liveness.gone(connection)
        self._tell_if_empty()

    def go_away(self) -> Deferred[None]:
        """Tell every client that the relay stops; the Deferred fires when the last connection is gone."""
        empty = self._empty = Deferred()
        for connection in list(self.connections):
            try:
                self._part(connection)
            except Exception as error:  # the others are told all the same
                unexpected(error)
                connection.transport.abortConnection()
        self._tell_if_empty()
        return empty

    def abort(self) -> None:
        """Drop every connection that is still there."""
        for connection in list(self.connections):
            connection.transport.abortConnection()

    def rest(self) -> None:
        """Plan nothing any more."""
        self._liveness.stop()

    def _part(self, connection: RelayProtocol) -> None:
        """Tell a client of the end; one that has not asked for anything is just closed."""
        if connection.state == connection.STATE_OPEN and connection.session is not None:
            connection.session.refuse("shutting-down")
        elif connection.state == connection.STATE_CONNECTING:
            connection.dropConnection(abort=True)

    def _too_late(self, connection: RelayProtocol) -> None:
        """Turn a client away that has not sent the whole head of its request in time."""
        if connection.state == connection.STATE_CONNECTING:
            self._relay.limits.refused["handshake-timeout"] += 1
            self._answer(connection, web.denial(408, "handshake-timeout"))

    def _answer(self, connection: RelayProtocol, response: bytes) -> None:
        connection.answer(web.secured(response) if self.secure else response)

    def _page(self, head: web.Head) -> bytes:
        """Return the answer to a plain request on this listener."""
        draining = self._relay.limits.draining
        health: dict[str, object] = {"status": "draining" if draining else "ok"}
        if not (self.kind.onion or self.kind.discreet):
            health["sessions"] = len(self._relay.rooms)
        answer = web.answer(head, health, 503 if draining else 200)
        answer = web.located(answer, self._onion_location()) if self.secure else answer
        return web.shared(answer, head, self._cors)

    def _tell_if_empty(self) -> None:
        if not self.connections and self._empty is not None:
            empty, self._empty = self._empty, None
            empty.callback(None)
