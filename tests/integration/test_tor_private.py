"""A private onion service on a real network: whoever has no credential does not reach it."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.protocol import Factory

from tests.tor.kit import CALLER, Echo, Events, reach
from whisperd import config
from whisperd.errors import CredentialMalformed, CredentialRefused, DialFailed, RoleDisabled, UsageError
from whisperd.tor.dial.dialer import Dialer
from whisperd.tor.onion.client_auth import new_credential
from whisperd.tor.service import TorService
from whisperd.tor.surroundings import TorSurroundings
from whisperd.tor.testnet import Testnet
from whisperd.tor.timing import TorTiming


class Running:
    """A TorService with its dialer and its events."""

    def __init__(self, reactor: Any, values: dict[str, Any], timing: TorTiming | None) -> None:
        self.reactor = reactor
        self.events = Events(reactor)
        self.dialer = Dialer(reactor, loopback=False)
        self.service = TorService(config.load(None, values), reactor=reactor, dialer=self.dialer,
                                  emit=self.events.emit, around=TorSurroundings(timing=timing or TorTiming()))

    async def up(self) -> Running:
        up = self.events.next("tor-state", timeout=60, state="up")
        self.service.start()
        await up
        return self

    async def says(self, address: str, text: bytes) -> None:
        """Check that what listens behind ``address`` answers."""
        caller = await reach(self.dialer, address, self.reactor, isolation=os.urandom(8).hex())
        assert await caller.ask(text) == text
        caller.transport.abortConnection()


@pytest.fixture
def reactor() -> Any:
    from twisted.internet import reactor

    return reactor


@pytest_twisted.async_yield_fixture
async def start(reactor: Any, tmp_path: Path, testnet: Testnet) -> AsyncIterator[Callable[..., Any]]:
    """A function that starts a TorService that launches a tor, with these settings; stopped after the test."""
    started: list[Running] = []

    async def start(timing: TorTiming | None = None, **values: Any) -> Running:
        place = tmp_path / str(len(started))
        place.mkdir()
        settings = {"control.socket": str(place / "ctl"), "tor.data_dir": str(place / "data"),
                    "onion.key_file": str(tmp_path / "onion.key"), "tor.network": str(testnet.network_file)}
        settings |= {name.replace("_", ".", 1): value for name, value in values.items()}
        started.append(Running(reactor, settings, timing))
        return await started[-1].up()

    yield start
    for running in started:
        await running.service.stop()


@pytest_twisted.async_yield_fixture
async def echo(reactor: Any) -> AsyncIterator[int]:
    """The port of an echo service on loopback."""
    port = reactor.listenTCP(0, Factory.forProtocol(Echo), interface="127.0.0.1")
    yield port.getHost().port
    await port.stopListening()


@pytest_twisted.ensureDeferred
async def test_only_who_has_a_credential_gets_in_and_a_restart_of_tor_changes_nothing(
        start: Any, echo: int) -> None:
    relay = await start(TorTiming(settle=0.1), onion_private=True)
    reached = relay.events.next("onion-probe", timeout=60, state="reached")
    relay.service.publish(echo)
    line = relay.service.private.add("anna")["line"]
    address = await relay.service.address(60)
    await reached
    friend = await start()
    with pytest.raises(CredentialRefused, match="does not have"):
        await reach(friend.dialer, address, friend.reactor)
    wrong = new_credential(address, os.urandom)
    assert await friend.service.add_credential(wrong.line) == address
    with pytest.raises(CredentialRefused, match="did not accept"):
        await reach(friend.dialer, address, friend.reactor, isolation="wrong")
    assert await friend.service.add_credential(line) == address
    assert friend.service.credentials() == [address]
    await friend.says(address, b"let in")
    up = friend.events.next("tor-state", timeout=60, state="up")
    os.kill(tor_of(friend), signal.SIGKILL)
    await up
    await friend.says(address, b"let in again")
    await friend.service.remove_credential(address)
    assert friend.service.credentials() == []


@pytest_twisted.ensureDeferred
async def test_clients_are_kept_with_a_kept_key_and_who_is_removed_is_out(
        start: Any, echo: int, tmp_path: Path) -> None:
    relay = await start(onion_private=True, onion_key="persistent", tor_mode="launch", onion_probe_interval=0)
    lines = {name: relay.service.private.add(name)["line"] for name in ("anna", "bert")}
    await relay.service.stop()
    relay = await start(onion_private=True, onion_key="persistent", onion_probe_interval=0)
    assert relay.service.private.names() == ["anna", "bert"]
    relay.service.private.remove("bert")
    relay.service.publish(echo)
    address = await relay.service.address(60)
    assert lines["anna"].startswith(address[:56])
    friend = await start()
    await friend.service.add_credential(lines["bert"])
    with pytest.raises(CredentialRefused):
        await reach(friend.dialer, address, friend.reactor)
    await friend.service.add_credential(lines["anna"])
    await friend.says(address, b"let in")


@pytest_twisted.ensureDeferred
async def test_a_circuit_that_opens_too_many_connections_is_closed_and_no_other(start: Any, echo: int) -> None:
    relay = await start(onion_max_streams=5, onion_probe_interval=0)
    relay.service.publish(echo)
    address = await relay.service.address(60)
    stranger = await start()
    flood = [await reach(stranger.dialer, address, stranger.reactor, isolation="flood") for _ in range(5)]
    other = await reach(stranger.dialer, address, stranger.reactor, isolation="another")
    with pytest.raises(DialFailed):
        await stranger.dialer.connect(address, 80, CALLER, isolation="flood", timeout=20)
    for caller in flood:
        await caller.lost.addTimeout(60, stranger.reactor)
    assert await other.ask(b"still here") == b"still here"
    other.transport.abortConnection()


@pytest_twisted.ensureDeferred
async def test_mistakes_are_named(start: Any) -> None:
    relay = await start()
    with pytest.raises(RoleDisabled, match="everybody with its address"):
        relay.service.private.add("anna")
    with pytest.raises(CredentialMalformed):
        await relay.service.add_credential("nonsense")
    with pytest.raises(UsageError):
        await relay.service.remove_credential("nobody")


def tor_of(running: Running) -> int:
    """Return the process of the tor that this service launched."""
    folder = Path(running.service._config.tor.data_dir)
    for child in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split():
        if any(os.readlink(link).startswith(str(folder)) for link in Path(f"/proc/{child}/fd").iterdir()):
            return int(child)
    raise AssertionError("there is no tor of this service")
