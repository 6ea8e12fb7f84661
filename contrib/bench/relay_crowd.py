"""2,000 messages a second over 1,000 sessions at a time: how long a message is under way."""

from __future__ import annotations

import select
import socket
import time
from statistics import quantiles

from contrib.bench.daemons import Started
from contrib.bench.dialects import Meeting, Pair
from contrib.bench.websocket_client import PING, PONG, frame

SESSIONS, RATE, SECONDS = 1000, 2000, 2.0
SIZE = 300


class Crowd:
    """The sessions of one relay, all open; messages go round them at a fixed rate, whether answers come or not."""

    def __init__(self, relay: Started, meet: Meeting) -> None:
        self._pairs = [meet(relay.port) for _ in range(SESSIONS)]
        self._messages = [[pair.message(sender, SIZE) for sender in (0, 1)] for pair in self._pairs]
        self._poll = select.epoll()
        self._sent: dict[int, int] = {}
        self._sockets: dict[int, socket.socket] = {}
        for pair in self._pairs:
            for client in pair.clients:
                self._sockets[client.socket.fileno()] = client.socket
                self._poll.register(client.socket, select.EPOLLIN)

    def round(self) -> tuple[float, float]:
        """Send for some seconds; p50 and p99 in ms."""
        found: list[float] = []
        start = time.perf_counter_ns()
        total = int(RATE * SECONDS)
        for number in range(total):
            due = start + number * 1_000_000_000 // RATE
            self._collect(due, found)
            self._send(number)
        self._collect(time.perf_counter_ns() + 200_000_000, found)
        if len(found) != total:
            raise RuntimeError(f"{total - len(found)} of {total} messages did not arrive")
        percentiles = quantiles(found, n=100)
        return percentiles[49], percentiles[98]

    def _send(self, number: int) -> None:
        pair: Pair = self._pairs[number % SESSIONS]
        sender = number // SESSIONS % 2
        self._sent[pair.clients[1 - sender].socket.fileno()] = time.perf_counter_ns()
        pair.clients[sender].send(self._messages[number % SESSIONS][sender])

    def _collect(self, until: int, found: list[float]) -> None:
        """Take what arrives until then; each connection has at most one message under way."""
        while True:
            left = until - time.perf_counter_ns()
            for number, _ in self._poll.poll(max(left, 0) / 1e9):
                now = time.perf_counter_ns()
                if self._arrived(self._sockets[number]):
                    found.append((now - self._sent.pop(number)) / 1e6)
            if left <= 0:
                return

    def _arrived(self, client: socket.socket) -> bool:
        """Read what is there, answer a ping, and return whether there was a message."""
        data = client.recv(4096)
        while data[0] == PING:
            end = 2 + data[1]
            client.sendall(frame(data[2:end], PONG))
            data = data[end:] or b"-"
        return data != b"-"

    def close(self) -> None:
        self._poll.close()
        for pair in self._pairs:
            pair.close()
