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
    """One connection as autobahn's machine needs it, from accepted to lost."""

    factory: Any
    openHandshakeTimeout: int
    autoPingInterval: int
    peer: Any = None
    _transport_details: Any = None
    is_open = is_closed = _Nobody()
    trafficStats = TrafficStats()
    utf8validator = cached_property(lambda self: Utf8Validator())
    send_queue: Any = ()
    state = ShortWay.STATE_CONNECTING
    send_state = ShortWay.SEND_STATE_GROUND
    data = b""
    websocket_version = 13
    current_frame: Any = None
    inside_message = triggered = False
    closedByMe = failedByMe = droppedByMe = wasClean = False
    wasMaxFramePayloadSizeExceeded = wasMaxMessagePayloadSizeExceeded = False
    wasOpenHandshakeTimeout = wasCloseHandshakeTimeout = wasServingFlashSocketPolicyFile = False
    wasNotCleanReason: Any = None
    localCloseCode = localCloseReason = remoteCloseCode = remoteCloseReason = None
    openHandshakeTimeoutCall: Any = None
    closeHandshakeTimeoutCall: Any = None
    autoPingTimeoutCall: Any = None
    autoPingPendingCall: Any = None
    autoPingPending = autoPingPendingSent = None
    autoPingPendingSeq = 0
    _perMessageCompress: Any = None
    trackedTimings: Any = None

    def __init__(self) -> None:
        """Create nothing: what autobahn creates here stands on the class."""

    def connectionMade(self) -> None:
        super().connectionMade()
        self.openHandshakeTimeoutCall = self.factory.call_later(self.openHandshakeTimeout, self.onOpenHandshakeTimeout)

    def opened(self, response: bytes, rest: bytes) -> None:
        """Answer the handshake with ``response``; what came behind it, ``rest``, is frames."""
        self.openHandshakeTimeoutCall.cancel()
        self.openHandshakeTimeoutCall = None
        self.data = b""
        self.sendData(response)
        self.state = self.STATE_OPEN
        self.autoPingPendingCall = self.factory.call_later(self.autoPingInterval, self._sendAutoPing)
        _forget_address(self.transport)
        if rest:
            self._dataReceived(rest)

    def gone(self) -> None:
        """Stop what is still planned for this connection."""
        self.state = self.STATE_CLOSED
        for call in (self.openHandshakeTimeoutCall, self.closeHandshakeTimeoutCall, self.autoPingPendingCall,
                     self.autoPingTimeoutCall):
            if call is not None and call.active():
                call.cancel()


def _forget_address(transport: Any) -> None:
    """Take the client's address out of Twisted's objects, through the wrappers around the socket."""
    while transport is not None:
        kept = vars(transport)
        if "hostname" in kept:
            kept.update(client=None, hostname="", logstr="relay", repstr="relay")
        transport = kept.get("transport")
