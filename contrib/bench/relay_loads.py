"""What a relay is loaded with, from this process over loopback: each function makes one round of one relay."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median

from contrib.bench.daemons import Started
from contrib.bench.dialects import Meeting
from contrib.bench.harness import Round, cpu_microseconds
from contrib.bench.websocket_client import Client

MESSAGES = 1920
SESSIONS = 60
ACCEPTS = 300
IDLE_WARM_UP, IDLE = 300, 2000


def ping_pong(relay: Started, meet: Meeting, size: int, flight: int) -> Round:
    """Two clients throw ``flight`` messages back and forth; CPU µs of the relay a message."""
    pair = meet(relay.port)
    bursts = [pair.message(sender, size) * flight for sender in (0, 1)]

    def run() -> float:
        before = cpu_microseconds(relay.pid)
        for number in range(MESSAGES // flight):
            sender = number % 2
            pair.clients[sender].send(bursts[sender])
            for _ in range(flight):
                pair.clients[1 - sender].receive()
        return (cpu_microseconds(relay.pid) - before) / MESSAGES

    return run


def whole_session(port: int, meet: Meeting) -> None:
    """Two clients connect, join, exchange 2 messages of 3 KB and 12 of 300 bytes, one after the other, and close."""
    pair = meet(port)
    for sender in (0, 1):
        pair.carry(sender, pair.message(sender, 3000))
    for number in range(12):
        pair.carry(number % 2, pair.message(number % 2, 300))
    pair.close()


def sessions(relay: Started, meet: Meeting) -> Round:
    """Whole sessions, one after the other; CPU ms of the relay a session."""

    def run() -> float:
        before = cpu_microseconds(relay.pid)
        for _ in range(SESSIONS):
            whole_session(relay.port, meet)
        time.sleep(0.01)  # the last closes belong to this round
        return (cpu_microseconds(relay.pid) - before) / SESSIONS / 1000

    return run


def lone_session(relay: Started, meet: Meeting) -> Round:
    """A whole session while nothing else happens, as its clients feel it; p50 in ms."""

    def run() -> float:
        found = []
        for _ in range(SESSIONS // 4):
            start = time.perf_counter_ns()
            whole_session(relay.port, meet)
            found.append((time.perf_counter_ns() - start) / 1e6)
        return median(found)

    return run


def accepts(relay: Started, protocol: str | None) -> Round:
    """Clients connect, shake hands and drop the connection; CPU µs of the relay a connection."""

    def run() -> float:
        before = cpu_microseconds(relay.pid)
        for _ in range(ACCEPTS):
            Client(relay.port, protocol).close()
        time.sleep(0.01)
        return (cpu_microseconds(relay.pid) - before) / ACCEPTS

    return run


def idle(start: AbstractContextManager[Started], meet: Meeting) -> float:
    """A fresh relay holds many joined connections that say nothing; resident bytes that it grows by for each."""
    with start as relay:
        pairs = [meet(relay.port) for _ in range(IDLE_WARM_UP // 2)]
        time.sleep(0.5)
        before = resident(relay.pid)
        pairs += [meet(relay.port) for _ in range(IDLE // 2)]
        time.sleep(0.5)
        grown = resident(relay.pid) - before
        close_all(pairs)
    return grown / IDLE


def resident(pid: int) -> int:
    """Return a process's resident memory in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def close_all(pairs: Iterable) -> None:
    for pair in pairs:
        pair.close()
    gc.collect()
