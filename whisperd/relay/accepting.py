"""How plain listeners accept: a transport of the relay's own for each socket, and no address.

What goes wrong here is left to Twisted's own way.
"""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import tcp
from twisted.python import log

from whisperd.relay.factory import RelayFactory
from whisperd.relay.transport import Connection


def accept_for(port: tcp.Port, factory: RelayFactory) -> None:
    """Have a TCP or unix port of Twisted's, which listens already, make a Connection of each socket."""
    listening: Any = port.socket  # whose own method of accepting makes no object and no address
    family, kind, number = listening.family, listening.type, listening.proto
    if family in (socket.AF_INET, socket.AF_INET6):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what it accepts inherits it [tcp(7)]

    def accept() -> None:
        try:
            descriptor, _ = listening._accept()
        except OSError:
            type(port).doRead(port)
            return
        accepted = socket.SocketType(family, kind, number, descriptor)
        accepted.setblocking(False)
        try:
            protocol = factory.buildProtocol(None)
            if protocol is None:
                accepted.close()
                return
            connection = Connection(accepted, protocol, port.reactor)
            connection.startReading()
            protocol.makeConnection(connection)
        except Exception:
            log.err()

    port.doRead = accept  # type: ignore[method-assign]  # of this port only
