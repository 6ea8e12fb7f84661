"""Crowds of clients against a relay in another process: many who sit idle, and many who come and go."""

from __future__ import annotations

import resource
from pathlib import Path

from contrib.bench.dialects import Whisperd
from contrib.bench.relay_loads import resident
from contrib.bench.websocket_client import Client


def allow_sockets(count: int) -> None:
    """Let this process, and what it starts from now on, hold so many sockets and some more; raises ValueError."""
    needed = count + 500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, max(hard, needed)))


def sit_idle(port: int, pid: int, connections: int) -> tuple[list[Whisperd], float]:
    """Return so many seated clients, and by how many bytes the relay has grown for each."""
    before = resident(pid)
    pairs = [Whisperd(port) for _ in range(connections // 2)]
    return pairs, (resident(pid) - before) / connections


def open_files(pid: int) -> int:
    """Return how many files and sockets a process holds."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def come_and_go(port: int, connections: int) -> None:
    """Connect so often, in both dialects, say something now and then, and drop the connection."""
    for number in range(connections):
        client = Client(port, "whisperd.1" if number % 2 else None)
        if number % 3 == 0:
            client.say(type="offer", sessionCode="NOWHERE", offer=1)
        client.close()
