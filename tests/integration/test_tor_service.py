"""The whole way on a real network: publish, dial, lose tor, and come back with the same address."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.interfaces import IHostnameResolver, IHostResolution
from twisted.internet.protocol import Factory
from zope.interface import implementer

from tests.integration.circuits import until
from tests.tor.kit import CALLER, Echo, OwnTor, Running, reach, services
from whisperd.errors import (
    DialFailed,
    DialRefused,
    OnionKeyUnusable,
    OnionNotPublished,
    TorAuthRefused,
    TorControlUnreachable,
    TorNotBootstrapped,
    TorNotInstalled,
    TorUnavailable,
)
from whisperd.tor.control.attach import attach
from whisperd.tor.dial.dialer import Dialer
from whisperd.tor.dial.onion_names import onion_name
from whisperd.tor.onion.key import new_key
from whisperd.tor.onion.key_file import KeyFile
from whisperd.tor.testnet import Testnet
from whisperd.tor.timing import TorTiming


@pytest.fixture
def reactor() -> Any:
    from twisted.internet import reactor

    return reactor


async def _in_the_way(running: Running, code: str) -> None:
    """Wait until what stands in the way of the address is the error ``code``."""
    await until(lambda: (running.service.status()["error"] or {}).get("code") == code)


@pytest.fixture(autouse=True)
def asked_names(reactor: Any) -> Any:
    """Every name that anybody asks a resolver for in a test; one is enough to fail it."""
    names: list[str] = []

    @implementer(IHostnameResolver)
    class Refusing:
        def resolveHostName(self, receiver: Any, name: str, *_: Any, **__: Any) -> IHostResolution:
            names.append(name)
            raise AssertionError(f"somebody asked for the address of {name}")

    before = reactor.installNameResolver(Refusing())
    yield names
    reactor.installNameResolver(before)
    assert names == []


@pytest_twisted.async_yield_fixture
async def echo(reactor: Any) -> AsyncIterator[int]:
    """The port of an echo service on loopback."""
    port = reactor.listenTCP(0, Factory.forProtocol(Echo), interface="127.0.0.1")
    yield port.getHost().port
    await port.stopListening()


@pytest_twisted.async_yield_fixture
async def start(reactor: Any, tmp_path: Path) -> AsyncIterator[Callable[..., Running]]:
    """A function that starts a TorService with these settings."""
    async with services(reactor, tmp_path) as start:
        yield start


@pytest_twisted.ensureDeferred
async def test_an_attached_tor_publishes_and_another_reaches_it(
        reactor: Any, testnet: Testnet, start: Any, echo: int) -> None:
    here = start(tor_mode="attach", tor_control=testnet.clients[0].control)
    there = start(tor_mode="attach", tor_control=testnet.clients[1].control)
    here.service.publish(echo)
    address = await here.service.address(60)
    assert here.service.status()["onion"] == {"state": "up", "address": address, "published_age": 0,
                                              "reached_age": None, "private": False, "pow": True,
                                              "circuits": False, "retiring": None}
    await there.events.next("tor-state", state="up") if there.service.status()["state"] != "up" else None
    caller = await reach(there.dialer, address, reactor)
    for size in (1, 100_000):
        assert await caller.ask(os.urandom(1) * size)
    caller.transport.loseConnection()
    await caller.lost
    assert here.events.states("onion-state") == ["adding", "publishing", "up"]


@pytest_twisted.ensureDeferred
async def test_the_own_onion_is_dialled_and_published_again_when_nobody_gets_through(
        reactor: Any, testnet: Testnet, start: Any) -> None:
    port = reactor.listenTCP(0, Factory.forProtocol(Echo), interface="127.0.0.1")
    number = port.getHost().port
    running = start(TorTiming(settle=0.1), tor_mode="attach", tor_control=testnet.clients[0].control)
    reached = running.events.next("onion-probe", timeout=60, state="reached")
    running.service.publish(number)
    await reached
    assert running.service.status()["onion"]["reached_age"] == 0 and running.service.status()["error"] is None
    await port.stopListening()
    unreachable = running.events.next("onion-probe", timeout=60, state="unreachable")
    again = running.events.next("onion-state", timeout=60, state="adding")
    await running.service.republish(30)
    await again
    await unreachable
    assert running.service.status()["error"]["code"] == "onion-unreachable"
    reached = running.events.next("onion-probe", timeout=60, state="reached")
    port = reactor.listenTCP(number, Factory.forProtocol(Echo), interface="127.0.0.1")
    await reached
    assert running.service.status()["error"] is None
    await running.service.stop()
    await port.stopListening()


@pytest_twisted.ensureDeferred
async def test_publishing_again_keeps_the_address_and_another_port_takes_its_place(
        reactor: Any, testnet: Testnet, start: Any, echo: int) -> None:
    nobody = reactor.listenTCP(0, Factory.forProtocol(Echo), interface="127.0.0.1")
    number = nobody.getHost().port
    await nobody.stopListening()
    running = start(tor_mode="attach", tor_control=testnet.clients[0].control)
    running.service.publish(number)
    address = await running.service.address(60)
    running.service.publish(number)
    assert running.events.states("onion-state") == ["adding", "publishing", "up"]
    published = running.events.next("onion-state", timeout=60, state="up")
    running.service.publish(echo)
    running.service.publish(echo)
    await published
    await running.service.republish(60)
    assert await running.service.address(1) == address
    caller = await reach(running.dialer, address, reactor)
    assert await caller.ask(b"here") == b"here"
    caller.transport.abortConnection()


@pytest_twisted.ensureDeferred
async def test_what_was_added_with_the_same_key_and_detached_is_replaced(
        reactor: Any, testnet: Testnet, start: Any, echo: int, tmp_path: Path) -> None:
    key = new_key(os.urandom)
    KeyFile(tmp_path / "key").save(key.text)
    control = await attach(testnet.clients[0].control, reactor=reactor)
    await control.request(f"ADD_ONION {key.text} Flags=Detach Port=80,127.0.0.1:9")
    control.abort()
    running = start(tor_mode="attach", tor_control=testnet.clients[0].control, onion_key="persistent",
                    onion_key_file=str(tmp_path / "key"))
    running.service.publish(echo)
    assert await running.service.address(60) == key.address
    assert running.events.states("onion-state") == ["adding", "publishing", "up"]
    caller = await reach(running.dialer, key.address, reactor)
    assert await caller.ask(b"here") == b"here"
    caller.transport.abortConnection()


@pytest_twisted.ensureDeferred
async def test_new_circuits_are_had_on_demand(reactor: Any, testnet: Testnet, start: Any, echo: int) -> None:
    here = start(tor_mode="attach", tor_control=testnet.clients[0].control)
    there = start(tor_mode="attach", tor_control=testnet.clients[2].control)
    with pytest.raises(TorUnavailable):
        await there.service.newnym()
    here.service.publish(echo)
    address = await here.service.address(60)
    callers = []
    for _ in range(2):
        callers.append(await reach(there.dialer, address, reactor, isolation="one"))
        await there.service.newnym()
    assert len(await circuits_to(address, reactor, testnet)) == 2
    for caller in callers:
        assert await caller.ask(b"still open") == b"still open"
        caller.transport.abortConnection()


async def circuits_to(address: str, reactor: Any, testnet: Testnet) -> set[str]:
    """Return the circuits on which the third client has streams to ``address``."""
    control = await attach(testnet.clients[2].control, reactor=reactor)
    streams = [line.split() for line in (await control.request("GETINFO stream-status")).splitlines()]
    control.abort()
    return {words[2] for words in streams if len(words) > 3 and words[3].startswith(address[:56])}


@pytest_twisted.ensureDeferred
async def test_conversations_do_not_share_a_circuit(
        reactor: Any, testnet: Testnet, start: Any, echo: int) -> None:
    here = start(tor_mode="attach", tor_control=testnet.clients[0].control)
    here.service.publish(echo)
    address = await here.service.address(60)
    dialer = Dialer(reactor, loopback=False, socks=testnet.clients[2].socks)
    callers = [await reach(dialer, address, reactor, isolation=name) for name in ("first", "second", "second")]
    control = await attach(testnet.clients[2].control, reactor=reactor)
    streams = [line.split() for line in (await control.request("GETINFO stream-status")).splitlines()]
    circuits = [words[2] for words in streams if len(words) > 3 and words[3].startswith(address[:56])]
    control.abort()
    for caller in callers:
        caller.transport.abortConnection()
    assert len(circuits) == 3 and len(set(circuits)) == 2


@pytest_twisted.ensureDeferred
async def test_a_launched_tor_keeps_its_address_over_restarts_and_leaves_nothing_running(
        testnet: Testnet, start: Any, echo: int, tmp_path: Path) -> None:
    key_file = tmp_path / "state" / "onion.key"
    addresses = []
    for _ in range(2):
        running = start(tor_mode="launch", tor_network=str(testnet.network_file), onion_key="persistent",
                        onion_key_file=str(key_file))
        running.service.publish(echo)
        addresses.append(await running.service.address(60))
        await running.service.stop()
        assert running.service.status()["state"] == "off" and running.dialer.socks is None
        assert not list(tmp_path.glob("tor-*"))
    assert addresses[0] == addresses[1]
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert "bootstrapping" in running.events.states("tor-state")


@pytest_twisted.ensureDeferred
async def test_a_killed_system_tor_is_reported_and_the_address_comes_back_with_it(
        reactor: Any, testnet: Testnet, start: Any, echo: int, tmp_path: Path) -> None:
    control = f"unix:{tmp_path}/control"
    tor = await OwnTor(reactor, tmp_path / "own", [
        *testnet.network_file.read_text().splitlines(), f"ControlPort {control}", f"SocksPort unix:{tmp_path}/socks",
    ]).start()
    try:
        running = start(tor_mode="attach", tor_control=control)
        running.service.publish(echo)
        address = await running.service.address(60)
        lost = running.events.next("tor-state", state="lost")
        await tor.kill()
        await lost
        status = running.service.status()
        assert status["onion"]["state"] == "lost" and running.dialer.socks is None
        with pytest.raises(TorUnavailable):
            await running.dialer.connect(address, 80, CALLER)
        published = running.events.next("onion-state", timeout=60, state="up")
        await tor.start()
        await published
        assert await running.service.address(1) == address
        assert running.service.status()["error"] is None
        caller = await reach(running.dialer, address, reactor)
        assert await caller.ask(b"still there") == b"still there"
        caller.transport.abortConnection()
    finally:
        await tor.kill()


@pytest_twisted.ensureDeferred
async def test_a_killed_private_tor_is_launched_again_with_the_same_address(
        testnet: Testnet, start: Any, echo: int, tmp_path: Path) -> None:
    running = start(tor_mode="launch", tor_network=str(testnet.network_file))
    running.service.publish(echo)
    address = await running.service.address(60)
    lost = running.events.next("tor-state", state="lost")
    published = running.events.next("onion-state", timeout=60, state="up")
    os.kill(_tor_below(os.getpid()), signal.SIGKILL)
    await lost
    await published
    assert await running.service.address(1) == address
    assert len(list(tmp_path.glob("tor-*"))) == 1


@pytest_twisted.ensureDeferred
async def test_a_private_tor_that_hangs_while_nothing_is_asked_of_it_is_killed_and_launched_again(
        testnet: Testnet, start: Any, echo: int) -> None:
    running = start(TorTiming(keepalive=0.2, keepalive_answer=1.0, stop=0.2), tor_mode="launch",
                    tor_network=str(testnet.network_file))
    running.service.publish(echo)
    address = await running.service.address(60)
    lost = running.events.next("tor-state", state="lost")
    published = running.events.next("onion-state", timeout=60, state="up")
    hanging = _tor_below(os.getpid())
    os.kill(hanging, signal.SIGSTOP)
    await lost
    await published
    assert await running.service.address(1) == address
    assert not os.path.exists(f"/proc/{hanging}") and _tor_below(os.getpid()) not in (0, hanging)


@pytest_twisted.ensureDeferred
async def test_a_system_tor_that_hangs_is_reported_and_the_address_is_back_when_it_goes_on(
        reactor: Any, testnet: Testnet, start: Any, echo: int, tmp_path: Path) -> None:
    control = f"unix:{tmp_path}/control"
    tor = await OwnTor(reactor, tmp_path / "own", [
        *testnet.network_file.read_text().splitlines(), f"ControlPort {control}", f"SocksPort unix:{tmp_path}/socks",
    ]).start()
    try:
        running = start(TorTiming(keepalive=0.2, keepalive_answer=1.0), tor_mode="attach", tor_control=control)
        running.service.publish(echo)
        address = await running.service.address(60)
        lost = running.events.next("tor-state", state="lost")
        published = running.events.next("onion-state", timeout=60, state="up")
        tor.signal(signal.SIGSTOP)
        await lost
        assert "no longer answers" in running.service.status()["error"]["message"]
        tor.signal(signal.SIGCONT)
        await published
        assert await running.service.address(1) == address
    finally:
        await tor.kill()


@pytest_twisted.ensureDeferred
async def test_what_stands_in_the_way_is_told_and_nothing_gives_up(
        start: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running = start(tor_mode="attach", tor_control=f"unix:{tmp_path}/nothing")
    await _in_the_way(running, "tor-control-unreachable")
    with pytest.raises(TorControlUnreachable):
        await running.service.address(0)
    assert running.service.status()["error"]["code"] == "tor-control-unreachable"
    monkeypatch.setenv("PATH", str(tmp_path))
    launched = start(tor_mode="launch")
    await _in_the_way(launched, "tor-not-installed")
    with pytest.raises(TorNotInstalled):
        await launched.service.address(0)


@pytest_twisted.ensureDeferred
async def test_a_wrong_password_is_told_until_the_right_tor_is_there(
        reactor: Any, testnet: Testnet, start: Any, tmp_path: Path) -> None:
    network, control = testnet.network_file.read_text().splitlines(), f"ControlPort unix:{tmp_path}/control"
    network.append("SocksPort 0")
    wrong = await OwnTor(reactor, tmp_path / "a", [control, "DisableNetwork 1", "HashedControlPassword 16:"
                         "872860B76453A77D60CA2BB8C1A7042072093276A3D701AD684053EC4C"]).start()
    right = OwnTor(reactor, tmp_path / "b", [*network, control, "CookieAuthentication 1"])
    try:
        running = start(tor_mode="attach", tor_control=f"unix:{tmp_path}/control", tor_password="not this one",
                        tor_socks=testnet.clients[0].socks)
        with pytest.raises(TorAuthRefused):
            await running.service.address(5)
        await wrong.kill()
        up = running.events.next("tor-state", state="up")
        await right.start()
        await up
        assert running.service.status()["error"] is None and running.dialer.socks == testnet.clients[0].socks
    finally:
        await wrong.kill()
        await right.kill()


@pytest_twisted.ensureDeferred
async def test_a_network_out_of_reach_is_told_and_waited_for(start: Any, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    nowhere.write_text(f"TestingTorNetwork 1\nDirAuthority nobody orport=1 v3ident={'A' * 40} 127.0.0.1:1 {'B' * 40}\n")
    running = start(tor_mode="launch", tor_network=str(nowhere), tor_bootstrap_timeout=5)
    await until(lambda: running.service.status()["error"])
    with pytest.raises(TorNotBootstrapped, match="percent"):
        await running.service.address(0)
    assert running.service.status()["state"] == "bootstrapping" and running.dialer.socks is None


@pytest_twisted.ensureDeferred
async def test_a_key_file_that_others_can_read_is_not_used_and_its_repair_is_noticed(
        testnet: Testnet, start: Any, echo: int, tmp_path: Path) -> None:
    (tmp_path / "onion.key").write_text("secret of another program")
    running = start(tor_mode="attach", tor_control=testnet.clients[0].control, onion_key="persistent",
                    onion_key_file=str(tmp_path / "onion.key"))
    running.service.publish(echo)
    await _in_the_way(running, "onion-key-unusable")
    with pytest.raises(OnionKeyUnusable):
        await running.service.address(0)
    (tmp_path / "onion.key").unlink()
    assert (await running.service.address(30)).endswith(".onion")


@pytest_twisted.ensureDeferred
async def test_without_anything_to_publish_no_address_comes(testnet: Testnet, start: Any) -> None:
    running = start(tor_mode="attach", tor_control=testnet.clients[0].control)
    with pytest.raises(OnionNotPublished):
        await running.service.address(0.3)


@pytest_twisted.ensureDeferred
async def test_switched_off_it_does_nothing_and_stops_at_once(start: Any) -> None:
    running = start(tor_mode="off")
    with pytest.raises(TorUnavailable):
        await running.service.address(5)
    assert running.service.status()["state"] == "off" and running.events.seen == []


@pytest_twisted.ensureDeferred
async def test_it_can_be_stopped_in_the_middle_of_its_start(testnet: Testnet, start: Any, tmp_path: Path) -> None:
    running = start(tor_mode="launch", tor_network=str(testnet.network_file))
    await running.events.next("tor-state", state="bootstrapping")
    await running.service.stop()
    assert not list(tmp_path.glob("tor-*")) and _tor_below(os.getpid()) == 0


@pytest_twisted.ensureDeferred
async def test_what_is_not_an_onion_is_never_dialled_nor_looked_up(testnet: Testnet, reactor: Any) -> None:
    dialer = Dialer(reactor, loopback=False, socks=testnet.clients[0].socks)
    good = onion_name(bytes(32))
    for host in ("example.org", "onion.example.org", "93.184.216.34", "2001:db8::1", "localhost", "127.0.0.1",
                 "b" + good[1:], good + ".", "www." + good):
        with pytest.raises(DialRefused):
            await dialer.connect(host, 80, CALLER)


@pytest_twisted.ensureDeferred
async def test_an_onion_that_nobody_runs_is_named_as_such(testnet: Testnet, reactor: Any) -> None:
    dialer = Dialer(reactor, loopback=False, socks=testnet.clients[0].socks)
    with pytest.raises(DialFailed, match="descriptor was not found"):
        await dialer.connect(new_key(os.urandom).address, 80, CALLER, timeout=30)


def _tor_below(pid: int) -> int:
    """Return the tor that this process launched itself and that still runs, or 0; those of the network are not it."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        arguments = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        if arguments[1:3] == [b"-f", b"-"]:
            return int(child)
    return 0
