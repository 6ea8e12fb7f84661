"""Every private part of autobahn, Twisted and CPython that whisperd relies on: where it is, its shape, and what for.

None of them is promised to stay. ``test_canary`` says after an upgrade which one has changed, and what hangs on it.
"""

from __future__ import annotations

from dataclasses import dataclass

#: What the list was checked with last.
CHECKED = {"autobahn": "26.10", "Twisted": "26.10", "CPython": "3.11 to 3.13"}

_EDGE = "whisperd/relay/websocket.py"
_FAST = "whisperd/relay/fastpath.py"
_SOCKET = "whisperd/relay/transport.py"
_REACTOR = "whisperd/reactor.py"
_AUTOBAHN = "autobahn.websocket.protocol:WebSocketProtocol"
_TWISTED = "autobahn.twisted.websocket:WebSocketAdapterProtocol"
_DESCRIPTOR = "twisted.internet.abstract:FileDescriptor"
_EPOLL = "twisted.internet.epollreactor:EPollReactor"


@dataclass(frozen=True)
class PrivatePart:
    """``name`` of ``place`` (a module, or ``module:Class``), which the file ``used_by`` needs ``to`` do something.
    ``parameters``: those of a function, beside self; None for an attribute of the instances of a class."""

    place: str
    name: str
    parameters: tuple[str, ...] | None
    used_by: str
    to: str


PARTS = (
    PrivatePart(_AUTOBAHN, "_dataReceived", ("data",), _FAST, "hand a read to autobahn's state machine"),
    PrivatePart(_AUTOBAHN, "_invalid_payload", ("reason",), _FAST, "refuse text that is not UTF-8"),
    PrivatePart(_AUTOBAHN, "_perMessageCompress", None, _FAST, "say that nothing is compressed"),
    PrivatePart(_AUTOBAHN, "_fail_connection", ("code", "reason"), _EDGE, "tell a client what was wrong"),
    PrivatePart(_AUTOBAHN, "_protocol_violation", ("reason",), _EDGE, "close for good at a broken frame"),
    PrivatePart(_TWISTED, "_closeConnection", ("abort",), _EDGE, "send what waits, and close with a deadline"),
    PrivatePart("_nvx_xormasker", "lib", None, _FAST, "unmask without the object around it"),
    PrivatePart(_DESCRIPTOR, "_tempDataBuffer", None, _SOCKET, "see whether something waits to be written"),
    PrivatePart(_DESCRIPTOR, "_tempDataLen", None, _SOCKET, "begin with nothing to write"),
    PrivatePart(_DESCRIPTOR, "_tempDataLen", None, "whisperd/relay/unsent.py", "see how much waits to be written"),
    PrivatePart("twisted.internet.tcp:_AbortingMixin", "_aborting", None, _SOCKET, "close an aborted socket at once"),
    PrivatePart("twisted.internet.tcp:_SocketCloser", "_closeSocket", ("orderly",), _SOCKET, "close as Twisted does"),
    PrivatePart("socket:socket", "_accept", (), "whisperd/relay/accepting.py", "accept without making an address"),
    PrivatePart(_EPOLL, "_poller", None, _REACTOR, "wait for events"),
    PrivatePart(_EPOLL, "_selectables", None, _REACTOR, "find what an event is for"),
    PrivatePart(_EPOLL, "_reads", None, _REACTOR, "forget a file that is closed next"),
    PrivatePart(_EPOLL, "_writes", None, _REACTOR, "forget a file that is closed next"),
    PrivatePart("twisted.internet.posixbase:_PollLikeMixin", "_doReadOrWrite", ("selectable", "fd", "event"), _REACTOR,
                "handle an event that is more than something to read"),
    PrivatePart("twisted.internet.posixbase:_DisconnectSelectableMixin", "_disconnectSelectable",
                ("selectable", "why", "isRead", "faildict"), _REACTOR, "end what has failed"),
    PrivatePart("twisted.internet.base:ReactorBase", "_moveCallLaterSooner", ("delayedCall",), _REACTOR,
                "notice that a timer was moved"),
    PrivatePart("os", "_exit", ("status",), "whisperd/cli/guard.py", "end without what Python does at its end"),
    PrivatePart("sys", "_getframe", ("depth",), "whisperd/logs.py", "name the line of a wrong log call"),
)
