"""A daemon with a tor of its own whose standard streams are broken, or that is killed: no key of its onion stays."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.installed.kit import Company, Installation, until
from tests.installed.kit.streams import HungUp, NoReader, ReaderLeaves, Streamed
from whisperd.tor.testnet import Testnet


@pytest.fixture
def person(testnet: Testnet, programs: Installation):
    """What starts a daemon on a file system in memory, where keys are given to tor in files."""
    company = Company(programs, Path("/dev/shm"))

    def start(*given) -> Streamed:
        network = company.folder / "network"
        shutil.copy(testnet.network_file, network)
        network.chmod(0o644)
        folder = company.folder / f"p{len(company.daemons)}"
        made = company.add(Streamed(programs, folder, (
            f'[tor]\nnetwork = "{network}"\ndata_dir = "{folder}/data"\n[peer]\nloopback = true\n'
            '[relay]\nlisten = ["tcp:0:interface=127.0.0.1"]\n[onion]\nprobe_interval = 0\n'), *given))
        made.launch()
        return made

    yield start
    company.end()


def keys(daemon: Streamed) -> list[Path]:
    return list(daemon.runtime.glob("tor-*/*/hs_ed25519_secret_key"))


def published(daemon: Streamed) -> bool:
    return daemon.call("status")["tor"]["onion"]["state"] == "up"


@pytest.mark.parametrize("way", [ReaderLeaves, HungUp])
def test_tor_comes_up_and_its_key_goes_with_the_daemon(person, way):
    daemon = person(way(), NoReader(), "--invite").serving()
    until(lambda: published(daemon), "the onion service is not published")
    assert keys(daemon)
    told = daemon.told_to_stop()
    assert (told.returncode, told.stdout) == (0, "stopped\n"), told.stderr
    assert daemon.process.poll() == 0
    assert daemon.left() == []


def test_the_key_that_a_killed_daemon_has_left_goes_at_the_next_start_though_that_wants_no_tor(person):
    daemon = person().serving()
    until(lambda: published(daemon), "the onion service is not published")
    daemon.process.kill()
    daemon.ended()
    assert keys(daemon)
    daemon.configure('[relay]\nlisten = ["tcp:0:interface=127.0.0.1"]\n[tor]\nmode = "off"\n')
    daemon.start()
    daemon.serving()
    assert daemon.left() == ["control.sock", "control.sock.lock"]
    assert daemon.stop() == 0
