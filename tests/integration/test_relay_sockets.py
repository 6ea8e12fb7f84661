"""Where sockets are accepted: none is left when there are too many, and what goes wrong is Twisted's to mend."""

from __future__ import annotations

import errno
import socket

import pytest_twisted
from twisted.internet import reactor

from tests.relay.kit import ANNA, RelayWorld
from whisperd.relay.accepting import accept_for
from whisperd.relay.admission import SPARE_SOCKETS
from whisperd.relay.transport import Connection


@pytest_twisted.ensureDeferred
async def test_sockets_beyond_the_limit_are_closed_at_once_and_counted_out() -> None:
    world = await RelayWorld(reactor, max_connections=2).up()
    held = [await world.socket() for _ in range(2 + SPARE_SOCKETS)]
    late = await world.socket()
    assert await late.closed.addTimeout(60, reactor) == b""
    held[0].transport.loseConnection()
    await held[0].closed.addTimeout(60, reactor)
    status, _, _ = await world.http("GET /health HTTP/1.1")
    assert status == 200
    await world.down()


@pytest_twisted.ensureDeferred
async def test_connections_know_no_address_and_send_at_once() -> None:
    world = await RelayWorld(reactor).up()
    client = await world.peer(ANNA)
    assert await client.types(1) == ["joined"]
    [protocol] = world.service._listeners[0][1].connections
    transport = protocol.transport
    assert type(transport) is Connection
    port = str(client.transport.getHost().port)
    assert not any(port in str(value) for value in vars(transport).values())
    assert transport.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    await world.down()


@pytest_twisted.ensureDeferred
async def test_when_files_run_out_the_listener_goes_on() -> None:
    world = await RelayWorld(reactor).up()
    port = world.service._listeners[0][0]
    original, failed = port.socket, []

    class Exhausted:
        """The listening socket, without a file left for the next connection."""

        def _accept(self):
            if not failed:
                failed.append(1)
                raise OSError(errno.EMFILE, "too many open files")
            return original._accept()

        def __getattr__(self, name):
            return getattr(original, name)

    port.socket = Exhausted()
    accept_for(port, world.service._listeners[0][1])
    port.socket = original
    status, _, _ = await world.http("GET /health HTTP/1.1")
    assert (status, failed) == (200, [1])
    await world.down()
