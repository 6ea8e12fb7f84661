"""The sockets of plain listeners: Twisted's transport without what it does for each connection and nobody asks for: an
address, a name for the log and one for debugging, interfaces, and a shutdown of what is closed already."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import tcp
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

_READ = bytearray(65_536)  # where reads go; each is handed on as a copy of its own size
_DONE, _LOST = Failure(ConnectionDone()), Failure(ConnectionLost())


class Connection(tcp.Server):
    """One accepted connection; it knows no address. What its protocol writes goes out at once, as far as the socket
    takes it."""

    protocol: Protocol  # type: ignore[assignment]  # an interface there
    reactor: Any
    connected = 1
    streamingProducer = True
    client = server = None  # type: ignore[assignment]
    hostname = logstr = repstr = "relay"
    sessionno = 0
    bufferSize = 16_384  # bytes that may wait here; more is counted. [relay.unsent]

    def __init__(self, accepted: socket.SocketType, protocol: Protocol, reactor: Any) -> None:
        self.socket = accepted  # type: ignore[assignment]  # without the class in Python around it
        self.fileno = accepted.fileno
        self.reactor = reactor
        self.protocol = self.producer = protocol  # type: ignore[assignment]  # it is one
        self.dataBuffer, self._tempDataBuffer, self._tempDataLen = b"", [], 0

    def doRead(self) -> None:
        try:
            size = self.socket.recv_into(_READ)
        except BlockingIOError:
            return
        except OSError:
            self.connectionLost(_LOST)
        else:
            if size:
                self.protocol.dataReceived(_READ[:size])  # type: ignore[arg-type]  # as good
            else:
                self.connectionLost(_DONE)

    def doWrite(self) -> Any:
        return super().doWrite() if self.connected else None

    def write(self, data: bytes) -> None:
        if self.connected and not (self.dataBuffer or self._tempDataBuffer):
            try:
                sent = self.socket.send(data)
            except OSError:  # full, or gone: the reactor finds out which
                sent = 0
            if sent == len(data):
                return
            data = data[sent:]
        super().write(data)

    def connectionLost(self, reason: Failure) -> None:
        if self.disconnected:
            return
        self.connected, self.disconnected = 0, 1
        forget = getattr(self.reactor, "forget", None)  # of the daemon's own
        if forget is not None:
            forget(self.fileno())
        else:
            self.reactor.removeReader(self)
            self.reactor.removeWriter(self)
        if reason is _DONE or reason is _LOST:  # the other side has ended it
            self.socket.close()
        else:
            self._closeSocket(not self._aborting)
        protocol = self.protocol
        del self.protocol, self.producer, self.socket, self.fileno
        protocol.connectionLost(reason)
