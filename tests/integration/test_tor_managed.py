"""The mode 'managed' on a real network: torrc has the onion service, and whisperd has no control port."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor as _reactor
from twisted.internet.threads import deferToThread

from tests.integration.circuits import until
from tests.integration.floods import Flood, conversation
from tests.tor.kit import Events, OwnTor
from whisperd import config
from whisperd.demo.daemon_process import DaemonProcess
from whisperd.errors import HostnameUnusable, TorManaged
from whisperd.tor.dial.dialer import Dialer
from whisperd.tor.doctor import NAMES
from whisperd.tor.managed import ManagedTor
from whisperd.tor.onion.key import new_key
from whisperd.tor.surroundings import TorSurroundings
from whisperd.tor.testnet import Testnet
from whisperd.tor.testnet.ports import free_ports
from whisperd.tor.timing import TorTiming

reactor: Any = _reactor
FLOOD = 200
#: Most of them that the limits of one circuit can let in while the machine is slow.
MAX = 64


class World:
    """A tor whose torrc has an onion service in front of ``port``, and what runs beside it."""

    def __init__(self, folder: Path, network: list[str], port: int, *lines: str) -> None:
        self.folder, self.port = folder, port
        self.hostname = folder / "service" / "hostname"
        self.socks = f"unix:{folder}/socks"
        # A service that is not named by a control port is found by its log only: the opened control listener.
        self.tor = OwnTor(reactor, folder / "own", [
            *network, f"SocksPort {self.socks} ExtendedErrors", f"ControlPort unix:{folder}/unused",
            f"HiddenServiceDir {folder}/service", f"HiddenServicePort 80 127.0.0.1:{port}", *lines])
        self.daemon: DaemonProcess | None = None
        self.managed: list[ManagedTor] = []

    def toml(self, listen: str = "haproxy:tcp", more: str = "") -> str:
        return (f'[tor]\nmode = "managed"\nsocks = "{self.socks}"\n[onion]\nhostname_file = "{self.hostname}"\n'
                f'[relay]\nlisten = ["{listen}:{self.port}:interface=127.0.0.1"]\n[peer]\nenabled = false\n{more}')

    async def start(self, toml: str) -> DaemonProcess:
        self.daemon = DaemonProcess("relay", self.folder, toml)
        await deferToThread(self.daemon.start)
        return self.daemon

    async def call(self, method: str, **params: Any) -> Any:
        assert self.daemon
        return await deferToThread(self.daemon.call, method, **params)

    async def doctor(self) -> dict[str, Any]:
        """Run ``whisperctl doctor``; its findings by name, and its exit status as ``status``."""
        command = [sys.executable, "-c", "from whisperd.cli.ctl import main; raise SystemExit(main())", "doctor",
                   "--json", "--config", str(self.folder / "relay.toml")]
        done = await deferToThread(subprocess.run, command, capture_output=True, text=True, timeout=120)
        report = json.loads(done.stdout)
        return {"status": done.returncode, **{found["name"]: found for found in report["findings"]}}

    def service(self, events: Events, timing: TorTiming | None = None, **values: Any) -> ManagedTor:
        settings = {"tor.mode": "managed", "tor.socks": self.socks, "onion.hostname_file": str(self.hostname)} | {
            name.replace("_", ".", 1): value for name, value in values.items()}
        self.managed.append(ManagedTor(config.load(None, settings), reactor=reactor, dialer=Dialer(reactor),
                                       emit=events.emit, around=TorSurroundings(timing=timing or TorTiming())))
        self.managed[-1].publish(0)
        self.managed[-1].start()
        return self.managed[-1]


@pytest_twisted.async_yield_fixture
async def world(testnet: Testnet, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Callable[..., World]]:
    """A function that makes a world with these lines of torrc; everything is ended after the test."""
    made: list[World] = []

    def make(*lines: str) -> World:
        network = testnet.network_file.read_text().splitlines()
        made.append(World(tmp_path_factory.mktemp("m"), network, free_ports(1)[0], *lines))
        return made[-1]

    yield make
    for each in made:
        for service in each.managed:
            await service.stop()
        if each.daemon is not None:
            await deferToThread(each.daemon.stop)
        await each.tor.kill()


@pytest_twisted.ensureDeferred
async def test_the_name_comes_from_the_file_and_follows_it_and_tor_may_come_and_go(
        world: Any) -> None:
    here = world()
    events = Events(reactor)
    service = here.service(events, TorTiming(hostname=0.1, socks=0.2), onion_probe_interval=0)
    with pytest.raises(HostnameUnusable, match="does not exist"):
        await service.address(0.3)
    assert service.status()["error"]["code"] in ("hostname-unusable", "tor-unavailable")
    up = events.next("tor-state", timeout=60, state="up")
    await here.tor.start()
    address = await service.address(30)
    assert address == here.hostname.read_text().strip()
    await up
    assert service.status()["error"] is None and service.status()["onion"]["published_age"] is None
    lost = events.next("onion-state", state="lost")
    kept = here.hostname.read_text()
    here.hostname.unlink()
    await lost
    assert service.status()["error"]["code"] == "hostname-unusable" and service.status()["onion"]["address"] is None
    other = new_key(os.urandom).address
    changed = events.next("onion-state", state="up", address=other)
    here.hostname.write_text(f"{other}\n")
    await changed
    here.hostname.write_text(kept)
    gone = events.next("tor-state", state="lost")
    await here.tor.kill()
    await gone
    assert service.status()["error"]["code"] == "tor-unavailable"
    up = events.next("tor-state", timeout=60, state="up")
    await here.tor.start()
    await up
    assert await service.address(5) == address


@pytest_twisted.ensureDeferred
async def test_what_needs_a_control_port_is_refused_with_what_to_do_instead(world: Any) -> None:
    service = world().service(Events(reactor))
    for refused in (service.republish, lambda: service.rotate(1.0), service.newnym,
                    lambda: service.add_credential("x"), lambda: service.remove_credential("x")):
        with pytest.raises(TorManaged) as caught:
            await refused()
        assert "tor" in caught.value.remedy
    for refused in (service.retire, service.credentials, service.private.names,
                    lambda: service.private.add("a"), lambda: service.private.remove("a")):
        with pytest.raises(TorManaged):
            refused()


@pytest_twisted.ensureDeferred
async def test_a_flood_from_one_circuit_is_refused_while_two_people_on_others_converse(
        world: Any, testnet: Testnet) -> None:
    here = world("HiddenServiceExportCircuitID haproxy")
    await here.tor.start()
    await here.start(here.toml())
    address = (await here.call("address", wait=30))["address"]
    assert (await here.call("status"))["tor"]["onion"]["circuits"]
    flood = Flood(testnet, address)
    async with conversation(testnet, address) as talk:
        await flood.pours(FLOOD)
        await talk.goes_on()
        refused = await until(
            lambda: flood.answered(b"HTTP/1.1 503 ") >= FLOOD - MAX and flood.answered(b"HTTP/1.1 503 "))
        assert flood.answered(b"HTTP/1.1 101 ") <= MAX
        limits = {(row["limit"], row["scope"]): row["refused"] for row in await here.call("relay.limits")}
        assert limits["connection_rate", "circuit"] + limits["connections", "circuit"] >= refused
        assert limits["connection_rate", "total"] == limits["connections", "total"] == 0
        await talk.goes_on()
    flood.stop()


@pytest_twisted.ensureDeferred
async def test_the_doctor_finds_what_can_be_found_and_names_the_mistakes_of_torrc(world: Any) -> None:
    here = world()
    await here.tor.start()
    await here.start(here.toml("tcp"))
    await here.call("address", wait=30)
    for _ in range(20):
        found = await here.doctor()
        if found["reachable"]["state"] == "ok":
            break
    assert found["status"] == 0
    assert {name: found[name]["state"] for name in NAMES} == {
        "daemon": "ok", "program": "ok", "control": "skipped", "socks": "ok", "bootstrap": "skipped",
        "clock": "skipped", "descriptor": "ok", "reachable": "ok"}
    assert "only tor's log" in found["descriptor"]["detail"]
    assert "circuits are not told apart" in found["descriptor"]["detail"]
    await deferToThread(here.daemon.stop)
    assert (await here.doctor())["daemon"]["code"] == "daemon-unreachable"
    (here.folder / "again").mkdir()
    wrong = DaemonProcess("relay", here.folder / "again", here.toml("haproxy:tcp"))
    here.daemon, here.folder = wrong, here.folder / "again"
    await deferToThread(wrong.start)
    await here.call("address", wait=30)
    found = await here.doctor()
    assert found["status"] == 1 and found["reachable"]["code"] == "dial-failed"
    assert "HiddenServiceExportCircuitID" in found["reachable"]["remedy"]
    here.hostname.write_text("nonsense\n")
    await until(lambda: wrong.call("status")["tor"]["error"], 30)
    assert (await here.doctor())["descriptor"]["code"] == "hostname-unusable"
    await here.tor.kill()
    assert (await here.doctor())["socks"]["code"] == "tor-unavailable"
