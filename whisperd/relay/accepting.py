"""How plain listeners accept: a transport of the relay's own for each socket, and no address.

What goes wrong here is left to Twisted's own way.
"""

from __future__ import annotations

import socket
from typing import Any

from twisted.python import log

from whisperd.relay.transport import Connection


def accept_for(port: Any, factory: Any) -> None:
    """Have a TCP or unix port of Twisted's, which listens already, make a Connection of each socket."""
    listening = port.socket
    family, kind, number = listening.family, listening.type, listening.proto
    if family in (socket.AF_INET, socket.AF_INET6):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what it accepts inherits it [tcp(7)]

    def accept() -> Any:
        try:
            descriptor, _ = listening._accept()
        except OSError:
            return type(port).doRead(port)
        accepted = socket.SocketType(family, kind, number, descriptor)
        accepted.setblocking(False)
        try:
            protocol = factory.buildProtocol(None)
            if protocol is None:
                accepted.close()
                return None
            connection = Connection(accepted, protocol, port.reactor)
            connection.startReading()
            protocol.makeConnection(connection)
        except Exception:
            log.err()
        return None

    port.doRead = accept
