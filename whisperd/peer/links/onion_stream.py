"""The stream below a direct link: records of frames, pings every 30 seconds, and two without an answer are death.

A side that took a connection sends nothing on it, not even pings, before the other side has proven itself.
"""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.python.failure import Failure

from whisperd.errors import ChannelBroken
from whisperd.peer.links.context import LinkContext, LinkStream
from whisperd.timers import OneShot
from whisperd.wire import direct
from whisperd.wire.direct import RecordKind, Records

#: How many pings in a row go unanswered on a stream that is dead.
MAX_MISSED = 2
#: Records of somebody who has not proven themselves that are looked at.
MAX_UNPROVEN = 8


class StreamOwner(Protocol):
    """What a stream reports to."""

    def stream_open(self, stream: OnionStream) -> None:
        """The connection is there."""

    def stream_frame(self, stream: OnionStream, frame: bytes) -> None:
        """One frame came in."""

    def stream_lost(self, stream: OnionStream) -> None:
        """The connection is gone."""


class OnionStream(TwistedProtocol):
    """One connection, which either side has opened; ``proven`` once the owner says so."""

    transport: LinkStream  # type: ignore[assignment]

    def __init__(self, owner: StreamOwner, context: LinkContext) -> None:
        self.proven = False
        self._owner = owner
        self._timing = context.timing
        self._timer = OneShot(context.reactor, self._due)
        self._records = Records()
        self._unproven = 0
        self._missed = 0
        self._lost = False

    def prove(self) -> None:
        """The other side was heard on this stream."""
        if not self.proven:
            self.proven = True
            self._timer.start(self._timing.ping)

    def send(self, frame: bytes) -> None:
        """Send one frame; it is dropped when the connection is gone."""
        if not self._lost:
            self.transport.writeSequence((direct.record(frame),))

    def probe(self) -> None:
        """Cut the connection unless it answers soon."""
        if self.proven and not self._lost:
            self._missed = MAX_MISSED
            self.transport.write(direct.PING)
            self._timer.start(self._timing.wake)

    def drop(self) -> None:
        """Cut the connection."""
        self.transport.abortConnection()

    def close(self) -> None:
        """Close the connection, after what was sent."""
        self.transport.loseConnection()
        self._timer.start(self._timing.wake)
        self._missed = MAX_MISSED

    # -- called by Twisted ----------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
        self._timer.start(self._timing.proof)
        self._owner.stream_open(self)

    def dataReceived(self, data: bytes) -> None:
        try:
            for kind, frame in self._records.feed(data):
                if not self._allowed():
                    return
                self._missed = 0
                if kind is RecordKind.FRAME:
                    self._owner.stream_frame(self, frame)
                elif kind is RecordKind.PING and self.proven:
                    self.transport.write(direct.PONG)
        except ChannelBroken:
            self.drop()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost = True
        self._timer.cancel()
        self._owner.stream_lost(self)

    # -- inside ---------------------------------------------------------------------------------------------------

    def _allowed(self) -> bool:
        self._unproven += not self.proven
        if self._unproven > MAX_UNPROVEN:
            self.drop()
        return not self._lost and self._unproven <= MAX_UNPROVEN

    def _due(self) -> None:
        if not self.proven or self._missed == MAX_MISSED:
            self.drop()
            return
        self._missed += 1
        self.transport.write(direct.PING)
        self._timer.start(self._timing.ping)


class StreamFactory(Factory):
    """Makes the streams of one link."""

    noisy = False

    def __init__(self, owner: StreamOwner, context: LinkContext) -> None:
        self._owner = owner
        self._context = context

    def buildProtocol(self, addr: object) -> OnionStream:
        return OnionStream(self._owner, self._context)
