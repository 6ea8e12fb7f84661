"""Listener strings: tcp, unix and systemd; what is in the way and what is stale; errors that name the cause."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys

import pytest
import pytest_twisted
from twisted.internet import reactor

from tests.relay.kit import ANNA, BEN, TCP, RelayWorld
from whisperd.errors import AddressInUse, ConfigError


@pytest_twisted.ensureDeferred
async def test_the_addresses_and_the_local_port_are_told(tmp_path) -> None:
    world = await RelayWorld(reactor, f"unix:{tmp_path}/relay", TCP).up()
    port = world.service.local_port
    assert world.service.addresses == [f"unix:{tmp_path}/relay", f"tcp:127.0.0.1:{port}"]
    onion = await world.service.listen_for_onion()
    assert onion != port
    assert world.service.local_port == port
    assert len(world.service.addresses) == 2
    await world.down()


@pytest_twisted.ensureDeferred
async def test_without_a_tcp_listener_the_onions_port_is_the_local_one(tmp_path) -> None:
    world = await RelayWorld(reactor, f"unix:{tmp_path}/relay").up()
    assert world.service.local_port is None
    assert await world.service.listen_for_onion() == world.service.local_port
    await world.down()


@pytest_twisted.ensureDeferred
async def test_a_unix_socket_serves_peers_and_health(tmp_path) -> None:
    world = await RelayWorld(reactor, f"unix:{tmp_path}/relay:mode=660").up()
    assert stat.S_IMODE(os.stat(tmp_path / "relay").st_mode) == 0o660
    await world.pair()
    status, _, body = await world.http("GET /health HTTP/1.1")
    assert (status, json.loads(body)["sessions"]) == (200, 1)
    assert os.listdir(tmp_path) == ["relay"]
    await world.down()
    assert os.listdir(tmp_path) == []


@pytest_twisted.ensureDeferred
async def test_a_unix_socket_that_a_killed_relay_left_is_replaced(tmp_path) -> None:
    path = str(tmp_path / "a:b")
    left = socket.socket(socket.AF_UNIX)
    left.bind(path)
    left.close()
    world = await RelayWorld(reactor, "unix:" + path.replace(":", "\\:")).up()
    assert (await world.http("GET / HTTP/1.1", "unix:" + path.replace(":", "\\:")))[0] == 200
    await world.down()


@pytest_twisted.ensureDeferred
async def test_a_unix_socket_where_somebody_answers_is_left_alone(tmp_path) -> None:
    first = await RelayWorld(reactor, f"unix:{tmp_path}/relay").up()
    with pytest.raises(AddressInUse):
        await RelayWorld(reactor, f"unix:{tmp_path}/relay").up()
    assert (await first.http("GET / HTTP/1.1"))[0] == 200
    await first.down()


@pytest_twisted.ensureDeferred
async def test_a_file_in_the_place_of_a_unix_socket_is_left_alone(tmp_path) -> None:
    (tmp_path / "relay").write_text("precious")
    with pytest.raises(ConfigError, match="not a socket"):
        await RelayWorld(reactor, f"unix:{tmp_path}/relay").up()
    assert (tmp_path / "relay").read_text() == "precious"


@pytest_twisted.ensureDeferred
async def test_a_unix_socket_that_was_removed_by_hand_does_not_disturb_the_stop(tmp_path) -> None:
    world = await RelayWorld(reactor, f"unix:{tmp_path}/relay").up()
    os.unlink(tmp_path / "relay")
    await world.down()


@pytest_twisted.ensureDeferred
async def test_a_port_in_use_is_said_to_be_and_no_other_listener_stays_open(tmp_path) -> None:
    first = await RelayWorld(reactor).up()
    second = RelayWorld(reactor, f"unix:{tmp_path}/relay", f"tcp:{first.service.local_port}:interface=127.0.0.1")
    with pytest.raises(AddressInUse, match=str(first.service.local_port)):
        await second.up()
    assert os.listdir(tmp_path) == []
    assert second.service.addresses == []
    await second.down()
    await first.down()


@pytest.mark.parametrize("listener", [
    "", "8787", "ssl:8787", "tcp6:8787", "tcp:", "tcp:http", "tcp:99999", "tcp:-1", "tcp:8787:interfaces=127.0.0.1",
    "unix:", "unix:/tmp/x:mode=rw", "systemd:", "systemd:domain=INET:index=7", "systemd:domain=INET:name=nobody",
    "systemd:domain=NONE:index=0", "tcp:0:interface=not-an-address", "tcp:0:interface=192.0.2.1",
    "unix:/nonexistent-folder/relay", "unix:/" + "a" * 200,
])
@pytest_twisted.ensureDeferred
async def test_a_string_that_is_no_listener_is_named(listener: str) -> None:
    world = RelayWorld(reactor, listener)
    with pytest.raises(ConfigError) as caught:
        await world.up()
    assert "relay.listen" in caught.value.message
    await world.down()


@pytest_twisted.ensureDeferred
async def test_after_a_stop_the_same_addresses_can_be_had_at_once(tmp_path) -> None:
    world = await RelayWorld(reactor, f"unix:{tmp_path}/relay", TCP).up()
    await world.pair()
    port = world.service.local_port
    await world.service.stop()
    await world.service.stop()
    again = await RelayWorld(reactor, f"unix:{tmp_path}/relay", f"tcp:{port}:interface=127.0.0.1").up()
    assert await (await again.peer(ANNA)).types(1) == ["joined"]
    assert await (await again.peer(BEN, place=f"tcp:127.0.0.1:{port}")).types(2) == ["joined", "ready"]
    await world.down()
    await again.down()


SYSTEMD_CHILD = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ["LISTEN_PID"] = str(os.getpid())
from twisted.internet.defer import Deferred
from twisted.internet.task import react
from whisperd.config import load
from whisperd.relay.service import RelayService
settings = load(overrides={"relay.listen": ["systemd:domain=INET:name=relay"]}).relay
async def main(reactor):
    service = RelayService(settings, reactor=reactor)
    await service.listen()
    print(service.addresses[0], flush=True)
    await Deferred()
react(lambda reactor: Deferred.fromCoroutine(main(reactor)))
"""


def test_a_socket_that_systemd_hands_over_is_served() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    child = subprocess.Popen([sys.executable, "-c", SYSTEMD_CHILD, str(listening.fileno())], stdout=subprocess.PIPE,
                             text=True, pass_fds=(listening.fileno(),),
                             env={**os.environ, "LISTEN_FDS": "1", "LISTEN_FDNAMES": "relay"})
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == f"tcp:127.0.0.1:{port}\n"
        with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
            client.sendall(b"GET /health HTTP/1.1\r\nHost: relay\r\n\r\n")
            assert client.makefile("rb").read().endswith(b'{"status":"ok","sessions":0}')
    finally:
        child.terminate()
        child.wait()
        child.stdout.close()
        listening.close()
