"""The WebSocket edge: autobahn between a socket and a Session, with autobahn's traps closed.

autobahn frames, unmasks, validates UTF-8, pings and closes. The opening handshake is read by ``relay.web``, so that
plain HTTP gets proper answers, the whole head has one deadline, and no header and no address is kept. Deadlines in
seconds: 30 for the head (dripping does not extend it), 10 for a close; a ping after 30 of silence, dead after two
more of these without an answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autobahn.twisted.websocket import WebSocketServerProtocol
from twisted.internet.interfaces import ITCPTransport

from whisperd.relay import web
from whisperd.relay.scopes import Scope
from whisperd.relay.session import Session, WhisperdSession, WhisperSession

if TYPE_CHECKING:
    from whisperd.relay.factory import RelayFactory

CLOSE_TIMEOUT = 10

_BROKEN = {1009: "frame-too-large", 1007: "not-text-utf8"}


class RelayProtocol(WebSocketServerProtocol):
    """One connection, plain HTTP or WebSocket; the Wire of its session."""

    factory: RelayFactory
    transport: Any
    session: Session | None = None
    _drop_call: Any = None
    _congested = False
    _unsent = 0
    _hold_call: Any = None

    # -- the socket: overridden because autobahn formats the client's address and debug texts here, at every read ----

    def connectionMade(self) -> None:
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
        self._connectionMade()
        self.transport.registerProducer(self, True)
        self.factory.protocols.add(self)

    def dataReceived(self, data: bytes) -> None:
        if self.state != self.STATE_CLOSED:  # autobahn would go on collecting
            self._dataReceived(data)

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        if self._congested:
            self._unsent += len(data)
            if self._unsent > self.factory.max_unsent:
                self._unsent = -self.factory.max_unsent  # what is told of it has to fit on top
                self._too_slow()
                return
        self.transport.write(data)

    def connectionLost(self, reason: Any = None) -> None:
        self.factory.protocols.discard(self)
        self.factory.relay.limits.socket_closed()
        if self.session is not None:
            self.factory.relay.limits.disconnect(self.session.source)
            self.session.lost()
            self.session = None
        for call in (self._drop_call, self._hold_call, self.closeHandshakeTimeoutCall):  # autobahn forgets the last
            if call is not None and call.active():
                call.cancel()
        self._connectionLost(reason)
        self.factory.tell_if_empty()

    # -- the opening handshake ---------------------------------------------------------------------------------------

    def processHandshake(self) -> None:
        try:
            head = web.read_head(self.data)
            if head is None:
                return
            wanted = web.upgrade(head)
        except web.HttpRefused as error:
            self._answer(web.refusal(error))
            return
        if wanted is None:
            self._answer(self.factory.page(head))
            return
        source = self.factory.source(self.transport)
        denial = self.factory.relay.limits.connect(source, self.factory.relay.now())
        if denial is not None:
            self._answer(web.denial(503, denial.code, denial.retry_after))
        else:
            self._open(wanted, head.rest, source)

    def onOpenHandshakeTimeout(self) -> None:
        self.openHandshakeTimeoutCall = None
        if self.state == self.STATE_CONNECTING:
            self.factory.relay.limits.refused["handshake-timeout"] += 1
            self._answer(web.denial(408, "handshake-timeout"))

    def _answer(self, response: bytes) -> None:
        self.transport.write(response)
        self.wasClean = True
        self.dropConnection(abort=False)

    def _open(self, wanted: web.Upgrade, rest: bytes, source: Scope) -> None:
        dialect = WhisperSession if wanted.subprotocol is None else WhisperdSession
        self.session = dialect(self.factory.relay, self, source)
        self.data = rest
        self._wskey, self.websocket_version = wanted.key, 13
        self.websocket_extensions: list[Any] = []  # whatever is offered: no compression, no extension
        self.websocket_protocols = [wanted.subprotocol] if wanted.subprotocol else []
        self.succeedHandshake(wanted.subprotocol)

    # -- messages ----------------------------------------------------------------------------------------------------

    def onMessageEnd(self) -> None:
        """Hand over a message without autobahn's Deferred for each."""
        if not self.failedByMe and self.session is not None:
            self.session.received(b"".join(self.message_data), self.message_is_binary)
        self.message_data = []

    def onPing(self, payload: bytes) -> None:
        if not self.failedByMe and self.session is not None and self.session.charge(len(payload)):
            self.sendPong(payload)

    def onMessageFrameBegin(self, length: int) -> None:
        """Count the parts of a message, of which there can be any number without a byte in them."""
        if not self.failedByMe and self.session is not None and not self.current_frame.fin:
            self.session.charge(0)
        super().onMessageFrameBegin(length)

    def send(self, payload: bytes, binary: bool) -> None:
        """Send one message; nothing happens when the connection is closing or gone."""
        if self.state == self.STATE_OPEN:
            self.sendFrame(opcode=2 if binary else 1, payload=payload)

    def pauseProducing(self) -> None:
        """The transport's buffer is full: count from here on what is put on top (it says so at every write)."""
        self._congested = True

    def resumeProducing(self) -> None:
        self._congested, self._unsent = False, 0

    def stopProducing(self) -> None:
        self._congested = False

    def hold(self, seconds: float) -> None:
        """Read nothing for so long."""
        if self._hold_call is not None and self._hold_call.active():
            self._hold_call.reset(seconds)
        else:
            self.transport.pauseProducing()
            self._hold_call = self.factory.call_later(seconds, self.transport.resumeProducing)

    # -- the end -----------------------------------------------------------------------------------------------------

    def close(self, code: int, reason: str) -> None:
        """Begin the closing handshake; what still comes in is thrown away."""
        self.failedByMe = True
        if self.state == self.STATE_OPEN:
            self.sendCloseFrame(code, reason.encode())

    def go_away(self) -> None:
        """Tell the client that the relay stops, and close; a client that has not asked for anything is just closed."""
        if self.state == self.STATE_OPEN and self.session is not None:
            self.session.refuse("shutting-down")
        elif self.state == self.STATE_CONNECTING:
            self.dropConnection(abort=True)

    def _too_slow(self) -> None:
        """More waits for the client than may; it has CLOSE_TIMEOUT to read that and why."""
        if self.state == self.STATE_OPEN and self.session is not None and not self.failedByMe:
            self.session.refuse("slow-reader")
        else:
            self.dropConnection(abort=True)

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
        if abort:
            self.transport.abortConnection()
        else:
            self.transport.loseConnection()
            self._drop_call = self.factory.call_later(CLOSE_TIMEOUT, self.transport.abortConnection)
