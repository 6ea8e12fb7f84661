"""The connections of one listener, and autobahn's options for them.

Deadlines in seconds: 30 for a request's head (dripping does not extend it), 10 for a close; a ping after 30 of silence,
dead after two more of these without an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from whisperd.relay import web
from whisperd.relay.session import Relay
from whisperd.relay.websocket import CLOSE_TIMEOUT, RelayProtocol

HEAD_TIMEOUT = 30
PING_INTERVAL = 30
PING_TIMEOUT = 2 * PING_INTERVAL
#: Bytes on top of the transport's buffer (64 KiB) that may wait for a reader who does not read; at least 4 frames.
MAX_UNSENT = 1_048_576


class _Timer:
    """autobahn's timer, on the clock that is given."""

    def __init__(self, call_later: Callable[..., IDelayedCall]) -> None:
        self.call_later = call_later


class RelayFactory(WebSocketServerFactory):
    """The connections of one listener. ``onion``: its clients come through Tor, and hear no number of rooms."""

    noisy = False

    def __init__(self, relay: Relay, clock: Any, *, onion: bool = False) -> None:
        super().__init__(server=web.SERVER, reactor=clock)
        self.relay = relay
        self.onion = onion
        self.call_later = clock.callLater
        self.max_unsent = max(MAX_UNSENT, 4 * relay.limits.max_frame)
        self.protocols: set[RelayProtocol] = set()
        self._empty: Deferred[None] | None = None
        self._batched_timer = _Timer(clock.callLater)
        self.setProtocolOptions(
            versions=[13], webStatus=False, failByDrop=False, openHandshakeTimeout=HEAD_TIMEOUT,
            closeHandshakeTimeout=CLOSE_TIMEOUT, autoPingInterval=PING_INTERVAL, autoPingTimeout=PING_TIMEOUT,
            maxFramePayloadSize=relay.limits.max_frame, maxMessagePayloadSize=relay.limits.max_frame,
        )
        # autobahn copies 29 options to each connection and formats them for a debug log; here they are the class's.
        options = {name: getattr(self, name) for name in RelayProtocol.CONFIG_ATTRS}
        self.protocol: Any = type("RelayProtocol", (RelayProtocol,), {**options, "CONFIG_ATTRS": ()})

    def buildProtocol(self, addr: object) -> Any:
        """Return a protocol, or None (Twisted then closes the socket) when there are too many sockets already."""
        if not self.relay.limits.socket_opened():
            return None
        protocol = self.protocol()
        protocol.factory = self
        return protocol

    def health(self) -> dict[str, object]:
        """Return what ``/health`` says on this listener."""
        return {"status": "ok"} if self.onion else {"status": "ok", "sessions": len(self.relay.rooms)}

    def go_away(self) -> Deferred[None]:
        """Tell every client that the relay stops; the Deferred fires when the last connection is gone."""
        self._empty = Deferred()
        for protocol in list(self.protocols):
            protocol.go_away()
        empty = self._empty
        self.tell_if_empty()
        return empty

    def abort(self) -> None:
        """Drop every connection that is still there."""
        for protocol in list(self.protocols):
            protocol.transport.abortConnection()

    def tell_if_empty(self) -> None:
        if not self.protocols and self._empty is not None:
            empty, self._empty = self._empty, None
            empty.callback(None)
