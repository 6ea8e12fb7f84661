"""The private network with real tor processes: up, seen from another process, down, and nothing left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.defer import CancelledError, ensureDeferred

from whisperd.errors import TestnetFailed, TorNotInstalled
from whisperd.tor.testnet import Testnet, detached_processes, down, status


@pytest_twisted.ensureDeferred
async def test_every_client_has_bootstrapped_and_has_its_sockets(testnet: Testnet) -> None:
    assert len(testnet.clients) == 3
    for client in testnet.clients:
        assert os.path.exists(client.control.removeprefix("unix:"))
        assert os.path.exists(client.socks.removeprefix("unix:"))
    seen = status(testnet.directory)
    assert seen.state == "up" and len(seen.nodes) == 10
    assert testnet.directory.stat().st_mode & 0o777 == 0o700


@pytest_twisted.ensureDeferred
async def test_a_second_network_in_the_same_folder_is_refused(testnet: Testnet) -> None:
    from twisted.internet import reactor

    with pytest.raises(TestnetFailed, match="already"):
        await Testnet.up(testnet.directory, reactor=reactor)
    assert status(testnet.directory).state == "up"


@pytest_twisted.ensureDeferred
async def test_a_start_that_is_cancelled_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    from twisted.internet import reactor

    seen: list[Path] = []

    def cancel() -> None:
        seen[:] = _pids_of(tmp_path / "net")
        if len(seen) < 7:  # those that have been started, and are not tor yet
            reactor.callLater(0.01, cancel)
        else:
            starting.cancel()

    def cancel_when_tors_run(percent: int, summary: str) -> None:
        if percent == 10:
            reactor.callLater(0, cancel)

    starting = ensureDeferred(Testnet.up(tmp_path / "net", reactor=reactor, progress=cancel_when_tors_run))
    with pytest.raises(CancelledError):
        await starting
    assert len(seen) == 7 and not _pids_of(tmp_path / "net") and not (tmp_path / "net").exists()


@pytest_twisted.ensureDeferred
async def test_what_others_put_into_the_folder_stays(tmp_path: Path) -> None:
    from twisted.internet import reactor

    (tmp_path / "notes").write_text("mine")

    def cancel_early(percent: int, summary: str) -> None:
        reactor.callLater(0, lambda: starting.cancel())

    starting = ensureDeferred(Testnet.up(tmp_path, reactor=reactor, progress=cancel_early))
    with pytest.raises(CancelledError):
        await starting
    assert [path.name for path in tmp_path.iterdir()] == ["notes"]


@pytest_twisted.ensureDeferred
async def test_without_tor_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from twisted.internet import reactor

    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TorNotInstalled):
        await Testnet.up(tmp_path / "net", reactor=reactor)
    assert not (tmp_path / "net").exists()


def test_a_folder_without_a_network_is_named(tmp_path: Path) -> None:
    for action in (down, status):
        with pytest.raises(TestnetFailed, match=str(tmp_path)):
            action(tmp_path)


def test_stop_ends_its_process_and_spares_a_stranger_with_the_same_number() -> None:
    process, recorded = detached_processes.start([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        stranger = detached_processes.Recorded(recorded.pid, recorded.started + 1, recorded.boot)
        assert detached_processes.alive(recorded) and not detached_processes.alive(stranger)
        detached_processes.stop([stranger])
        assert detached_processes.alive(recorded)
        detached_processes.stop([recorded])
        assert not detached_processes.alive(recorded)
    finally:
        process.kill()
        process.wait()


def test_stop_kills_what_ignores_the_request() -> None:
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); input()"
    process, recorded = detached_processes.start([sys.executable, "-c", code], stdin=subprocess.PIPE,
                                                   stdout=subprocess.PIPE)
    try:
        assert process.stdout and process.stdout.readline() == b"ready\n"
        detached_processes.stop([recorded], grace=0.1)
        assert not detached_processes.alive(recorded)
    finally:
        process.kill()
        process.wait()


def _pids_of(directory: Path) -> list[Path]:
    """Return the folder in /proc of every process whose command line names ``directory``."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            named = f"{directory}/".encode() in (folder / "cmdline").read_bytes()
            if named and (folder / "comm").read_text() == "tor\n":
                found.append(folder)
        except OSError:
            continue
    return found
