"""What waits for a client that does not read is known exactly, whatever it is connected by."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.protocols.policies import ProtocolWrapper

from tests.relay.certificates import write_certificate
from tests.relay.kit import TCP, RelayWorld, Tls
from tests.waiting import eventually

FRAME = bytes(50_000)


def listening(kind: str, folder: Path) -> RelayWorld:
    if kind == "tls":
        return RelayWorld(reactor, tls=Tls(), tls_listen=(TCP,), listen=(), **write_certificate(folder))
    return RelayWorld(reactor, f"unix:{folder}/relay" if kind == "unix" else TCP)


def takes_in_little(transport: Any) -> None:
    """Have the system of a client hold no more than 64 KiB that it has not read."""
    below = transport.transport if isinstance(transport, ProtocolWrapper) else transport
    below.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)


@pytest.mark.parametrize("kind", ["tcp", "unix", "tls"])
@pytest_twisted.ensureDeferred
async def test_it_is_counted_when_nobody_reads_and_gone_when_all_is_read(kind: str, tmp_path: Path) -> None:
    world = await listening(kind, tmp_path).up()
    anna, ben = await world.pair()
    unsent = world.service._sockets.unsent
    takes_in_little(ben.transport)
    ben.transport.pauseProducing()
    for _ in range(4):  # 4.8 MB in all, and never more than 1.2 MB of it under way
        for _ in range(24):
            anna.sendMessage(FRAME, isBinary=True)
        await eventually(lambda: unsent.total > 24 * len(FRAME) // 3)
        ben.transport.resumeProducing()
        for _ in range(24):
            assert await ben.next() == FRAME
        await eventually(lambda: unsent.total == 0)
        ben.transport.pauseProducing()
    assert not any(world.service.status()["refused"].values())
    await world.down()

