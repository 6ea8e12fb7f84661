"""The doctor names the right cause, whatever is wrong with tor, and finds nothing where nothing is wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from tests.tor.kit import OwnTor
from whisperd import config
from whisperd.demo.daemon_process import DaemonProcess
from whisperd.tor.doctor import NAMES, Finding, examine
from whisperd.tor.testnet import Testnet
from whisperd.tor.testnet.ports import free_ports


@pytest.fixture
def reactor() -> Any:
    from twisted.internet import reactor

    return reactor


@pytest_twisted.async_yield_fixture
async def tor(reactor: Any, tmp_path: Path) -> AsyncIterator[Any]:
    """A function that starts a tor without a network, with these torrc lines; ended after the test."""
    started: list[OwnTor] = []

    async def start(*lines: str) -> None:
        started.append(await OwnTor(reactor, tmp_path / "tor", ["DisableNetwork 1", *lines]).start())

    yield start
    for each in started:
        await each.kill()


async def examined(reactor: Any, status: dict[str, Any] | None = None, **values: Any) -> dict[str, Finding]:
    settings = config.load(None, {f"tor.{name}": value for name, value in values.items()})
    found = [finding async for finding in examine(settings, status, reactor=reactor)]
    assert [finding.name for finding in found] == list(NAMES)
    assert all(finding.remedy and finding.code for finding in found if finding.state == "failed")
    return {finding.name: finding for finding in found}


@pytest_twisted.ensureDeferred
async def test_no_tor_on_the_machine(reactor: Any) -> None:
    found = await examined(reactor, mode="launch", binary="tor-that-is-not-there")
    assert found["program"].code == "tor-not-installed" and "apt install tor" in found["program"].remedy
    assert found["bootstrap"].state == "skipped"


@pytest_twisted.ensureDeferred
async def test_a_program_that_is_no_tor(reactor: Any) -> None:
    found = await examined(reactor, mode="launch", binary="true")
    assert found["program"].state == "failed" and "tor.binary" in found["program"].remedy


@pytest_twisted.ensureDeferred
async def test_a_tor_without_a_control_port(reactor: Any, tor: Any) -> None:
    socks, control = free_ports(2)
    await tor(f"SocksPort {socks}", f"ControlPort {control}", "CookieAuthentication 1")
    found = await examined(reactor, mode="attach", control="unix:/nowhere/control")
    assert found["control"].code == "tor-control-unreachable" and "ControlSocket" in found["control"].remedy
    assert found["socks"].state == "skipped"


@pytest_twisted.ensureDeferred
async def test_a_wrong_password(reactor: Any, tor: Any) -> None:
    hashed = await deferToThread(subprocess.run, ["tor", "--quiet", "--hash-password", "right"], capture_output=True,
                                 text=True, check=True)
    [control] = free_ports(1)
    await tor("SocksPort 0", f"ControlPort {control}", f"HashedControlPassword {hashed.stdout.split()[-1]}")
    found = await examined(reactor, mode="attach", control=f"tcp:127.0.0.1:{control}", password="wrong")
    assert found["control"].code == "tor-auth-refused" and "tor.password" in found["control"].remedy


@pytest_twisted.ensureDeferred
async def test_a_socks_port_given_as_control_port(reactor: Any, tor: Any) -> None:
    socks, control = free_ports(2)
    await tor(f"SocksPort {socks}", f"ControlPort {control}", "CookieAuthentication 1", "DisableNetwork 0",
              "DirAuthority none orport=1 no-v2 127.0.0.1:1 0000000000000000000000000000000000000000")
    found = await examined(reactor, mode="attach", control=f"tcp:127.0.0.1:{socks}")
    assert "SOCKS port, not its control port" in found["control"].detail and "tor.socks" in found["control"].remedy


@pytest_twisted.ensureDeferred
async def test_a_tor_that_has_not_bootstrapped(reactor: Any, tor: Any) -> None:
    [control] = free_ports(1)
    await tor("SocksPort 0", f"ControlPort {control}", "CookieAuthentication 1")
    found = await examined(reactor, mode="attach", control=f"tcp:127.0.0.1:{control}")
    assert found["control"].state == "ok"
    assert found["socks"].code == "tor-unavailable" and "SocksPort" in found["socks"].remedy
    assert found["bootstrap"].code == "tor-not-bootstrapped"


@pytest_twisted.ensureDeferred
async def test_a_private_service_is_not_dialled_without_a_credential(reactor: Any) -> None:
    status = {"version": "1", "pid": 1, "roles": {"relay": True, "peer": True},
              "tor": {"state": "up", "percent": 100, "summary": "Done", "version": "0.4.9", "error": None,
                      "onion": {"state": "up", "address": "x" * 56 + ".onion", "published_age": 5.0}}}
    settings = config.load(None, {"tor.mode": "attach", "tor.control": "unix:/nowhere", "onion.private": True})
    found = [finding async for finding in examine(settings, status, reactor=reactor)]
    assert found[-1].state == "skipped" and "credential" in found[-1].detail


_AS_NOBODY = """
import json, os, sys
from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from whisperd import config
from whisperd.tor.doctor import examine
settings = config.load(None, {"tor.mode": "attach", "tor.control": sys.argv[1]})
async def work():
    return [vars(finding) async for finding in examine(settings, None, reactor=reactor)]
