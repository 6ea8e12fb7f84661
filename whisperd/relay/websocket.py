"""The WebSocket edge: one connection between a socket and a session, with autobahn's traps closed.

autobahn frames, unmasks, validates UTF-8 and closes, behind the fast path. How a connection begins, how its signs of
life are watched and when it is cut off is decided by the listener that it came to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IHandshakeListener, ITCPTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from whisperd.relay.fastpath import BINARY, TEXT, FastPath
from whisperd.relay.session import Session
from whisperd.relay.transport import Connection

SLOW_FRAME = 4  # frames as many as one counts that autobahn has to take: so many times the work of a usual one
MAX_LATE = 1_000  # frames that a client may still send after it was told that its connection ends
_BROKEN = {1009: "frame-too-large", 1007: "not-text-utf8"}


class Listener(Protocol):
    """What a connection tells the listener that it came to. [whisperd.relay.factory, whisperd.relay.liveness]"""

    def made(self, connection: RelayProtocol) -> None: ...  # it is there
    def agreed(self, connection: RelayProtocol) -> None: ...  # to drop it where TLS has not agreed on a good enough key
    def requested(self, connection: RelayProtocol, head: bytes) -> None: ...  # to call ``open`` or ``answer``, if whole
    def opened(self, connection: RelayProtocol) -> None: ...  # to call ``ping`` when it is silent
    def heard(self, connection: RelayProtocol) -> None: ...  # after ``ping``
    def ponged(self, connection: RelayProtocol) -> None: ...  # for those who have asked by ``probe``
    def probe(self, connection: RelayProtocol, answer: Callable[[bool], None]) -> None: ...  # to ping it, and tell
    def hold(self, connection: RelayProtocol, seconds: float) -> None: ...  # to call ``release`` then, and not before
    def may_wait(self, connection: RelayProtocol, size: int) -> bool: ...  # whether its full transport may take more
    def drained(self, connection: RelayProtocol) -> None: ...  # nothing waits for it any more
    def ending(self, connection: RelayProtocol) -> None: ...  # to cut it off if it is not gone in time
    def lost(self, connection: RelayProtocol) -> None: ...  # it is gone


@implementer(IHandshakeListener)
class RelayProtocol(FastPath):
    """One connection, plain HTTP or WebSocket; the Wire of its session."""

    _late = 0

    def __init__(self, listener: Listener) -> None:
        super().__init__()
        self.factory = listener

    def connectionMade(self) -> None:
        if not isinstance(self.transport, Connection):
            if ITCPTransport.providedBy(self.transport):
                self.transport.setTcpNoDelay(True)
            self.transport.registerProducer(self, True)
        self.factory.made(self)

    def handshakeCompleted(self) -> None:
        self.factory.agreed(self)

    def processHandshake(self) -> None:
        self.factory.requested(self, self.data)

    def answer(self, response: bytes) -> None:
        """Answer a request that opens no WebSocket, and close."""
        self.transport.write(response)
        self.wasClean = True
        self.dropConnection(abort=False)

    def open(self, response: bytes, rest: bytes, session: Session) -> None:
        """Answer a request that opens a WebSocket; ``rest`` is frames that came behind it."""
        self.factory.opened(self)
        self.data, self.state, self.session = b"", self.STATE_OPEN, session
        self.usual = BINARY if session.opaque else TEXT
        self.sendData(response)
        if rest:
            self.dataReceived(rest)

    def write(self, data: bytes) -> None:
        """Give bytes to the transport, unless more waits for the client than may; it has some seconds to read why."""
        if not self.congested or self.factory.may_wait(self, len(data)):
            self.transport.write(data)
        elif self.state == self.STATE_OPEN and self.session is not None and not self.failedByMe:
            self.session.refuse("slow-reader")
        else:
            self.dropConnection(abort=True)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.state = self.STATE_CLOSED
        try:
            if self.session is not None:
                self.session.lost()
        finally:
            self.factory.lost(self)
            self.session = None

    def alive(self) -> None:
        """Take note that the client has shown itself."""
        if self.pinged:
            self.pinged = False
            self.factory.heard(self)

    def onMessageEnd(self) -> None:
        """Hand over a message without autobahn's Deferred for each."""
        self.alive()
        if not self.failedByMe and self.session is not None:
            self.session.received(b"".join(self.message_data), self.message_is_binary)
        self.message_data = []

    def onPing(self, payload: bytes) -> None:
        if self._charged(len(payload)):
            self.sendPong(payload)

    def onPong(self, payload: bytes) -> None:
        self.alive()
        if self._charged(len(payload)):
            self.factory.ponged(self)

    def onMessageFrameBegin(self, length: int) -> None:
        """Count the parts of a message, of which there can be any number without a byte in them."""
        if not self.current_frame.fin:
            self._charged(0)
        super().onMessageFrameBegin(length)

    def _charged(self, size: int) -> bool:
        """Count a frame that autobahn has taken; return whether its session goes on."""
        return not self.failedByMe and self.session is not None and self.session.charge(size, SLOW_FRAME)

    def onFrameBegin(self) -> None:
        """Drop a client that goes on and on after its end."""
        super().onFrameBegin()
        self._late += self.failedByMe
        if self._late > MAX_LATE:
            self.dropConnection(abort=True)

    def pauseProducing(self) -> None:
        """The transport's buffer is full: count from here on what is put on top (it says so at every write)."""
        self.congested = True

    def resumeProducing(self) -> None:
        self.congested = False
        self.factory.drained(self)
    stopProducing = resumeProducing

    def hold(self, seconds: float) -> None:
        """Take no frame for so long, also of those that were read already."""
        if not self.held:
            self.held = True
            self.transport.pauseProducing()
            self.factory.hold(self, seconds)

    def release(self) -> None:
        """Take frames again."""
        self.held = False
        data, self.data = self.data, b""
        if data:
            self.dataReceived(data)
        if not self.held:
            self.transport.resumeProducing()

    def processData(self) -> bool:
        """Leave the rest of a read for later while the client is held."""
        return not self.held and bool(super().processData())

    def ping(self) -> None:
        """Ask a client that may be gone."""
        self.pinged = True
        self.sendPing()

    def probe(self, answer: Callable[[bool], None]) -> None:
        """Ask the client for a sign of life."""
        self.factory.probe(self, answer)

    def close(self, code: int, reason: str) -> None:
        """Begin the closing handshake; what still comes in is thrown away."""
        self.failedByMe = True
        if self.state == self.STATE_OPEN:
            self.sendCloseFrame(code, reason.encode())
            self.factory.ending(self)
        if self.held:  # or its answer would not be read
            self.factory.hold(self, 0)

    def _fail_connection(self, code: int = 1001, reason: str = "") -> None:
        """autobahn has found a message too large (1009), not UTF-8 (1007) or against the protocol (1002)."""
        if self.state != self.STATE_OPEN or self.session is None:
            return
        if code in _BROKEN:
            self.session.refuse(_BROKEN[code])
        else:
            self.close(code, "protocol-error")
            self.session.lost()

    def _protocol_violation(self, reason: str) -> bool:
        """Close for good: where the next frame begins is not known any more."""
        self._fail_connection(1002)
        self.dropConnection(abort=False)
        return True

    def _closeConnection(self, abort: bool = False) -> None:
        self.flush()
        if abort:
            self.transport.abortConnection()
        else:
            self.transport.loseConnection()
            self.factory.ending(self)
