"""The WebSocket edge: autobahn between a socket and a Session, with autobahn's traps closed.

autobahn frames, unmasks, validates UTF-8, pings and closes, behind the short way of ``relay.fastpath``; how a
connection begins stands in ``relay.opening``, and its deadlines in ``relay.factory``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IHandshakeListener, ITCPTransport
from zope.interface import implementer

from whisperd.relay.liveness import LivenessProbe
from whisperd.relay.opening import OpeningProtocol
from whisperd.relay.transport import Connection

CLOSE_TIMEOUT = 10
#: Frames as many as one counts that autobahn has to take: about so many times the work of a usual one.
SLOW_FRAME = 4
#: Frames that a client may still send after it was told that its connection ends.
MAX_LATE = 1_000

_BROKEN = {1009: "frame-too-large", 1007: "not-text-utf8"}


@implementer(IHandshakeListener)
class RelayProtocol(OpeningProtocol):
    """One connection, plain HTTP or WebSocket; the Wire of its session."""

    _drop_call: Any = None
    _unsent = _late = 0
    _hold_call: Any = None
    _probe: LivenessProbe | None = None

    # -- the socket --------------------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        super().connectionMade()
        if not isinstance(self.transport, Connection):
            if ITCPTransport.providedBy(self.transport):
                self.transport.setTcpNoDelay(True)
            self.transport.registerProducer(self, True)
        self.factory.protocols.add(self)

    def handshakeCompleted(self) -> None:
        """Drop a client whose key agreement is not good enough; called where TLS is spoken, before any data."""
        tls = self.factory.tls
        if tls is not None and not tls.admits(self.transport.getHandle()):
            self.transport.abortConnection()

    def write(self, data: bytes) -> None:
        if self.congested:
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
            self._shown(False)
            self.session = None
        for call in (self._drop_call, self._hold_call):
            if call is not None and call.active():
                call.cancel()
        self.gone()
        self.factory.tell_if_empty()

    # -- messages ----------------------------------------------------------------------------------------------------

    def onMessageEnd(self) -> None:
        """Hand over a message without autobahn's Deferred for each."""
        self.alive()
        if not self.failedByMe and self.session is not None:
            self.session.received(b"".join(self.message_data), self.message_is_binary)
        self.message_data = []

    def onPing(self, payload: bytes) -> None:
        if not self.failedByMe and self.session is not None and self.session.charge(len(payload), SLOW_FRAME):
            self.sendPong(payload)

    def onPong(self, payload: bytes) -> None:
        self.alive()
        if not self.failedByMe and self.session is not None and self.session.charge(len(payload), SLOW_FRAME):
            self._shown(True)

    def onMessageFrameBegin(self, length: int) -> None:
        """Count the parts of a message, of which there can be any number without a byte in them."""
        if not self.failedByMe and self.session is not None and not self.current_frame.fin:
            self.session.charge(0, SLOW_FRAME)
        super().onMessageFrameBegin(length)

    def pauseProducing(self) -> None:
        """The transport's buffer is full: count from here on what is put on top (it says so at every write)."""
        self.congested = True

    def resumeProducing(self) -> None:
        self.congested, self._unsent = False, 0

    def stopProducing(self) -> None:
        self.congested = False

    def hold(self, seconds: float) -> None:
        """Take no frame for so long, also of those that were read already."""
        if not self.held:
            self.held = True
            self.transport.pauseProducing()
            self._hold_call = self.factory.call_later(seconds, self._release)

    def _release(self) -> None:
        self.held = False
        data, self.data = self.data, b""
        if data:
            self.dataReceived(data)
        if not self.held:
            self.transport.resumeProducing()

    def processData(self) -> bool:
        """Leave the rest of a read for later while the client is held."""
        return not self.held and bool(super().processData())

    def onFrameBegin(self) -> None:
        """Drop a client that goes on and on after its end."""
        super().onFrameBegin()
        self._late += self.failedByMe
        if self._late > MAX_LATE:
            self.dropConnection(abort=True)

    def probe(self, answer: Callable[[bool], None]) -> None:
        """Ask the client for a sign of life."""
        self._probe = self._probe or LivenessProbe(self, self.factory.call_later)
        self._probe.ask(answer)

    def _shown(self, alive: bool) -> None:
        probe, self._probe = self._probe, None
        if probe is not None:
            probe.settle(alive)

    # -- the end -----------------------------------------------------------------------------------------------------

    def close(self, code: int, reason: str) -> None:
        """Begin the closing handshake; what still comes in is thrown away."""
        self.failedByMe = True
        if self.state == self.STATE_OPEN:
            self.sendCloseFrame(code, reason.encode())
        if self.held:  # or its answer would not be read
            self._hold_call.reset(0)

    def give_up(self) -> None:
        """Drop a connection whose client does not answer."""
        if self.session is not None:
            self.session.lost()
        self.dropConnection(abort=True)

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
        self.flush()
        if abort:
            self.transport.abortConnection()
        else:
            self.transport.loseConnection()
            self._drop_call = self.factory.call_later(CLOSE_TIMEOUT, self.transport.abortConnection)
