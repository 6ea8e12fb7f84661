"""Launching a tor of the daemon's own, and what stands in the way of it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from whisperd import config
from whisperd.errors import ConfigError, TorControlUnreachable, TorNotInstalled
from whisperd.tor.process.launch import launch
from whisperd.tor.process.socket_folder import SocketsFolder
from whisperd.tor.timing import TorTiming


@pytest.fixture
def reactor() -> Any:
    from twisted.internet import reactor

    return reactor


def settings(folder: Path, **values: object) -> Any:
    """Return the section ``tor`` for a tor that never reaches a network: its only authority is nobody."""
    network = folder / "network"
    network.write_text(f"TestingTorNetwork 1\nDirAuthority nobody orport=1 v3ident={'A' * 40} 127.0.0.1:1 {'B' * 40}\n")
    given = {"network": str(network), "data_dir": str(folder / "data"), **values}
    return config.load(None, {f"tor.{name}": value for name, value in given.items()}).tor


@pytest_twisted.ensureDeferred
async def test_its_sockets_are_for_this_user_only_and_gone_when_it_has_stopped(reactor: Any, tmp_path: Path) -> None:
    tor = await launch(settings(tmp_path), reactor=reactor, runtime=tmp_path)
    control = Path(tor.control.removeprefix("unix:"))
    try:
        assert control.is_socket() and control.parent.stat().st_mode & 0o777 == 0o700
        assert control.parent.parent == tmp_path
    finally:
        await tor.stop()
    assert not control.parent.exists() and not os.path.exists(f"/proc/{tor.pid}")


@pytest_twisted.ensureDeferred
async def test_a_tor_that_ignores_the_request_to_end_is_killed(reactor: Any, tmp_path: Path) -> None:
    tor = await launch(settings(tmp_path), reactor=reactor, timing=TorTiming(stop=0.2))
    os.kill(tor.pid, signal.SIGSTOP)
    await tor.stop()
    assert not os.path.exists(f"/proc/{tor.pid}")


@pytest_twisted.ensureDeferred
async def test_without_a_tor_program_it_says_so(
        reactor: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TorNotInstalled):
        await launch(settings(tmp_path), reactor=reactor)


@pytest_twisted.ensureDeferred
async def test_a_data_folder_that_cannot_be_made_is_named(reactor: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=str(tmp_path / "file" / "data")):
        await launch(settings(tmp_path, data_dir=str(tmp_path / "file" / "data")), reactor=reactor)


@pytest_twisted.ensureDeferred
async def test_what_tor_complains_of_is_passed_on(reactor: Any, tmp_path: Path) -> None:
    given = settings(tmp_path)
    Path(given.network).write_text("TestingTorNetwork 1\nDirAuthority nonsense\n")
    with pytest.raises(TorControlUnreachable, match="authority/fallback line did not parse"):
        await launch(given, reactor=reactor, runtime=tmp_path)
    assert not list(tmp_path.glob("tor-*"))


@pytest.mark.parametrize(("number", "name"), [(signal.SIGKILL, "SIGKILL"), (signal.SIGRTMIN + 5, "signal 39")])
@pytest_twisted.ensureDeferred
async def test_a_signal_is_named_and_what_tor_says_at_every_start_is_not(
        reactor: Any, tmp_path: Path, number: int, name: str) -> None:
    tor = await launch(settings(tmp_path), reactor=reactor, runtime=tmp_path)
    try:
        os.kill(tor.pid, number)
        reason = await tor.why_gone()
        assert reason and reason.message == f"the launched tor was ended by {name}"
    finally:
        await tor.stop()


@pytest_twisted.ensureDeferred
async def test_the_sockets_of_a_daemon_that_was_killed_are_removed_and_those_of_a_running_one_are_not(
        reactor: Any, tmp_path: Path) -> None:
    running = SocketsFolder(tmp_path)
    code = f"from pathlib import Path; from whisperd.tor.process.socket_folder import SocketsFolder as F\n" \
           f"print(F(Path({str(tmp_path)!r})).path)"
    done = await deferToThread(subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True, check=True)
    left = Path(done.stdout.strip())
    foreign = tmp_path / "tor-browser"
    foreign.mkdir()
    assert left.is_dir() and left.parent == tmp_path
    tor = await launch(settings(tmp_path), reactor=reactor, runtime=tmp_path)
    await tor.stop()
    assert not left.exists() and running.path.is_dir() and foreign.is_dir()
    running.remove()


def test_a_daemon_that_is_killed_while_it_removes_its_folder_leaves_one_that_can_be_told_from_others(
        tmp_path: Path) -> None:
    """The lock goes last, whatever the order of the folder is."""
    left = SocketsFolder(tmp_path)
    for name in ("service", "a", "zz", "control"):
        (left.path / name).mkdir()
        (left.path / name / "hs_ed25519_secret_key").write_text("secret")
    code = f"""
import os, shutil, sys
from pathlib import Path
from whisperd.tor.process import socket_folder
sys.addaudithook(lambda event, given: event == "os.remove" and str(given[0]).endswith("lock") and os._exit(9))
socket_folder._remove(Path({str(left.path)!r}))
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 9
    assert [path.name for path in left.path.iterdir()] == ["lock"]
    left.remove()
    assert not list(tmp_path.iterdir())


def test_all_folders_of_this_process_are_removed_at_once_and_no_other(tmp_path: Path) -> None:
    code = ("from pathlib import Path; from whisperd.tor.process import socket_folder\n"
            f"place = Path({str(tmp_path)!r})\n"
            "for _ in range(2): (socket_folder.SocketsFolder(place).path / 'key').write_text('secret')\n"
            "socket_folder.remove_all(); socket_folder.remove_all()")
    other = SocketsFolder(tmp_path)
    subprocess.run([sys.executable, "-c", code], check=True)
    assert list(tmp_path.iterdir()) == [other.path]
    other.remove()


def test_it_ends_when_the_daemon_is_killed(tmp_path: Path) -> None:
    settings(tmp_path)
    code = f"""
from twisted.internet import reactor
from whisperd import config
from whisperd.tor.dial.dialer import Dialer
from whisperd.tor.service import TorService
def emit(name, **fields):
    if fields.get("state") == "bootstrapping":
        print("launched", flush=True)
values = {{"tor.mode": "launch", "tor.network": {str(tmp_path / 'network')!r}, "tor.data_dir": {str(tmp_path / 'd')!r},
          "control.socket": {str(tmp_path / 'c')!r}}}
service = TorService(config.load(None, values), reactor=reactor, dialer=Dialer(reactor, loopback=False), emit=emit)
service.start()
reactor.run()
"""
    daemon = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert daemon.stdout and daemon.stdout.readline()
    child = _children(daemon.pid)[0]
    descriptor = os.pidfd_open(child)
    daemon.kill()
    daemon.wait()
    assert _ends(descriptor, seconds=5)


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _ends(descriptor: int, seconds: float) -> bool:
    """Tell whether the process behind a pidfd ends within this time."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    try:
        return bool(poll.poll(seconds * 1000))
    finally:
        os.close(descriptor)
