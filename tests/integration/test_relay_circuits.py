"""Limits for each circuit behind a real tor that names circuits: HiddenServiceExportCircuitID on the test network."""

from __future__ import annotations

from pathlib import Path

import pytest_twisted
from twisted.internet import reactor

from tests.integration.circuits import dialled
from tests.relay.kit import TCP, RelayWorld
from whisperd.tor.control.attach import attach
from whisperd.tor.control.control_port import TorControlConnection
from whisperd.tor.dial.dialer import Dialer
from whisperd.tor.testnet import Testnet


async def published(control: TorControlConnection, folder: Path, port: int) -> str:
    """Have tor serve ``port`` as an onion service that names circuits; return its name."""
    folder.mkdir(mode=0o700)
    await control.request(f'SETCONF HiddenServiceDir={folder} HiddenServicePort="80 127.0.0.1:{port}" '
                          "HiddenServiceExportCircuitID=haproxy")
    return (folder / "hostname").read_text().strip()


@pytest_twisted.ensureDeferred
async def test_each_circuit_has_limits_of_its_own_and_no_other_feels_them(testnet: Testnet, tmp_path: Path) -> None:
    world = await RelayWorld(reactor, f"haproxy:{TCP}", circuit_connections=1).up()
    control = await attach(testnet.clients[0].control, reactor=reactor)
    onion = await published(control, tmp_path / "service", int(world.place.rsplit(":", 1)[1]))
    dialer = Dialer(reactor, loopback=False, socks=testnet.clients[1].socks)
    first = await dialled(dialer, onion, "anna")
    await first.until(b"101 Switching", reactor)
    second = await dialled(dialer, onion, "anna")
    assert (await second.closed.addTimeout(60, reactor)).startswith(b"HTTP/1.1 503 ")
    other = await dialled(dialer, onion, "ben")
    await other.until(b"101 Switching", reactor)
    assert world.service.status()["connections"] == 2
    first.transport.abortConnection()
    other.transport.abortConnection()
    await control.request("RESETCONF HiddenServiceDir HiddenServicePort HiddenServiceExportCircuitID")
    control.transport.loseConnection()
    await control.when_lost()
    await world.down()
