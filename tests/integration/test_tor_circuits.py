"""A launched tor that tells circuits apart, with the key in memory only; what holds a circuit where nobody does; and a
tor that refuses what it does not know."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import pytest_twisted
from twisted.internet import reactor as _reactor
from twisted.internet.endpoints import UNIXClientEndpoint, UNIXServerEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.threads import deferToThread
from twisted.protocols.basic import LineReceiver
from twisted.protocols.portforward import Proxy, ProxyFactory

from tests.integration.circuits import dialled, until
from tests.integration.floods import Flood, conversation
from tests.integration.peers import Relay
from tests.tor.kit import Events
from whisperd import config
from whisperd.demo.daemon_process import DaemonProcess
from whisperd.tor.dial.dialer import Dialer
from whisperd.tor.service import TorService
from whisperd.tor.surroundings import TorSurroundings
from whisperd.tor.testnet import Testnet

reactor: Any = _reactor
#: Below onion.max_streams, at which tor closes the circuit.
FLOOD = 30


@pytest_twisted.async_yield_fixture(scope="module")
async def relay(testnet: Testnet) -> AsyncIterator[DaemonProcess]:
    """A confined daemon that launches a tor, with everything of it on a file system in memory, and one connection for
    each circuit."""
    folder = Path(tempfile.mkdtemp(prefix="w", dir="/dev/shm"))
    daemon = DaemonProcess("relay", folder, (
        f'[daemon]\nsandbox = "require"\n[tor]\nnetwork = "{testnet.network_file}"\n'
        f'data_dir = "{folder}/data"\n[peer]\nenabled = false\n'
        '[relay]\nlisten = ["tcp:0:interface=127.0.0.1"]\ncircuit_connections = 1\n[onion]\nprobe_interval = 0\n'),
        may_write=True)
    try:
        await deferToThread(daemon.start)
        yield daemon
    finally:
        await deferToThread(daemon.stop)
        assert not list(folder.glob("tor-*"))
        shutil.rmtree(folder)


@pytest_twisted.ensureDeferred
async def test_a_flood_from_one_circuit_is_refused_while_two_people_on_others_converse(
        testnet: Testnet, relay: DaemonProcess) -> None:
    address = (await deferToThread(relay.call, "address", wait=60))["address"]
    flood = Flood(testnet, address)
    async with conversation(testnet, address) as talk:
        await flood.pours(FLOOD)
        await talk.goes_on()
        refused = await until(lambda: flood.answered(b"HTTP/1.1 503 ") >= FLOOD - 1 and FLOOD - 1)
        assert flood.answered(b"HTTP/1.1 101 ") == 1
        rows = await deferToThread(relay.call, "relay.limits")
        limits = {(row["limit"], row["scope"]): row["refused"] for row in rows}
        assert limits["connection_rate", "circuit"] + limits["connections", "circuit"] >= refused
        assert limits["connection_rate", "total"] == limits["connections", "total"] == 0
        await talk.goes_on()
    flood.stop()


@pytest_twisted.ensureDeferred
async def test_where_circuits_are_not_told_apart_tor_closes_the_one_that_opens_too_many_and_no_other(
        testnet: Testnet) -> None:
    relay = Relay()
    await relay.start()
    assert relay.service
    service = TorService(config.load(None, {"tor.mode": "attach", "tor.control": testnet.clients[0].control,
                                            "onion.probe_interval": 0, "onion.max_streams": 8}),
                         reactor=reactor, dialer=Dialer(reactor), emit=Events(reactor).emit)
    service.publish(await relay.service.listen_for_onion(), await relay.service.listen_for_onion(circuits=True))
    service.start()
    try:
        address = await service.address(60)
        assert not service.status()["onion"]["circuits"]
        flood = Flood(testnet, address)
        async with conversation(testnet, address) as talk:
            await flood.pours(8)
            await until(lambda: flood.answered(b"HTTP/1.1 101 ") == 8)
            assert not any(client.closed.called for client in flood.clients)
            held = list(flood.clients)
            await flood.pours(1)
            await until(lambda: all(client.closed.called for client in held))
            await talk.goes_on()
            assert not [row for row in relay.service.limits() if row["refused"]]
        flood.stop()
    finally:
        await service.stop()
        await relay.stop()


@pytest_twisted.ensureDeferred
async def test_two_circuits_have_two_numbers_also_at_the_next_address_and_after_a_new_start_of_tor(
        testnet: Testnet, relay: DaemonProcess) -> None:
    address = (await deferToThread(relay.call, "address", wait=60))["address"]
    assert (await deferToThread(relay.call, "status"))["tor"]["onion"]["circuits"]
    dialer = Dialer(reactor, socks=testnet.clients[1].socks)

    async def answered(name: str, isolation: str) -> Any:
        client = await dialled(dialer, name, isolation)
        words = await until(lambda: client.received[:13])
        assert words in (b"HTTP/1.1 101 ", b"HTTP/1.1 503 ")
        return client if words.endswith(b"101 ") else None

    def names() -> list[str]:
        keys = list(relay.home.parent.glob("tor-*/*/hs_ed25519_secret_key"))
        assert {key.stat().st_mode & 0o777 for key in keys} == {0o600}
        return [key.with_name("hostname").read_text().strip() for key in keys]

    first = await answered(address, "anna")
    assert first and not await answered(address, "anna")
    other = await answered(address, "ben")
    assert other
    assert names() == [address]
    rotated = await deferToThread(relay.call, "onion.rotate", wait=60)
    assert await answered(rotated["address"], "carl") and not await answered(rotated["address"], "carl")
    assert not first.closed.called and not other.closed.called
    assert await answered(address, "dora")
    await deferToThread(relay.call, "onion.retire")
    await first.closed.addTimeout(60, reactor)
    await until(lambda: names() == [rotated["address"]])
    await deferToThread(relay.call, "onion.republish", wait=60)
    assert await answered(rotated["address"], "emil") and not await answered(rotated["address"], "emil")
    pid = (await deferToThread(relay.call, "status"))["pid"]
    [tor] = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    os.kill(int(tor), signal.SIGKILL)
    await deferToThread(relay.wait, lambda event: event["event"] == "tor-state" and event["state"] == "lost", 30,
                        "loss")
    assert (await deferToThread(relay.call, "address", wait=60))["address"] == rotated["address"]
    assert await answered(rotated["address"], "frida") and not await answered(rotated["address"], "frida")
    assert names() == [rotated["address"]]


@pytest_twisted.ensureDeferred
async def test_a_key_that_no_file_holds_is_not_written_to_a_disk_for_it(
        testnet: Testnet, tmp_path: Path) -> None:
    service = TorService(config.load(None, {"control.socket": str(tmp_path / "ctl"), "onion.probe_interval": 0,
                                            "tor.data_dir": str(tmp_path / "data"),
                                            "tor.network": str(testnet.network_file)}),
                         reactor=reactor, dialer=Dialer(reactor), emit=Events(reactor).emit,
                         around=TorSurroundings(in_memory=lambda path: False))
    service.publish(9, 10)
    service.start()
    try:
        await service.address(60)
        assert not service.status()["onion"]["circuits"]
        assert list(tmp_path.glob("tor-*")) and not list(tmp_path.rglob("hs_ed25519*"))
    finally:
        await service.stop()


class OldTor(Proxy, LineReceiver):
    """In front of a tor: refuses by itself, as one from before 0.4.8 does, whatever has proof of work in it."""

    delimiter = b"\r\n"
    MAX_LENGTH = 1 << 20
    refused: ClassVar[list[str]] = []

    def connectionMade(self) -> None:
        self.transport.pauseProducing()  # type: ignore[union-attr]
        self.waiting: list[bytes] = []
        UNIXClientEndpoint(reactor, self.factory.behind).connect(  # type: ignore[attr-defined]
            Factory.forProtocol(lambda: _Behind(self)))

    def lineReceived(self, line: bytes) -> None:
        if b"PoW" in line:
            self.refused.append(line.split(b" ")[0].decode())
            self.transport.write(b"512 Unrecognized argument\r\n")  # type: ignore[union-attr]
        else:
            self.peer.transport.write(line + b"\r\n")

    def dataReceived(self, data: bytes) -> None:
        LineReceiver.dataReceived(self, data)


class _Behind(Proxy):
    def __init__(self, front: OldTor) -> None:
        self.front = front

    def connectionMade(self) -> None:
        self.peer, self.front.peer = self.front, self
        self.front.transport.resumeProducing()  # type: ignore[union-attr]


@pytest_twisted.ensureDeferred
async def test_an_older_tor_publishes_without_the_proof_of_work(testnet: Testnet, tmp_path: Path) -> None:
    factory = ProxyFactory("", 0)
    factory.protocol, factory.behind, factory.noisy = OldTor, testnet.clients[0].control.removeprefix("unix:"), False
    port = await UNIXServerEndpoint(reactor, str(tmp_path / "old")).listen(factory)
    OldTor.refused = []
    service = TorService(config.load(None, {"tor.mode": "attach", "tor.control": f"unix:{tmp_path}/old",
                                            "onion.probe_interval": 0}),
                         reactor=reactor, dialer=Dialer(reactor), emit=Events(reactor).emit)
    service.publish(9)
    service.start()
    try:
        await service.address(60)
        assert OldTor.refused == ["ADD_ONION"]
        assert service.status()["onion"]["pow"] is False and service.status()["error"] is None
    finally:
        await service.stop()
        await port.stopListening()
