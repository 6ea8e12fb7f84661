"""An installed daemon's onion service on a private Tor network: published again, rotated, and private."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.installed.kit import Company, Daemon, Installation
from whisperd.tor.testnet import Testnet


@pytest.fixture(scope="module")
def relay(testnet: Testnet, programs: Installation) -> Iterator[Daemon]:
    """A relay with a tor of its own and a private onion service, on a file system in memory."""
    company = Company(programs, Path("/dev/shm"))
    network = company.folder / "network"
    shutil.copy(testnet.network_file, network)
    network.chmod(0o644)
    daemon = company.daemon("relay", '[relay]\nlisten = ["tcp:0:interface=127.0.0.1"]\n[peer]\nloopback = true\n'
                                     '[onion]\nprobe_interval = 0\nprivate = true\n',
                            tor=f'network = "{network}"\ndata_dir = "{company.folder}/relay/data"')
    daemon.start()
    yield daemon
    company.end()


def address(relay: Daemon) -> str:
    """Return the address, as soon as it is published."""
    done = relay.whisperctl("address", "--wait", "100")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_it_is_published_and_published_again_at_the_same_address(relay):
    before = address(relay)
    assert before.endswith(".onion")
    done = relay.whisperctl("onion", "republish", "--wait", "100")
    assert done.returncode == 0, done.stderr
    assert address(relay) == before


def test_it_gets_a_new_address_and_the_old_one_goes(relay):
    before = address(relay)
    done = relay.whisperctl("onion", "rotate", "--overlap", "1")
    assert done.returncode == 0, done.stderr
    relay.wait(lambda: address(relay) != before)
    done = relay.whisperctl("onion", "retire")
    assert done.returncode == 0, done.stderr


def test_somebody_is_let_in_and_out_and_the_credential_is_taken(relay):
    added = relay.ask("onion", "client", "add", "ben")
    assert "ben" in str(relay.ask("onion", "client", "list"))
    done = relay.whisperctl("tor", "credential", "add", "-", input=f"{added['line']}\n")
    assert done.returncode == 0, done.stderr
    held = relay.whisperctl("tor", "credential", "list")
    place = added["line"].split(":")[0]
    assert place in held.stdout
    done = relay.whisperctl("tor", "credential", "remove", f"{place}.onion")
    assert done.returncode == 0, done.stderr
    done = relay.whisperctl("onion", "client", "remove", "ben")
    assert done.returncode == 0, done.stderr


def test_new_circuits_are_used_from_now_on(relay):
    done = relay.whisperctl("tor", "newnym")
    assert done.returncode == 0, done.stderr