"".encode("unicode-escape")  # txtorcon needs this codec, which nobody may not load
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
reactor.callWhenRunning(lambda: ensureDeferred(work()).addCallback(
    lambda found: print(json.dumps(found))).addBoth(lambda _: reactor.stop()))
reactor.run()
"""


@pytest_twisted.ensureDeferred
async def test_a_cookie_that_this_user_may_not_read(tor: Any, tmp_path: Path) -> None:
    [control] = free_ports(1)
    folder = tmp_path / "secret"
    folder.mkdir(mode=0o700)
    await tor("SocksPort 0", f"ControlPort {control}", "CookieAuthentication 1", f"CookieAuthFile {folder / 'cookie'}")
    folder.chmod(0)
    done = await deferToThread(subprocess.run, [sys.executable, "-c", _AS_NOBODY, f"tcp:127.0.0.1:{control}"],
                               capture_output=True, text=True, timeout=60, check=True)
    folder.chmod(0o700)
    found = {finding["name"]: finding for finding in json.loads(done.stdout)}
    assert found["control"]["code"] == "tor-control-forbidden" and "adduser" in found["control"]["remedy"]


@pytest_twisted.ensureDeferred
async def test_a_launched_tor_is_judged_by_what_the_daemon_says(reactor: Any) -> None:
    status = {"version": "1", "pid": 1, "roles": {"relay": True, "peer": True},
              "tor": {"state": "bootstrapping", "percent": 14, "summary": "Handshaking", "version": "", "error": None,
                      "onion": {"state": "absent", "address": None, "published_age": None}}}
    found = await examined(reactor, status, mode="launch")
    assert found["bootstrap"].code == "tor-not-bootstrapped" and "14 %" in found["bootstrap"].detail
    assert found["descriptor"].code == "onion-not-published" and found["reachable"].state == "skipped"
    status["tor"]["error"] = {"code": "tor-not-bootstrapped", "message": "no way out", "remedy": "Wait."}
    assert (await examined(reactor, status, mode="launch"))["bootstrap"].detail == "no way out"


@pytest_twisted.ensureDeferred
async def test_a_launched_tors_onion_is_judged_by_the_daemons_own_probes(reactor: Any) -> None:
    onion: dict[str, Any] = {"state": "up", "address": "x" * 56 + ".onion", "published_age": 5.0, "reached_age": 3}
    status: dict[str, Any] = {
        "version": "1", "pid": 1, "roles": {"relay": True, "peer": True},
        "tor": {"state": "up", "percent": 100, "summary": "Done", "version": "0.4.9", "error": None, "onion": onion}}
    onion["circuits"] = True
    found = await examined(reactor, status, mode="launch")
    assert found["reachable"].state == "ok" and "3 s ago" in found["reachable"].detail
    assert found["descriptor"].detail == "published 5 s ago"
    status["tor"]["error"] = {"code": "onion-unreachable", "message": "not reached", "remedy": "Wait."}
    found = await examined(reactor, status, mode="launch")
    assert found["bootstrap"].state == "ok" and found["reachable"].code == "onion-unreachable"
    onion["state"] = "lost"
    status["tor"]["error"] = {"code": "onion-key-unusable", "message": "others may read it", "remedy": "chmod"}
    found = await examined(reactor, status, mode="launch")
    assert found["bootstrap"].state == "ok" and found["descriptor"].code == "onion-key-unusable"


@pytest_twisted.ensureDeferred
async def test_what_tor_has_and_what_its_bridges_lack_is_said(
        reactor: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    detail = (await examined(reactor, mode="launch"))["program"].detail
    assert " with " in detail and "relay" in detail.partition(" with ")[2]
    program = shutil.which("tor")
    assert program
    (tmp_path / "tor").symlink_to(program)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = await examined(reactor, mode="launch", bridges=["obfs4 192.0.2.1:80 cert=x"])
    assert found["program"].code == "transport-not-installed" and "apt install obfs4proxy" in found["program"].remedy


@pytest_twisted.ensureDeferred
async def test_where_everything_is_fine_it_says_so_and_ends_with_zero(
        testnet: Testnet, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("d")
    relay = DaemonProcess("relay", folder, f'[tor]\nmode = "attach"\ncontrol = "{testnet.clients[0].control}"\n'
                                           '[relay]\nlisten = ["tcp:0:interface=127.0.0.1"]\n[peer]\nenabled = false\n')
    doctor = [sys.executable, "-c", "from whisperd.cli.ctl import main; raise SystemExit(main())", "doctor", "--json",
              "--config", str(folder / "relay.toml")]
    try:
        await deferToThread(relay.start)
        await deferToThread(relay.call, "address", wait=60)
        done = await deferToThread(subprocess.run, doctor, capture_output=True, text=True, timeout=90)
    finally:
        await deferToThread(relay.stop)
    report = json.loads(done.stdout)
    assert done.returncode == 0 and report["ok"], report
    assert [finding["state"] for finding in report["findings"]] == ["ok"] * len(NAMES)
    assert "circuits are not told apart" in report["findings"][NAMES.index("descriptor")]["detail"]
    gone = await deferToThread(subprocess.run, doctor, capture_output=True, text=True, timeout=90)
    assert gone.returncode == 1 and json.loads(gone.stdout)["findings"][0]["code"] == "daemon-unreachable"
