"""The WebSocket below a relay link: autobahn's client with its defaults closed off.

It says nothing of this machine: no user agent, no origin, no extension, and pings of random bytes (autobahn's own
carry the clock). Deadlines in seconds: 30 from the connection to the seat, 5 for a close; a ping every 30, and two
without an answer are death.
"""

from __future__ import annotations

from typing import Any, Protocol

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from autobahn.websocket.types import ConnectionResponse
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from whisperd.peer.links.context import LinkContext, LinkStream
from whisperd.timers import OneShot
from whisperd.wire.frames import SUBPROTOCOL

#: How many pings in a row go unanswered on a connection that is dead.
MAX_MISSED = 2
#: Largest message that is taken from a relay, in bytes: the largest frame of a peer, with room for any ratchet.
MAX_MESSAGE = 65_536
_PING_SIZE = 8


class SocketOwner(Protocol):
    """What a socket reports to."""

    def socket_open(self, socket: RelaySocket) -> None:
        """The relay speaks the dialect; a seat can be asked for."""

    def text_received(self, socket: RelaySocket, payload: bytes) -> None:
        """A frame of the relay itself came in."""

    def binary_received(self, socket: RelaySocket, payload: bytes) -> None:
        """A frame of the other side came in."""


class RelaySocket(WebSocketClientProtocol):
    """One connection to a relay. ``closed`` fires with whether it was ever open, when it is gone."""

    transport: LinkStream  # type: ignore[assignment]

    def __init__(self, owner: SocketOwner, context: LinkContext) -> None:
        super().__init__()
        self.closed: Deferred[bool] = Deferred()
        self._owner = owner
        self._random = context.random
        self._timing = context.timing
        self._was_open = False
        self._missed = 0
        self._left = False
        self._seat_timer = OneShot(context.reactor, self.drop)
        self._close_timer = OneShot(context.reactor, self.drop)
        self._ping_timer = OneShot(context.reactor, self._ping_again)

    def seated(self) -> None:
        """The relay gave a seat: from now on only pings decide."""
        self._seat_timer.cancel()

    def send(self, payload: bytes, *, binary: bool) -> None:
        """Send one message; it is dropped when the connection is closing or gone."""
        if self.state == self.STATE_OPEN:
            write: Any = self.sendMessage  # autobahn states no types
            write(payload, isBinary=binary)

    def leave(self, *texts: bytes) -> None:
        """Send the last text frames and close; the connection is cut if the relay does not answer."""
        if self._left:
            return
        if self.state != self.STATE_OPEN:
            self.drop()
            return
        self._left = True
        for text in texts:
            self.send(text, binary=False)
        self.sendClose(1000)
        self._close_timer.start(self._timing.close)

    def probe(self) -> None:
        """Cut the connection unless it answers soon."""
        if self.state == self.STATE_OPEN and not self._left:
            self._missed = MAX_MISSED
            self.sendPing(self._random(_PING_SIZE))
            self._ping_timer.start(self._timing.wake)

    def drop(self) -> None:
        """Cut the connection."""
        self.transport.abortConnection()

    # -- called by Twisted and autobahn ---------------------------------------------------------------------------

    def connectionMade(self) -> None:
        self._seat_timer.start(self._timing.seat)
        super().connectionMade()

    def onConnect(self, response: ConnectionResponse) -> None:
        if response.protocol != SUBPROTOCOL:
            self.drop()

    def onOpen(self) -> None:
        if self.websocket_protocol_in_use == SUBPROTOCOL:
            self._was_open = True
            self._ping_timer.start(self._timing.ping)
            self._owner.socket_open(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        (self._owner.binary_received if isBinary else self._owner.text_received)(self, payload)

    def onPong(self, payload: bytes) -> None:
        self._missed = 0

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        for timer in (self._seat_timer, self._close_timer, self._ping_timer):
            timer.cancel()
        super().connectionLost(reason)
        self.closed.callback(self._was_open)

    def _ping_again(self) -> None:
        if self._missed == MAX_MISSED:
            self.drop()
            return
        self._missed += 1
        self.sendPing(self._random(_PING_SIZE))
        self._ping_timer.start(self._timing.ping)


class RelaySocketFactory(WebSocketClientFactory):
    """Makes the sockets of one link; ``url`` is ``ws://HOST:PORT/``."""

    noisy = False

    def __init__(self, url: str, owner: SocketOwner, context: LinkContext) -> None:
        begin: Any = super().__init__  # autobahn states no types
        begin(url, protocols=[SUBPROTOCOL], useragent="", reactor=context.reactor)
        self._owner = owner
        self._context = context
        configure: Any = self.setProtocolOptions
        configure(maxFramePayloadSize=MAX_MESSAGE, maxMessagePayloadSize=MAX_MESSAGE, failByDrop=False,
                  openHandshakeTimeout=0, closeHandshakeTimeout=0, serverConnectionDropTimeout=0)

    def buildProtocol(self, addr: object) -> RelaySocket:
        socket = RelaySocket(self._owner, self._context)
        socket.factory = self
        return socket
