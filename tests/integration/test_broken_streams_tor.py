"""A daemon with a tor of its own whose standard streams are broken, or that is killed: no key of its onion stays."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.integration import streams
from tests.integration.streams import HungUp, NoReader, Person, ReaderLeaves, until
from whisperd.tor.testnet import Testnet


@pytest.fixture
def person(testnet: Testnet):
    """What starts a daemon on a file system in memory, where keys are given to tor in files."""
    made = []
    home = streams.home("/dev/shm")
    folder = next(home)

    def start(*given) -> Person:
        network = folder / "network"
        shutil.copy(testnet.network_file, network)
        network.chmod(0o644)
        made.append(Person(folder, f"p{len(made)}", (
            f'[tor]\nnetwork = "{network}"\ndata_dir = "{folder}/p{len(made)}/data"\n[peer]\nloopback = true\n'
            '[relay]\nlisten = ["tcp:0:interface=127.0.0.1"]\n[onion]\nprobe_interval = 0\n'), *given))
        return made[-1]

    yield start
    for each in made:
        each.away()
    list(home)


def keys(daemon: Person) -> list[Path]:
    return list(daemon.runtime.glob("tor-*/*/hs_ed25519_secret_key"))


def published(daemon: Person) -> bool:
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
    os.kill(daemon.process.pid, 15)
    assert daemon.ended() == 0
