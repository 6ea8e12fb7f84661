"""A rotation of the relay's address on a real network: both answer, through everything that happens meanwhile."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor as _reactor
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater

from tests.tor.kit import CALLER, Echo, Events, OwnTor, reach
from whisperd import config
from whisperd.errors import DialFailed, RotationRefused
from whisperd.tor.dial.dialer import Dialer
from whisperd.tor.service import TorService
from whisperd.tor.testnet import Testnet

reactor: Any = _reactor


class Running:
    """A TorService that publishes ``port``, with its events, and a dialer through another tor."""

    def __init__(self, port: int, socks: str, values: dict[str, Any]) -> None:
        self.events = Events(reactor)
        self.dialer = Dialer(reactor, socks=socks)
        self.service = TorService(config.load(None, values), reactor=reactor, dialer=Dialer(reactor),
                                  emit=self.events.emit)
        self.service.start()
        self.service.publish(port)

    @property
    def retiring(self) -> Any:
        return self.service.status()["onion"]["retiring"]

    async def old_is_up(self) -> None:
        """Wait until the address on its way out is published too."""
        for _ in range(600):
            if self.retiring["state"] == "up":
                return
            await deferLater(reactor, 0.1)
        raise AssertionError(self.retiring)

    async def connect(self, address: str) -> Any:
        return await reach(self.dialer, address, reactor)

    async def answers(self, address: str) -> None:
        caller = await self.connect(address)
        assert await caller.ask(b"hello") == b"hello"
        caller.transport.abortConnection()

    async def answers_no_more(self, address: str) -> None:
        with pytest.raises(DialFailed):
            await self.dialer.connect(address, 80, CALLER, isolation=os.urandom(8).hex(), timeout=8)


@pytest_twisted.async_yield_fixture
async def start(tmp_path: Path, testnet: Testnet) -> AsyncIterator[Callable[..., Running]]:
    """A function that starts a TorService with a kept key in front of an echo; all are stopped after the test."""
    port = reactor.listenTCP(0, Factory.forProtocol(Echo), interface="127.0.0.1")
    started: list[Running] = []

    def start(**values: Any) -> Running:
        settings = {"control.socket": str(tmp_path / "ctl"), "tor.data_dir": str(tmp_path / "data"),
                    "tor.network": str(testnet.network_file), "onion.key": "persistent", "onion.probe_interval": 0,
                    "onion.key_file": str(tmp_path / "onion.key")}
        settings |= {name.replace("_", ".", 1): value for name, value in values.items()}
        started.append(Running(port.getHost().port, testnet.clients[1].socks, settings))
        return started[-1]

    yield start
    for running in started:
        await running.service.stop()
    await port.stopListening()


@pytest_twisted.ensureDeferred
async def test_both_addresses_answer_and_what_is_connected_over_the_old_one_goes_on_until_it_is_retired(
        testnet: Testnet, start: Any) -> None:
    running = start(tor_mode="attach", tor_control=testnet.clients[0].control, onion_key="ephemeral")
    old = await running.service.address(60)
    talking = await running.connect(old)
    rotated = await running.service.rotate(3600.0, wait=60)
    assert rotated["old"] == old and await running.service.address(1) == rotated["address"]
    assert (running.retiring["address"], running.retiring["state"]) == (old, "up")
    await running.answers(rotated["address"])
    await running.answers(old)
    assert await talking.ask(b"undisturbed") == b"undisturbed"
    with pytest.raises(RotationRefused):
        await running.service.rotate(3600.0)
    assert running.service.retire() == old and running.retiring is None
    await running.answers_no_more(old)
    await running.answers(rotated["address"])
    assert [name for name, _ in running.events.seen if name.startswith("onion-r")] == ["onion-rotated", "onion-retired"]
    assert {fields["address"] for name, fields in running.events.seen[-1:]} == {old}


@pytest_twisted.ensureDeferred
async def test_with_now_the_old_address_is_gone_at_once(testnet: Testnet, start: Any) -> None:
    running = start(tor_mode="attach", tor_control=testnet.clients[0].control)
    old = await running.service.address(60)
    rotated = await running.service.rotate(0.0, wait=60)
    await running.answers_no_more(old)
    await running.answers(rotated["address"])
    assert running.retiring is None


@pytest_twisted.ensureDeferred
async def test_a_restart_of_tor_and_one_of_the_daemon_bring_both_addresses_back(
        testnet: Testnet, start: Any, tmp_path: Path) -> None:
    control = f"unix:{tmp_path}/control"
    tor = await OwnTor(reactor, tmp_path / "own", [
        *testnet.network_file.read_text().splitlines(), f"ControlPort {control}", f"SocksPort unix:{tmp_path}/socks",
    ]).start()
    try:
        running = start(tor_mode="attach", tor_control=control)
        old = await running.service.address(60)
        new = (await running.service.rotate(3600.0, wait=60))["address"]
        lost = running.events.next("tor-state", state="lost")
        await tor.kill()
        await lost
        published = running.events.next("onion-state", timeout=60, state="up")
        await tor.start()
        await published
        await running.old_is_up()
        await running.answers(new)
        await running.answers(old)
        await running.service.stop()
        after = start(tor_mode="attach", tor_control=control)
        assert await after.service.address(60) == new
        await after.old_is_up()
        assert after.retiring["address"] == old and 3500 < after.retiring["seconds"] <= 3600
        await after.answers(old)
        await after.service.stop()
    finally:
        await tor.kill()
