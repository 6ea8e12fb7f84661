"""No relay at all: bytes read from one socket and written to another, by Python and without a protocol.

What is left of a relay's cost a message when there is nothing to do: one wait, one read and one write of the system.
"""

from __future__ import annotations

import select
import socket
import sys


def main(port: int) -> None:
    """Join each two connections that come one after the other, on loopback until killed."""
    listening = socket.create_server(("127.0.0.1", port))
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    poll = select.epoll()
    poll.register(listening, select.EPOLLIN)
    sockets: dict[int, socket.socket] = {}
    others: dict[int, socket.socket] = {}
    alone: socket.socket | None = None
    read = bytearray(65_536)
    while True:
        for number, _ in poll.poll():
            if number == listening.fileno():
                here, _ = listening.accept()
                here.setblocking(False)
                sockets[here.fileno()] = here
                poll.register(here, select.EPOLLIN)
                if alone is not None:
                    others[here.fileno()], others[alone.fileno()] = alone, here
                alone = here if alone is None else None
            elif size := sockets[number].recv_into(read):
                others[number].send(read[:size])
            else:
                here = sockets.pop(number)
                alone = None if here is alone else alone
                here.close()


if __name__ == "__main__":
    main(int(sys.argv[1]))
