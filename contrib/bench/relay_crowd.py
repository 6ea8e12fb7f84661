"""2,000 messages a second over 1,000 sessions at a time: how long a message is under way.

The slowest of a hundred tell more of what else the machine does than of a relay, unless it has to wait: so everything
here goes before it where that is allowed, a round is short, there are many, and relays are compared within each round.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from statistics import quantiles

from contrib.bench.daemons import Started
from contrib.bench.dialects import Meeting, Pair
from contrib.bench.websocket_client import PING, PONG, frame

SESSIONS, RATE, MESSAGES = 1000, 2000, 500
SIZE = 300
#: Seconds after which a message is lost.
PATIENCE = 10


@contextmanager
def before_others() -> Iterator[bool]:
    """Have this process and what it starts go before everything else on the machine, in turns among themselves; gives
    False where that is not allowed, or where there is one processor only. [sched(7), SCHED_RR]"""
    policy, usual = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        with suppress(PermissionError):
            if len(os.sched_getaffinity(0)) > 1:
                os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        yield os.sched_getscheduler(0) == os.SCHED_RR
    finally:
        os.sched_setscheduler(0, policy, usual)


class Crowd:
    """The sessions of one relay, all open; messages go round them at a fixed rate, whether others arrive or not."""

    def __init__(self, relay: Started, meet: Meeting) -> None:
        self._pairs = [meet(relay.port) for _ in range(SESSIONS)]
        self._messages = [[pair.message(sender, SIZE) for sender in (0, 1)] for pair in self._pairs]
        self._poll = select.epoll()
        self._turns = count()
        self._sent: dict[int, int] = {}
        self._sockets: dict[int, socket.socket] = {}
        for pair in self._pairs:
            for client in pair.clients:
                self._sockets[client.socket.fileno()] = client.socket
                self._poll.register(client.socket, select.EPOLLIN)

    def round(self) -> tuple[float, float]:
        """Send some messages, each from the session whose turn it is; p50 and p99 in ms."""
        found: list[float] = []
        start = time.perf_counter_ns()
        for number in range(MESSAGES):
            self._collect(start + number * 1_000_000_000 // RATE, found)
            self._send(next(self._turns))
        until = time.perf_counter_ns() + PATIENCE * 1_000_000_000
        while self._sent and time.perf_counter_ns() < until:
            self._collect(time.perf_counter_ns() + 10_000_000, found)
        if self._sent:
            raise RuntimeError(f"{len(self._sent)} of {MESSAGES} messages did not arrive")
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
