"""A relay that has served many rooms is no larger than one that has served some."""

from __future__ import annotations

from pathlib import Path

import pytest

from contrib.bench.daemons import whisperd_relay
from contrib.bench.websocket_client import frame, pair

pytestmark = pytest.mark.soak

WARM_UP, ROOMS = 2_000, 20_000
#: Bytes by which the process may grow meanwhile: 105 a room, less than anything that could be kept of one.
GROWTH = 2 << 20


def resident(pid: int) -> int:
    """Return a process's resident memory in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def serve(port: int, rooms: int) -> None:
    """Let two clients meet, say something and drop their connections, so many times."""
    for _ in range(rooms):
        one, other = pair(port)
        one.send(frame(b"something"))
        assert other.receive() == b"something"
        one.leave()
        other.leave()
        one.close()
        other.close()


def test_rooms_that_are_over_leave_nothing_in_memory():
    with whisperd_relay() as relay:
        serve(relay.port, WARM_UP)
        before = resident(relay.pid)
        serve(relay.port, ROOMS)
        assert resident(relay.pid) - before < GROWTH
