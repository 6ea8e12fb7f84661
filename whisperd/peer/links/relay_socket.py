"""The WebSocket below a relay link: autobahn's client with its defaults closed off.

It says nothing of this machine: no user agent, no origin, no extension, and pings of random bytes (autobahn's own
carry the clock). Deadlines in seconds: 30 from the connection to the seat, 5 for a close; a ping every 30, and two
without an answer are death.
"""

from __future__ import annotations

from typing import Any, Protocol

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from whisperd.interfaces import Random
from whisperd.wire.frames import SUBPROTOCOL

SEAT_TIMEOUT = 30
CLOSE_TIMEOUT = 5
PING_INTERVAL = 30
MAX_MISSED = 2
#: Seconds that a connection has to show that it lives, after the machine has slept.
WAKE_PATIENCE = 10
#: Largest message that is taken from a relay, in bytes: the largest frame of a peer, with room for any ratchet.
MAX_MESSAGE = 65_536
_PING_SIZE = 8


class SocketOwner(Protocol):
    """What a socket reports to."""

    def socket_open(self, socket: RelaySocket) -> None:
        """The relay speaks the dialect; a seat can be asked for."""

    def text_received(self, socket: RelaySocket, payload: bytes) -> None: ...

    def binary_received(self, socket: RelaySocket, payload: bytes) -> None: ...


class RelaySocket(WebSocketClientProtocol):
    """One connection to a relay. ``closed`` fires with whether it was ever open, when it is gone."""

    transport: Any

    def __init__(self, owner: SocketOwner, clock: Any, random: Random) -> None:
        super().__init__()
        self.closed: Deferred[bool] = Deferred()
        self._owner = owner
        self._clock = clock
        self._random = random
        self._was_open = False
        self._missed = 0
        self._calls: dict[str, Any] = {}

    def seated(self) -> None:
        """The relay gave a seat: from now on only pings decide."""
        self._cancel("seat")

    def send(self, payload: bytes, *, binary: bool) -> None:
        """Send one message; it is dropped when the connection is closing or gone."""
        if self.state == self.STATE_OPEN:
            self.sendMessage(payload, isBinary=binary)

    def leave(self, *texts: bytes) -> None:
        """Send the last text frames and close; the connection is cut if the relay does not answer."""
        if "close" in self._calls:
            return
        if self.state != self.STATE_OPEN:
            self.drop()
            return
        for text in texts:
            self.send(text, binary=False)
        self.sendClose(1000)
        self._later("close", CLOSE_TIMEOUT, self.drop)

    def probe(self) -> None:
        """Cut the connection unless it answers within WAKE_PATIENCE seconds."""
        if self.state == self.STATE_OPEN and "close" not in self._calls:
            self._missed = MAX_MISSED
            self.sendPing(self._random(_PING_SIZE))
            self._later("ping", WAKE_PATIENCE, self._ping)

    def drop(self) -> None:
        """Cut the connection."""
        self.transport.abortConnection()

    # -- called by Twisted and autobahn ---------------------------------------------------------------------------

    def connectionMade(self) -> None:
        self._later("seat", SEAT_TIMEOUT, self.drop)
        super().connectionMade()

    def onConnect(self, response: Any) -> None:
        if response.protocol != SUBPROTOCOL:
            self.drop()

    def onOpen(self) -> None:
        if self.websocket_protocol_in_use == SUBPROTOCOL:
            self._was_open = True
            self._later("ping", PING_INTERVAL, self._ping)
            self._owner.socket_open(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        (self._owner.binary_received if isBinary else self._owner.text_received)(self, payload)

    def onPong(self, payload: bytes) -> None:
        self._missed = 0

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        for name in list(self._calls):
            self._cancel(name)
        super().connectionLost(reason)
        self.closed.callback(self._was_open)

    # -- timers ---------------------------------------------------------------------------------------------------

    def _ping(self) -> None:
        if self._missed == MAX_MISSED:
            self.drop()
            return
        self._missed += 1
        self.sendPing(self._random(_PING_SIZE))
        self._later("ping", PING_INTERVAL, self._ping)

    def _later(self, name: str, delay: float, call: Any) -> None:
        self._cancel(name)
        self._calls[name] = self._clock.callLater(delay, call)

    def _cancel(self, name: str) -> None:
        call = self._calls.pop(name, None)
        if call is not None and call.active():
            call.cancel()


class RelaySocketFactory(WebSocketClientFactory):
    """Makes the sockets of one link; ``url`` is ``ws://HOST:PORT/``."""

    noisy = False

    def __init__(self, url: str, owner: SocketOwner, *, reactor: Any, random: Random) -> None:
        super().__init__(url, protocols=[SUBPROTOCOL], useragent="", reactor=reactor)
        self._owner = owner
        self._random = random
        self.setProtocolOptions(maxFramePayloadSize=MAX_MESSAGE, maxMessagePayloadSize=MAX_MESSAGE, failByDrop=False,
                                openHandshakeTimeout=0, closeHandshakeTimeout=0, serverConnectionDropTimeout=0)

    def buildProtocol(self, addr: object) -> RelaySocket:
        socket = RelaySocket(self._owner, self.reactor, self._random)
        socket.factory = self
        return socket
