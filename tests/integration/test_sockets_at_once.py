"""Small writes are sent at once on every TCP connection of the daemon, on either side: Nagle's algorithm is off."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.house.pages import ROOT
from tests.relay.certificates import write_certificate
from whisperd.demo.processes import DaemonProcess
from whisperd.tor.testnet import Testnet
from whisperd.tor.testnet.ports import free_ports

TELLING = "tests.integration.told_sockets"
DEADLINE = 120
NO_TOR = '[tor]\nmode = "off"\n'


@contextmanager
def running(*daemons: DaemonProcess) -> Iterator[None]:
    try:
        for daemon in daemons:
            daemon.start()
        yield
    finally:
        for daemon in reversed(daemons):
            daemon.stop()


def told(daemon: DaemonProcess, enough: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """Return the daemon's connections, as soon as there are enough of them."""
    end = time.monotonic() + DEADLINE
    while not enough(rows := daemon.call("plugins")):
        assert time.monotonic() < end, rows
        time.sleep(0.05)
    return rows


def slow(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if not row["at_once"]]


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path_factory.mktemp("n")


def test_what_the_relay_accepts_on_each_kind_of_listener_and_what_peers_dial(folder: Path) -> None:
    ports = free_ports(4)
    plain = ports[0]
    listeners = [f"tcp:{port}:interface=127.0.0.1" for port in ports]
    written = write_certificate(folder)
    relay = DaemonProcess("relay", folder, (
        f'{NO_TOR}[peer]\nenabled = false\n[relay]\nlisten = ["{listeners[0]}", "haproxy:{listeners[1]}"]\n'
        f'tls_listen = ["{listeners[2]}", "haproxy:{listeners[3]}"]\n'
        f'tls_certificate = "{written["tls_certificate"]}"\ntls_key = "{written["tls_key"]}"\n'), module=TELLING)
    person = f'{NO_TOR}[relay]\nenabled = false\n[peer]\nloopback = true\nrelay = "http://127.0.0.1:{plain}"\n'
    anna, ben = (DaemonProcess(name, folder, person, module=TELLING) for name in ("anna", "ben"))
    with running(relay, anna, ben):
        ben.call("chat.join", link=anna.call("chat.invite")["link"])
        anna.wait(lambda event: event.get("state") == "connected", DEADLINE, "a conversation")
        for daemon in (anna, ben):
            rows = told(daemon, lambda rows: any(row["other"] == plain for row in rows))
            assert slow(rows) == []
        clients = [socket.create_connection(("127.0.0.1", port)) for port in ports]
        rows = told(relay, lambda rows: {row["own"] for row in rows} == set(ports))
        assert slow(rows) == []
        for client in clients:
            client.close()


class Forwarding:
    """TCP ports on loopback that lead to unix sockets, in a thread."""

    def __init__(self, *paths: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._servers = [self._loop.run_until_complete(asyncio.start_server(self._to(path), "127.0.0.1", 0))
                         for path in paths]
        self.ports = [server.sockets[0].getsockname()[1] for server in self._servers]
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        for server in self._servers:
            self._loop.call_soon_threadsafe(server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE)

    @staticmethod
    def _to(path: str) -> Callable[..., Any]:
        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, back = await asyncio.open_unix_connection(path.removeprefix("unix:"))
            await asyncio.gather(_pump(reader, back), _pump(there, writer))

        return forward


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
    except OSError:
        pass
    finally:
        writer.close()


def test_what_leads_to_tor_and_what_tor_hands_over(testnet: Testnet, folder: Path) -> None:
    """Control and SOCKS ports that are TCP, a relay's onion service, and a direct link between two peers."""
    made = []
    for name, client in zip(("anna", "ben"), testnet.clients[1:3], strict=True):
        forwarding = Forwarding(client.control, client.socks)
        control, socks = forwarding.ports
        tor = f'[tor]\nmode = "attach"\ncontrol = "tcp:127.0.0.1:{control}"\nsocks = "tcp:127.0.0.1:{socks}"\n'
        relay = f'[relay]\nlisten = ["tcp:{free_ports(1)[0]}:interface=127.0.0.1"]\n' if name == "anna" else \
            "[relay]\nenabled = false\n"
        made.append((DaemonProcess(name, folder, tor + relay, module=TELLING), forwarding, control, socks))
    (anna, *_), (ben, *_) = made
    try:
        with running(anna, ben):
            anna.call("address", wait=DEADLINE / 2)
            invited = anna.call("chat.invite")
            told(ben, lambda _: ben.call("status")["tor"]["state"] == "up")
            ben.call("chat.join", link=invited["link"])
            for daemon in (anna, ben):
                daemon.wait(lambda event: event.get("link") == "onion", DEADLINE, "the direct link")
            accepted = 0
            for daemon, _, control, socks in made:
                rows = told(daemon, lambda rows, wanted={control, socks}: wanted <= {row["other"] for row in rows})
                assert slow(rows) == []
                accepted += sum(row["other"] not in (control, socks) for row in rows)
            assert accepted >= 1, "tor hands over a direct link, or somebody's way to the relay"
    finally:
        for _, forwarding, _, _ in made:
            forwarding.stop()
