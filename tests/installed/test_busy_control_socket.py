"""Somebody asks the control socket thousands of things at once: nobody else has to wait for that."""

from __future__ import annotations

import os
import signal
import socket

import pytest

from tests.installed.kit import Company
from tests.installed.kit.guest import SECONDS
from tests.installed.test_crowded_relay import crowded, pair
from tests.waiting import until

REQUEST = b'{"jsonrpc":"2.0","id":1,"method":"address"}\n'
CLIENTS, REQUESTS = 12, 1_200


@pytest.fixture
def flood(company: Company):
    """An installed relay that is stopped, with the requests of twelve connections in its socket."""
    relay, port = crowded(company, "")
    one, other = pair(port)
    clients = []
    for _ in range(CLIENTS):
        client = socket.socket(socket.AF_UNIX)
        client.connect(relay.socket)
        client.setblocking(False)
        clients.append(client)
    relay.call("status")
    os.kill(relay.pid, signal.SIGSTOP)
    for client in clients:
        client.send(REQUEST * REQUESTS)
    yield relay, one, other, clients
    for client in clients:
        client.close()


def answers(clients: list[socket.socket]) -> int:
    """Return how many answers there are to be read."""
    found = 0
    for client in clients:
        try:
            while data := client.recv(1 << 20):
                found += data.count(b"\n")
        except BlockingIOError:
            pass
    return found


def test_the_relay_goes_on_forwarding(flood) -> None:
    relay, one, other, clients = flood
    os.kill(relay.pid, signal.SIGCONT)
    heard = until(lambda: answers(clients), "nothing is answered")
    one.send(b"hello", binary=True)
    assert other.receive() == b"hello"
    os.kill(relay.pid, signal.SIGSTOP)
    assert heard + answers(clients) < CLIENTS * REQUESTS / 2, "they have not been taken first"
    os.kill(relay.pid, signal.SIGCONT)


def test_another_client_is_answered_and_at_last_everything_is(flood) -> None:
    relay, _, _, clients = flood
    os.kill(relay.pid, signal.SIGCONT)
    assert relay.ask("status")["relay"]["listeners"]
    clients[0].settimeout(SECONDS)
    heard = 0
    while heard < REQUESTS:
        data = clients[0].recv(65_536)
        assert data, "the daemon has closed the connection"
        heard += data.count(b"\n")
