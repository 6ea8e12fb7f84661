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

#: Connections that are taken in one turn of the reactor's loop; what is open already gets its turn after them.
MAX_ACCEPTED = 16
#: Bytes that the kernel holds for each connection at most, doubled by it for its own needs; without that it may take
#: some megabytes for each client that does not read. [socket(7), SO_SNDBUF]
SEND_BUFFER = 131_072


def bound_buffers(port: tcp.Port) -> None:
    """Have the kernel hold little for each connection of a port; what it accepts inherits that. [tcp(7)]"""
    port.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)


def accept_for(port: tcp.Port, factory: RelayFactory) -> None:
    """Have a TCP or unix port of Twisted's, which listens already, make a Connection of each socket."""
    listening: Any = port.socket  # whose own method of accepting makes no object and no address
    family, kind, number = listening.family, listening.type, listening.proto
    if family in (socket.AF_INET, socket.AF_INET6):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what it accepts inherits it [tcp(7)]

    def accept_all() -> None:
        accepted = 0
        while accepted < MAX_ACCEPTED and accept(accepted == 0):
            accepted += 1

    def accept(first: bool) -> bool:
        """Take one connection; return whether there was one. What is wrong with a first one is for Twisted to say."""
        try:
            descriptor, _ = listening._accept()
        except OSError:
            if first:
                type(port).doRead(port)
            return False
        accepted = socket.SocketType(family, kind, number, descriptor)
        accepted.setblocking(False)
        try:
            protocol = factory.buildProtocol(None)
            if protocol is None:
                accepted.close()
                return True
            connection = Connection(accepted, protocol, port.reactor)
            connection.startReading()
            protocol.makeConnection(connection)
        except Exception:
            log.err()
        return True

    port.doRead = accept_all  # type: ignore[method-assign]  # of this port only
