"""autobahn's server protocol without what it carries along for each connection and nobody here asks for.

autobahn gives each connection some fifty attributes, counters, a queue, a validator, two futures, and strings for a log
that is off; it keeps the handshake. Here all of that stands on the class until it changes, and the handshake and the
client's address are gone once the connection is open.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from autobahn.websocket.protocol import TrafficStats
from autobahn.websocket.utf8validator import Utf8Validator

from whisperd.relay.fastpath import ShortWay


class _Nobody:
    """Stands where autobahn has a future that nobody waits for."""

    def callback(self, result: object) -> None:
        """Be told."""


class LeanProtocol(ShortWay):
    """One connection as autobahn's machine needs it, from accepted to lost; what changes with every message is the
    instance's, where it is found sooner."""

    peer: Any = None
    _transport_details: Any = None
    is_open = is_closed = _Nobody()
    trafficStats = TrafficStats()
    utf8validator = cached_property(lambda self: Utf8Validator())
    send_queue: Any = ()
    send_state = ShortWay.SEND_STATE_GROUND
    websocket_version = 13
    triggered = False
    closedByMe = droppedByMe = wasClean = False
    wasMaxFramePayloadSizeExceeded = wasMaxMessagePayloadSizeExceeded = False
    wasOpenHandshakeTimeout = wasCloseHandshakeTimeout = wasServingFlashSocketPolicyFile = False
    wasNotCleanReason: Any = None
    localCloseCode = localCloseReason = remoteCloseCode = remoteCloseReason = None
    closeHandshakeTimeoutCall: Any = None
    autoPingTimeoutCall = autoPingPending = None  # the relay's own pings are in the factory's hands
    _perMessageCompress: Any = None
    trackedTimings: Any = None

    def __init__(self, factory: Any) -> None:
        """Create what the short way looks at; the rest of what autobahn creates here stands on the class."""
        self.factory = factory
        self.state = self.STATE_CONNECTING
        self.session = None
        self.data = b""
        self.usual = 0
        self.current_frame: Any = None
        self.inside_message = self.failedByMe = self.held = self.pinged = self.congested = False

    def connectionMade(self) -> None:
        self.factory.handshakes.add(self)

    def opened(self, response: bytes, rest: bytes) -> None:
        """Answer the handshake with ``response``; what came behind it, ``rest``, is frames."""
        self.factory.handshakes.discard(self)
        self.factory.silences.add(self)
        self.data = b""
        self.state = self.STATE_OPEN
        self.sendData(response)
        if rest:
            self.dataReceived(rest)

    def ping(self) -> None:
        """Ask a client that may be gone."""
        self.pinged = True
        self.factory.pings.add(self)
        self.sendPing()

    def alive(self) -> None:
        if self.pinged:
            self.pinged = False
            self.factory.pings.discard(self)
            self.factory.silences.add(self)

    def gone(self) -> None:
        """Stop what is still planned for this connection."""
        self.state = self.STATE_CLOSED
        for deadlines in (self.factory.handshakes, self.factory.silences, self.factory.pings):
            deadlines.discard(self)
        if self.closeHandshakeTimeoutCall is not None and self.closeHandshakeTimeoutCall.active():
            self.closeHandshakeTimeoutCall.cancel()
