"""A launched tor that goes through an obfs4 bridge of the private network, and through nothing else."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from tests.tor.bridge import Obfs4Bridge
from tests.tor.kit import Running, reach, services
from tests.waiting import eventually
from whisperd.demo.daemon_process import DaemonProcess
from whisperd.tor.testnet import Testnet


@pytest.fixture
def reactor() -> Any:
    from twisted.internet import reactor

    return reactor


@pytest_twisted.async_yield_fixture
async def bridge(reactor: Any, tmp_path: Path, testnet: Testnet) -> AsyncIterator[Obfs4Bridge]:
    """An obfs4 bridge that is ready."""
    made = Obfs4Bridge(reactor, tmp_path / "bridge", testnet)
    try:
        yield await made.start()
    finally:
        await made.tor.kill()


@pytest_twisted.async_yield_fixture
async def start(reactor: Any, testnet: Testnet, tmp_path: Path) -> AsyncIterator[Callable[..., Running]]:
    """A function that starts a TorService with these settings."""
    async with services(reactor, tmp_path, tor_network=str(testnet.network_file)) as start:
        yield start


def below(pid: int, name: str) -> set[int]:
    """Return the processes of this name that a process has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(child) for child in children if Path(f"/proc/{child}/comm").read_text().strip() == name}


def running(pid: int) -> bool:
    """Is there such a process that has not ended? Nobody may be there to ask an orphan for its exit status."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ports(pid: int) -> tuple[set[int], set[int]]:
    """Return the TCP ports on which a process listens, and those of others to which it is connected."""
    links = (os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir())
    sockets = {link[8:-1] for link in links if link.startswith("socket:[")}
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    own = [[int(row[field].partition(":")[2], 16) for field in (1, 2)] for row in rows if row[9] in sockets]
    return {local for local, remote in own if not remote}, {remote for _, remote in own} - {0}


@pytest_twisted.ensureDeferred
async def test_a_confined_daemon_publishes_and_another_dials_through_the_bridge_only(
        reactor: Any, testnet: Testnet, bridge: Obfs4Bridge, start: Callable[..., Any],
        tmp_path_factory: pytest.TempPathFactory) -> None:
    relay = DaemonProcess("relay", tmp_path_factory.mktemp("b"), f'''
        [daemon]
        sandbox = "require"
        [tor]
        network = "{testnet.network_file}"
        bridges = ["{bridge.line}"]
        [peer]
        enabled = false
        [relay]
        listen = ["tcp:0:interface=127.0.0.1"]''', may_write=True)
    try:
        await deferToThread(relay.start)
        others = below(os.getpid(), "tor")
        friend = start(tor_bridges=[bridge.line], tor_options=["NumCPUs 1"])
        await friend.events.next("tor-state", timeout=90, state="up")
        url = await deferToThread(relay.call, "address", wait=80)
        caller = await reach(friend.dialer, url["address"], reactor)
        assert (await caller.ask(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")).startswith(b"HTTP/1.1 200")
        tors = (below(os.getpid(), "tor") - others) | below(relay.call("status")["pid"], "tor")
        transports = {transport for tor in tors for transport in below(tor, "obfs4proxy")}
        assert len(tors) == len(transports) == 2
        for tor in tors:
            [transport] = below(tor, "obfs4proxy")
            assert ports(tor)[1] == ports(transport)[0] and ports(transport)[1] >= {bridge.port}
        caller.transport.abortConnection()
    finally:
        await deferToThread(relay.stop)
    await friend.service.stop()
    await eventually(lambda: not any(running(pid) for pid in transports))


@pytest_twisted.ensureDeferred
async def test_a_bridge_that_is_not_there_is_named_and_nothing_goes_around_it(
        start: Callable[..., Any], reactor: Any) -> None:
    others = below(os.getpid(), "tor")
    nowhere = f"obfs4 127.0.0.1:1 {'A' * 40} cert={'A' * 70} iat-mode=0"
    friend = start(tor_bridges=[nowhere], tor_bootstrap_timeout=20)
    error = await eventually(lambda: friend.service.status()["error"])
    assert error["code"] == "tor-not-bootstrapped" and "percent, Connect" in error["message"]
    assert "general SOCKS server failure" in error["message"]
    [tor] = below(os.getpid(), "tor") - others
    [transport] = below(tor, "obfs4proxy")
    assert ports(tor)[1] <= ports(transport)[0]
