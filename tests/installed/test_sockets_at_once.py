"""Small writes are sent at once on every TCP connection of the daemon, on either side: Nagle's algorithm is off."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.installed import told_sockets
from tests.installed.kit import PATIENCE, Company, Daemon, Installation, meet, until
from tests.installed.kit.cookies import readable_cookies
from tests.relay.certificates import write_certificate
from whisperd.tor.testnet import Testnet
from whisperd.tor.testnet.ports import free_ports


@pytest.fixture
def telling(programs: Installation) -> list[str]:
    """The command that runs a daemon which tells of its connections."""
    return programs.script(Path(told_sockets.__file__))


def told(daemon: Daemon, enough: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """Return the daemon's connections, as soon as there are enough of them and none is slow: one that was opened just
    now may not have been handed to its protocol, which sees to that."""
    rows: list[dict[str, Any]] = []

    def enough_now() -> bool:
        rows[:] = daemon.call("plugins")
        return enough(rows) and not slow(rows)

    until(enough_now, lambda: str(rows))
    return rows


def slow(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if not row["at_once"]]


def test_what_the_relay_accepts_on_each_kind_of_listener_and_what_peers_dial(company: Company,
                                                                             telling: list[str]) -> None:
    ports = free_ports(4)
    listeners = [f"tcp:{port}:interface=127.0.0.1" for port in ports]
    folder = company.folder / "relay"
    relay = company.daemon("relay", (
        f'[peer]\nenabled = false\n[relay]\nlisten = ["{listeners[0]}", "haproxy:{listeners[1]}"]\n'
        f'tls_listen = ["{listeners[2]}", "haproxy:{listeners[3]}"]\n'
        f'tls_certificate = "{folder}/certificate.pem"\ntls_key = "{folder}/key.pem"\n'), program=telling)
    write_certificate(folder)
    for name in ("certificate.pem", "key.pem"):
        relay.own(folder / name)
    relay.start()
    anna, ben = (company.person(name, f"http://127.0.0.1:{ports[0]}", program=telling) for name in ("anna", "ben"))
    anna.start()
    ben.start()
    meet(anna, ben)
    for daemon in (anna, ben):
        told(daemon, lambda rows: any(row["other"] == ports[0] for row in rows))
    clients = [socket.create_connection(("127.0.0.1", port)) for port in ports]
    told(relay, lambda rows: {row["own"] for row in rows} == set(ports))
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
        self._thread.join(PATIENCE)

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


@pytest.fixture
def cookies(testnet: Testnet) -> Iterator[None]:
    with readable_cookies(testnet):
        yield


@pytest.mark.usefixtures("cookies")
def test_what_leads_to_tor_and_what_tor_hands_over(testnet: Testnet, company: Company, telling: list[str]) -> None:
    """Control and SOCKS ports that are TCP, a relay's onion service, and a direct link between two peers."""
    made = []
    try:
        for name, client in zip(("anna", "ben"), testnet.clients[1:3], strict=True):
            forwarding = Forwarding(client.control, client.socks)
            control, socks = forwarding.ports
            relay = f'[relay]\nlisten = ["tcp:{free_ports(1)[0]}:interface=127.0.0.1"]\n' if name == "anna" else \
                "[relay]\nenabled = false\n"
            daemon = company.daemon(name, relay, program=telling, tor=(
                f'mode = "attach"\ncontrol = "tcp:127.0.0.1:{control}"\nsocks = "tcp:127.0.0.1:{socks}"'))
            made.append((daemon, forwarding, control, socks))
        (anna, *_), (ben, *_) = made
        anna.start()
        ben.start()
        anna.call("address", wait=PATIENCE / 2)
        invited = anna.call("chat.invite")
        ben.wait(lambda: ben.call("status")["tor"]["state"] == "up")
        ben.call("chat.join", link=invited["link"])
        for daemon in (anna, ben):
            daemon.wait(lambda daemon=daemon: any(row["link"] == "onion" for row in daemon.call("chat.list")))
        accepted = 0
        for daemon, _, control, socks in made:
            rows = told(daemon, lambda rows, wanted={control, socks}: wanted <= {row["other"] for row in rows})
            accepted += sum(row["other"] not in (control, socks) for row in rows)
        assert accepted >= 1, "tor hands over a direct link, or somebody's way to the relay"
    finally:
        for daemon, forwarding, _, _ in made:
            daemon.stop()
            forwarding.stop()
