"""The connections of one listener, and autobahn's options for them.

Deadlines in seconds: ``handshake_timeout`` for a request's head (dripping does not extend it), 10 for a close; a ping
after 30 of silence, dead after two more of these without an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from autobahn.twisted.websocket import WebSocketServerFactory
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from whisperd.logs import unexpected
from whisperd.relay import web
from whisperd.relay.buckets import Scope
from whisperd.relay.deadlines import Deadlines
from whisperd.relay.listeners import circuit
from whisperd.relay.relay import Relay
from whisperd.relay.websocket import CLOSE_TIMEOUT, RelayProtocol

if TYPE_CHECKING:  # a relay without TLS loads no OpenSSL
    from whisperd.relay.tls import Credentials

PING_INTERVAL = 30
PING_TIMEOUT = 2 * PING_INTERVAL


class _Timer:
    """autobahn's timer, on the clock that is given."""

    def __init__(self, call_later: Callable[..., IDelayedCall]) -> None:
        self.call_later = call_later


class RelayFactory(WebSocketServerFactory):
    """The connections of one listener. ``onion``: it is the daemon's own for its onion service; ``discreet``: its
    clients come through Tor, and hear no number of rooms; ``circuits``: something trusted in front of it says by which
    circuit each came; ``tls``: what it speaks TLS with, if it does; ``cors``: the origins whose pages may read answers.
    """

    noisy = False

    def __init__(self, relay: Relay, clock: Any, *, onion: bool = False, discreet: bool = False,
                 circuits: bool = False, tls: Credentials | None = None, cors: tuple[str, ...] = ()) -> None:
        super().__init__(server=web.SERVER, reactor=clock)
        self.relay = relay
        self.onion = onion
        self.discreet = onion or discreet
        self.call_later = clock.callLater
        self.scope = relay.limits.new_listener()
        self.circuits = circuits
        self.tls = tls
        self.cors = cors
        self.onion_location: Callable[[], str | None] = lambda: None  #: what browsers are told
        self.protocols: set[RelayProtocol] = set()
        self.handshakes = Deadlines(clock, 0, RelayProtocol.handshake_over)
        self.silences = Deadlines(clock, PING_INTERVAL, RelayProtocol.ping)
        self.pings = Deadlines(clock, PING_TIMEOUT, RelayProtocol.give_up)
        self._empty: Deferred[None] | None = None
        self._batched_timer = _Timer(clock.callLater)
        self.setProtocolOptions(
            versions=[13], webStatus=False, failByDrop=False, closeHandshakeTimeout=CLOSE_TIMEOUT)
        # autobahn copies 29 options to each connection and formats them for a debug log; here they are the class's.
        options = {name: getattr(self, name) for name in RelayProtocol.CONFIG_ATTRS}
        self.protocol: Any = type("RelayProtocol", (RelayProtocol,), {**options, "CONFIG_ATTRS": ()})
        self.apply()

    def apply(self) -> None:
        """Put the bounds of the relay into force, for connections that are there too."""
        bounds = self.relay.limits.bounds
        self.max_unsent = max(bounds.max_unsent, 4 * bounds.max_frame)
        self.handshakes.delay = bounds.handshake_timeout
        self.max_frame = self.protocol.maxFramePayloadSize = self.protocol.maxMessagePayloadSize = bounds.max_frame

    @property
    def secure(self) -> bool:
        """Return whether this listener speaks TLS."""
        return self.tls is not None

    def buildProtocol(self, addr: object) -> Any:
        """Return a protocol, or None (Twisted then closes the socket) when there are too many sockets already."""
        if not self.relay.limits.socket_opened():
            return None
        return self.protocol(self)

    def source(self, transport: Any) -> Scope:
        """Return what a new WebSocket on ``transport`` is counted for."""
        number = circuit(transport.getPeer()) if self.circuits else None
        return self.relay.limits.source(self.scope, number, self.relay.now())

    def page(self, head: web.Head) -> bytes:
        """Return the answer to a plain request on this listener."""
        draining = self.relay.limits.draining
        health: dict[str, object] = {"status": "draining" if draining else "ok"}
        answer = web.answer(head, health if self.discreet else {**health, "sessions": len(self.relay.rooms)},
                            503 if draining else 200)
        answer = web.located(answer, self.onion_location()) if self.secure else answer
        return web.shared(answer, head, self.cors)

    def go_away(self) -> Deferred[None]:
        """Tell every client that the relay stops; the Deferred fires when the last connection is gone."""
        self._empty = Deferred()
        for protocol in list(self.protocols):
            try:
                protocol.go_away()
            except Exception as error:  # the others are told all the same
                unexpected(error)
                protocol.transport.abortConnection()
        empty = self._empty
        self.tell_if_empty()
        return empty

    def abort(self) -> None:
        """Drop every connection that is still there."""
        for protocol in list(self.protocols):
            protocol.transport.abortConnection()

    def rest(self) -> None:
        """Plan nothing any more."""
        for deadlines in (self.handshakes, self.silences, self.pings):
            deadlines.stop()

    def tell_if_empty(self) -> None:
        if not self.protocols and self._empty is not None:
            empty, self._empty = self._empty, None
            empty.callback(None)
