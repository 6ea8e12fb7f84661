"""What a launched tor is given of a key, and where: seen on a real tor without a network."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor as _reactor

from tests.tor.kit import OwnTor
from whisperd.errors import OnionKeyUnusable, TorCommandFailed
from whisperd.tor.control.attach import attach
from whisperd.tor.control.control_port import TorControlConnection
from whisperd.tor.onion.client_auth import new_credential
from whisperd.tor.onion.key import new_key
from whisperd.tor.onion.publication import Publication
from whisperd.tor.onion.service_dirs import ServiceFolders, key_file
from whisperd.tor.process.socket_folder import in_memory

reactor: Any = _reactor


@pytest_twisted.async_yield_fixture
async def control(tmp_path: Path) -> AsyncIterator[TorControlConnection]:
    place = f"unix:{tmp_path}/control"
    tor = await OwnTor(reactor, tmp_path / "tor", ["DisableNetwork 1", "SocksPort 0", f"ControlPort {place}"]).start()
    connection = await attach(place, reactor=reactor)
    yield connection
    connection.abort()
    await tor.kill()


def offer(**values: Any) -> Publication:
    return Publication(**{"key": new_key(os.urandom), "outside": 80, "inside": 9, "circuits": True, **values})


async def configured(control: TorControlConnection) -> list[str]:
    lines = (await control.request("GETCONF HiddenServiceOptions")).splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith("HiddenServiceDir=")]


@pytest_twisted.ensureDeferred
async def test_tor_has_the_address_of_each_key_and_what_is_removed_is_gone(control: Any, tmp_path: Path) -> None:
    root = tmp_path / "with spaces"
    root.mkdir(mode=0o700)
    way, first, second = ServiceFolders(root), offer(max_streams=5, pow=True), offer(circuits=False)
    await way.publish(control, first)
    await way.publish(control, second)
    folders = [Path(name) for name in await configured(control)]
    assert [(folder / "hostname").read_text().strip() for folder in folders] == [first.key.address, second.key.address]
    secret = folders[0] / "hs_ed25519_secret_key"
    assert secret.read_bytes() == key_file(first.key) and len(key_file(first.key)) == 96
    assert [path.stat().st_mode & 0o777 for path in (secret, folders[0])] == [0o600, 0o700]
    text = await control.request("GETCONF HiddenServiceOptions")
    assert text.count("HiddenServiceExportCircuitID=haproxy") == text.count("HiddenServiceMaxStreams=5") == 1
    await way.remove(control, first.key.address, 5)
    assert await configured(control) == [str(folders[1])] and not folders[0].exists()
    await way.remove(control, second.key.address, 5)
    assert await configured(control) == [] and list(root.iterdir()) == []


@pytest_twisted.ensureDeferred
async def test_the_clients_of_a_private_service_are_those_of_the_last_offer(control: Any, tmp_path: Path) -> None:
    way, key = ServiceFolders(tmp_path), new_key(os.urandom)
    clients = [new_credential(key.address, os.urandom).public for _ in range(2)]
    for few in (clients, clients[1:]):
        await way.publish(control, offer(key=key, clients=few))
        [folder] = await configured(control)
        found = sorted(path.read_text() for path in (Path(folder) / "authorized_clients").iterdir())
        assert found == sorted(f"descriptor:x25519:{client}\n" for client in few)


@pytest_twisted.ensureDeferred
async def test_what_tor_refuses_does_not_spoil_what_it_has(control: Any, tmp_path: Path) -> None:
    way, good = ServiceFolders(tmp_path), offer()
    await way.publish(control, good)
    with pytest.raises(TorCommandFailed):
        await way.publish(control, offer(max_streams=70_000))
    other = offer()
    await way.publish(control, other)
    assert len(await configured(control)) == 2


@pytest_twisted.ensureDeferred
async def test_a_folder_that_cannot_be_written_is_named_before_tor_hears_of_it(control: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OnionKeyUnusable, match="cannot be passed"):
        await ServiceFolders(tmp_path / "file").publish(control, offer())
    assert await configured(control) == []


def test_a_file_system_in_memory_is_told_from_one_on_a_disk() -> None:
    kinds = {words[1]: words[2] for words in map(str.split, Path("/proc/mounts").read_text().splitlines())}
    assert in_memory(Path("/dev/shm")) == (kinds.get("/dev/shm") == "tmpfs")
    assert in_memory(Path("/")) == (kinds["/"] == "tmpfs")
    assert not in_memory(Path("/proc")) and not in_memory(Path("/nowhere/at/all"))
