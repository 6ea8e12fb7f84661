"""A control port that lets only the listed commands pass is enough, and the lists are those of what is really sent."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.protocol import Factory

from tests.house import pages
from tests.integration.faults import reactor, until
from tests.tor.grater import PROFILE, Grater, Profile
from tests.tor.kit import Echo, Events, OwnTor, reach
from tests.tor.proxy import ControlProxy, plain
from whisperd.config import load
from whisperd.tor.control.attach import attach
from whisperd.tor.dial.dialer import Dialer
from whisperd.tor.doctor import examine
from whisperd.tor.onion.client_auth import new_credential
from whisperd.tor.onion.key import new_key
from whisperd.tor.onion.key_store import keys_of
from whisperd.tor.service import TorService
from whisperd.tor.surroundings import TorSurroundings
from whisperd.tor.testnet import Testnet
from whisperd.tor.timing import TorTiming

SECTION = "WHONIX AND TAILS"
#: Sent before anything else, and answered by the filter itself; the second only where a cookie has to be proved.
BY_THE_FILTER = {"PROTOCOLINFO 1", "AUTHCHALLENGE", "AUTHENTICATE"}
#: Asked only where tor.socks does not say it.
WITHOUT_SOCKS = "GETINFO net/listeners/socks"


@pytest_twisted.async_yield_fixture(scope="module")
async def tor(testnet: Testnet, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[OwnTor, Path]]:
    """A tor of the private network, and the folder with its sockets ``control`` and ``socks``."""
    folder = tmp_path_factory.mktemp("g")
    made = OwnTor(reactor, folder / "tor", [*testnet.network_file.read_text().splitlines(), "CookieAuthentication 1",
                                            f"ControlPort unix:{folder}/control", f"SocksPort unix:{folder}/socks"])
    try:
        yield await made.start(), folder
    finally:
        await made.kill()


@pytest_twisted.async_yield_fixture
async def grater(tor: tuple[OwnTor, Path], tmp_path: Path) -> AsyncIterator[Grater]:
    """The filter in front of it."""
    made = Grater(reactor, tmp_path / "filtered", tor[1] / "control", tor[1] / "tor" / "data" / "control_auth_cookie")
    yield made
    await made.stop()


@pytest_twisted.async_yield_fixture
async def echo() -> AsyncIterator[int]:
    """The port of an echo service on loopback."""
    port = reactor.listenTCP(0, Factory.forProtocol(Echo), interface="127.0.0.1")
    yield port.getHost().port
    await port.stopListening()


class Running:
    """A TorService attached to ``place``, with its dialer and its events."""

    def __init__(self, place: str, timing: TorTiming, **settings: Any) -> None:
        values = {"tor.mode": "attach", "tor.control": place, "onion.probe_interval": 0}
        self.config = load(None, values | {name.replace("_", ".", 1): value for name, value in settings.items()})
        self.events, self.dialer = Events(reactor), Dialer(reactor)
        self.service = TorService(self.config, reactor=reactor, dialer=self.dialer, emit=self.events.emit,
                                  around=TorSurroundings(timing=timing))
        self.service.start()


async def everything(running: Running, control: Path, inside: int) -> list[Any]:
    """Have a daemon do all that it can ask of a tor that it is attached to, which another connection to ``control`` has
    given the same key before; returns what the doctor found."""
    service = running.service
    other = await attach(f"unix:{control}", reactor=reactor)
    await other.request(f"ADD_ONION {keys_of(running.config.onion, os.urandom).current().text} Port=80,127.0.0.1:9")
    service.publish(inside)
    await until(lambda: (service.status()["error"] or {}).get("code") == "onion-taken", "the key is not taken", 60)
    assert service.status()["onion"]["state"] == "lost"
    other.abort()
    await service.address(60)
    service.private.add("anna")
    await service.address(60)
    await service.republish(60)
    await service.rotate(0, 60)
    opened = new_key(os.urandom).address
    await service.add_credential(new_credential(opened, os.urandom).line)
    await service.newnym()
    told: list[str] = []
    direct = service.direct.open(inside, bytes(range(32)), told.append)
    await until(lambda: told[-1:] == ["up"], "no onion service of a conversation", 60)
    await direct.close()
    found = [finding async for finding in examine(running.config, None, reactor=reactor)]
    await service.remove_credential(opened)
    return found


@pytest_twisted.ensureDeferred
async def test_what_the_profile_lets_pass_is_enough_for_everything(
        grater: Grater, tor: tuple[OwnTor, Path], tmp_path: Path, echo: int) -> None:
    running = Running(grater.place, TorTiming(keepalive=0.2), onion_private=True, tor_socks=f"unix:{tor[1]}/socks",
                      onion_key="persistent", onion_key_file=str(tmp_path / "key"))
    found = await everything(running, tor[1] / "control", echo)
    await until(lambda: "GETINFO onions/current" in grater.heard, "no sign of life was asked for", 60)
    await running.service.stop()
    assert grater.refused == []
    assert {finding.state for finding in found if finding.name in ("control", "socks", "bootstrap", "clock")} == {"ok"}
    used = {grater.profile.rule(line) for line in grater.heard}
    assert used - {None} == set(range(len(grater.profile.rules))), "the profile allows what nobody sends"
    events = {event for line in grater.heard if line.startswith("SETEVENTS") for event in line.split()[1:]}
    assert events == set(grater.profile.events)


@pytest_twisted.ensureDeferred
async def test_the_page_lists_every_command_that_is_sent_and_no_other(
        tor: tuple[OwnTor, Path], tmp_path: Path, echo: int) -> None:
    proxy = ControlProxy(reactor, tmp_path / "proxy", tor[1] / "control")
    try:
        running = Running(proxy.place, TorTiming(keepalive=0.2), onion_private=True, onion_key="persistent",
                          onion_key_file=str(tmp_path / "key"))
        await everything(running, tor[1] / "control", echo)
        await until(lambda: "GETINFO onions/current" in proxy.heard, "no sign of life was asked for", 60)
        await running.service.stop()
    finally:
        await proxy.stop()
    sent = {plain(line) for line in proxy.heard}
    assert sent == set(pages.items("whisperd.8", SECTION))
    profile = Profile()
    passed = {plain(line) for line in proxy.heard if profile.rewritten(line) is not None}
    assert sent - passed == {*BY_THE_FILTER, WITHOUT_SOCKS}


@pytest_twisted.ensureDeferred
async def test_a_tor_that_is_started_again_behind_the_filter_gets_the_onion_again(
        grater: Grater, tor: tuple[OwnTor, Path], echo: int, testnet: Testnet) -> None:
    running = Running(grater.place, TorTiming(keepalive=0.5, keepalive_answer=5.0), tor_socks=f"unix:{tor[1]}/socks")
    try:
        running.service.publish(echo)
        address = await running.service.address(60)
        published = running.events.next("onion-state", timeout=120, state="up")
        await tor[0].kill()
        await tor[0].start()
        await published
        assert await running.service.address(1) == address and grater.refused == []
        dialer = Dialer(reactor, socks=testnet.clients[2].socks)
        caller = await reach(dialer, address, reactor)
        assert await caller.ask(b"still there") == b"still there"
        caller.transport.abortConnection()
    finally:
        await running.service.stop()


@pytest.mark.parametrize("line", [
    "GETINFO address", "GETINFO net/listeners/socks", "GETINFO version address", "GETCONF HiddenServiceOptions",
    "SETCONF ORPort=9001", "SIGNAL SHUTDOWN", "TAKEOWNERSHIP", "LOADCONF", "GETINFO", "DEL_ONION",
    "ADD_ONION ED25519-V3:AAAA Port=80,192.0.2.1:80", "ADD_ONION ED25519-V3:AAAA Flags=Detach Port=80,127.0.0.1:80",
    "ADD_ONION NEW:BEST Port=80,127.0.0.1:80", "ADD_ONION ED25519-V3:AAAA Port=80,127.0.0.1:80 Port=22,127.0.0.1:22",
    "SETEVENTS STATUS_CLIENT CIRC", "SETEVENTS STREAM",
])
def test_nothing_else_passes(line: str) -> None:
    assert Profile().rewritten(line) is None


def test_an_onion_leads_to_the_machine_that_asked_and_events_tell_of_no_directory() -> None:
    profile = Profile()
    asked = "ADD_ONION ED25519-V3:AAAA Flags=V3Auth MaxStreams=32 Port=80,127.0.0.1:17640 ClientAuthV3=" + "A" * 52
    assert profile.rewritten(asked) == asked
    assert "{client-address}" in PROFILE.read_text()
    told = profile.event(f"650 HS_DESC UPLOADED {'a' * 56} UNKNOWN $ABC~relay")
    assert told == f"650 HS_DESC UPLOADED {'a' * 56} UNKNOWN redacted"
    assert profile.event("650 STATUS_CLIENT NOTICE CIRCUIT_ESTABLISHED") == ""
