"""Whatever happens to tor: the onion answers again in time, and a conversation over it loses and doubles nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.protocol import Factory

from tests.integration import faults
from tests.integration.faults import Stage, Strike, in_haste, recover, until
from tests.integration.half_open import control_half_open
from tests.tor.kit import Echo, Events, SetClock
from tests.tor.proxy import CUT_AFTER, CUT_BEFORE
from whisperd import logs
from whisperd.config import load
from whisperd.tor.clock_jumps import Clocks
from whisperd.tor.dial.dialer import Dialer
from whisperd.tor.onion.client_auth import new_credential
from whisperd.tor.onion.key import new_key
from whisperd.tor.service import TorService
from whisperd.tor.surroundings import TorSurroundings
from whisperd.tor.testnet import Testnet
from whisperd.tor.timing import TorTiming

#: Seconds after the end of a fault within which the onion answers and the conversation goes on: three pauses between
#: attempts at their longest, on a machine that is busy with other tests.
IN_TIME = 180.0
#: A jump of the clock and an upload are followed by a probe at once.
SOON = TorTiming(keepalive=0.2, settle=0.1)


@pytest_twisted.async_yield_fixture(scope="module")
async def scene(testnet: Testnet, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """One conversation for all faults: each test leaves it as it found it."""
    async with faults.stage(tmp_path_factory.mktemp("f"), testnet) as made:
        yield made


async def check(scene: Stage, strike: Strike) -> None:
    found = await recover(scene, strike)
    print(f"the onion answered after {found.onion:.1f} s, the conversation went on after {found.conversation:.1f} s")
    assert max(found.onion, found.conversation) <= IN_TIME


@pytest_twisted.ensureDeferred
async def test_a_tor_that_is_killed_and_started_again(scene: Stage) -> None:
    await check(scene, faults.tor_killed)


@pytest_twisted.ensureDeferred
async def test_a_control_connection_that_is_cut_while_nothing_is_asked(scene: Stage) -> None:
    await check(scene, faults.control_cut)


@pytest_twisted.ensureDeferred
async def test_a_control_connection_that_only_tor_takes_for_open(scene: Stage) -> None:
    told: list[str] = []
    direct = scene.service.direct.open(9, bytes(range(32)), told.append)
    await until(lambda: told[-1:] == ["up"], "no onion service of a conversation")
    await check(scene, control_half_open(0))
    await until(lambda: told[-1:] == ["up"] and "lost" in told, "the onion service of a conversation is not back")
    assert "refused" not in told
    await direct.close()


@pytest_twisted.ensureDeferred
async def test_a_control_connection_that_tor_takes_for_open_whatever_it_says_there(scene: Stage) -> None:
    with in_haste(scene.timing, max_pause=1.0):
        await check(scene, control_half_open(3))


@pytest_twisted.ensureDeferred
async def test_a_tor_that_stops_and_goes_on_unnoticed(scene: Stage) -> None:
    await check(scene, faults.tor_stopped(2))


@pytest.mark.soak
@pytest_twisted.ensureDeferred
async def test_a_tor_that_stops_for_a_minute_and_goes_on(scene: Stage) -> None:
    await check(scene, faults.tor_stopped(60))


@pytest_twisted.ensureDeferred
async def test_a_tor_that_hangs_is_noticed_and_taken_up_again_when_it_goes_on(scene: Stage) -> None:
    with in_haste(scene.timing, keepalive=0.2, keepalive_answer=1.0, max_pause=1.0):
        lost = scene.events.next("tor-state", timeout=60, state="lost")
        scene.proxy.cut()  # from now on it is asked every fifth of a second
        await lost
        await until(scene.is_up, "not up")
        lost = scene.events.next("tor-state", timeout=60, state="lost")
        await check(scene, faults.tor_stopped(5))
        await lost


@pytest_twisted.ensureDeferred
async def test_a_tor_that_refuses_several_times(scene: Stage) -> None:
    with in_haste(scene.timing, max_pause=1.0):
        await check(scene, faults.tor_refusing(5))


@pytest_twisted.ensureDeferred
async def test_a_launched_tor_that_is_killed_and_one_that_hangs(testnet: Testnet, tmp_path: Path) -> None:
    timing = TorTiming(keepalive=0.2, keepalive_answer=2.0, stop=0.5)
    async with faults.stage(tmp_path, testnet, launch=True, timing=timing) as scene:
        await check(scene, faults.launched_tor_gets(signal.SIGKILL))
        await check(scene, faults.launched_tor_gets(signal.SIGSTOP))


@pytest_twisted.ensureDeferred
async def test_a_clock_that_is_set_ahead(testnet: Testnet, tmp_path: Path) -> None:
    async with faults.stage(tmp_path, testnet, SetClock(tmp_path / "offset")) as scene:
        await check(scene, faults.clock_ahead(3 * 3600))


@pytest_twisted.ensureDeferred
async def test_a_clock_that_is_set_right_leaves_what_is_published_and_directories_take_nothing_else(
        testnet: Testnet, tmp_path: Path) -> None:
    clock = SetClock(tmp_path / "offset")
    clock.jump(3 * 3600)
    async with faults.stage(tmp_path, testnet, clock) as scene:
        await check(scene, faults.clock_ahead(0))
        assert scene.events.states("onion-state") == ["adding", "publishing", "up"]
        await scene.service.republish()
        await until(lambda: scene.service.status()["error"] is not None, "nothing is refused")
        status = scene.service.status()
        assert status["onion"]["state"] == "publishing" and status["error"]["code"] == "onion-not-published"
        assert "looks newer" in status["error"]["message"] and "onion rotate" in status["error"]["remedy"]
        scene.address = (await scene.service.rotate(3600, faults.PATIENCE))["address"]
        await scene.answers()
        assert scene.service.status()["error"] is None

        def before() -> str:
            return str(scene.service.status()["onion"]["retiring"]["state"])

        assert before() != "up"
        clock.jump(3 * 3600 + 60)  # as if so much time had passed
        await until(lambda: before() == "up", "the address before is not published when the clock has caught up")


@pytest_twisted.ensureDeferred
async def test_directories_that_refuse_the_descriptor_for_a_while(scene: Stage) -> None:
    with in_haste(scene.timing, max_pause=1.0):
        await check(scene, faults.directories_refusing)


@pytest_twisted.ensureDeferred
async def test_after_the_clock_was_set_the_own_onion_is_dialled_soon(testnet: Testnet, tmp_path: Path) -> None:
    clock, events, dialer = [0.0], Events(faults.reactor), Dialer(faults.reactor)
    values = {"tor.mode": "attach", "tor.control": testnet.clients[0].control}
    service = TorService(load(None, values), reactor=faults.reactor, dialer=dialer, emit=events.emit,
                         around=TorSurroundings(clocks=Clocks(lambda: clock[0], lambda: 0.0), timing=SOON))
    port = faults.reactor.listenTCP(0, Factory.forProtocol(Echo), interface="127.0.0.1")
    try:
        reached = events.next("onion-probe", timeout=60, state="reached")
        service.publish(port.getHost().port)
        service.start()
        await reached
        reached = events.next("onion-probe", timeout=60, state="reached")
        clock[0] += 3600
        await reached
    finally:
        await service.stop()
        await port.stopListening()


@pytest_twisted.ensureDeferred
async def test_after_the_clock_was_set_back_nothing_is_published_anew_until_it_has_caught_up(
        testnet: Testnet) -> None:
    clock, steady, events, dialer = [0.0], [0.0], Events(faults.reactor), Dialer(faults.reactor)
    values = {"tor.mode": "attach", "tor.control": testnet.clients[0].control}
    service = TorService(load(None, values), reactor=faults.reactor, dialer=dialer, emit=events.emit,
                         around=TorSurroundings(clocks=Clocks(lambda: clock[0], lambda: steady[0]), timing=SOON))
    port = faults.reactor.listenTCP(0, Factory.forProtocol(Echo), interface="127.0.0.1")
    number = port.getHost().port
    try:
        reached = events.next("onion-probe", timeout=60, state="reached")
        service.publish(number)
        service.start()
        await reached
        await port.stopListening()
        unreachable = events.next("onion-probe", timeout=120, state="unreachable")
        clock[0] -= 3600
        await unreachable
        assert service.status()["error"]["code"] == "onion-unreachable"
        assert "the clock was set back" in service.status()["error"]["message"]
        port = faults.reactor.listenTCP(number, Factory.forProtocol(Echo), interface="127.0.0.1")
        reached = events.next("onion-probe", timeout=60, state="reached")
        clock[0] -= 3600
        await reached
        assert service.status()["error"] is None
        assert events.states("onion-state") == ["adding", "publishing", "up"]
        published = events.next("onion-state", timeout=60, state="up")
        steady[0], clock[0] = 7201.0, clock[0] + 7201.0
        await published
    finally:
        await service.stop()
        await port.stopListening()


@pytest_twisted.ensureDeferred
async def test_directory_authorities_that_are_away_while_the_onion_is_published(scene: Stage) -> None:
    await check(scene, faults.authorities_away(5))


@pytest_twisted.ensureDeferred
async def test_a_network_that_is_away(scene: Stage) -> None:
    await check(scene, faults.network_away(5))


#: Pauses and signs of life so short that many faults fit into one test.
QUICK = {"max_pause": 0.1, "keepalive": 0.2}


@pytest.fixture
def bugs(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """Every exception that nobody expected."""
    seen: list[BaseException] = []
    monkeypatch.setattr(logs, "unexpected", seen.append)
    return seen


@pytest.mark.parametrize("way", [CUT_BEFORE, CUT_AFTER])
@pytest_twisted.ensureDeferred
async def test_a_control_connection_that_is_cut_at_every_command_in_turn(
        scene: Stage, bugs: list[BaseException], way: str) -> None:
    opened = new_key(os.urandom).address
    await scene.service.add_credential(new_credential(opened, os.urandom).line)
    cuts: list[str] = []
    with in_haste(scene.timing, **QUICK):
        await check(scene, faults.cut_at_each_command(way, cuts))
    await scene.service.remove_credential(opened)
    print("cut at", [cut.partition(" ")[0] for cut in cuts])
    assert {"PROTOCOLINFO", "AUTHENTICATE", "SETEVENTS", "ONION_CLIENT_AUTH_ADD", "ADD_ONION"} <= {
        cut.partition(" ")[0] for cut in cuts}
    assert bugs == []


async def take_credential_back(service: TorService) -> None:
    [address] = service.credentials()
    await service.remove_credential(address)


async def add_credential(service: TorService) -> None:
    await service.add_credential(new_credential(new_key(os.urandom).address, os.urandom).line)


ASKED: dict[str, Callable[[TorService], Awaitable[object]]] = {
    "DEL_ONION": TorService.republish, "SIGNAL": TorService.newnym, "ONION_CLIENT_AUTH_ADD": add_credential,
    "ONION_CLIENT_AUTH_REMOVE": take_credential_back,
}


@pytest.mark.parametrize("way", [CUT_BEFORE, CUT_AFTER])
@pytest_twisted.ensureDeferred
async def test_a_control_connection_that_is_cut_at_what_an_administrator_asks(
        scene: Stage, bugs: list[BaseException], way: str) -> None:
    with in_haste(scene.timing, **QUICK):
        for verb, ask in ASKED.items():
            await check(scene, faults.cut_at_verb(way, verb, ask))
    assert bugs == [] and scene.service.credentials() == []
    held = await scene.tor_says("ONION_CLIENT_AUTH_VIEW")
    assert "x25519" not in held, "tor holds what was removed"
