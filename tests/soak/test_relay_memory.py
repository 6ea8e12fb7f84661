"""A relay that has served many rooms is no larger than one that has served some."""

from __future__ import annotations

import pytest

from contrib.bench.daemons import whisperd_relay
from contrib.bench.dialects import Whisperd
from contrib.bench.relay_loads import resident

pytestmark = pytest.mark.soak

WARM_UP, ROOMS = 2_000, 20_000
#: Bytes by which the process may grow meanwhile: 105 a room, less than anything that could be kept of one.
GROWTH = 2 << 20


def serve(port: int, rooms: int) -> None:
    """Let two clients meet, say something and drop their connections, so many times."""
    for _ in range(rooms):
        pair = Whisperd(port)
        pair.carry(0, pair.message(0, 9))
        for client in pair.clients:
            client.leave()
        pair.close()


def test_rooms_that_are_over_leave_nothing_in_memory():
    with whisperd_relay() as relay:
        serve(relay.port, WARM_UP)
        before = resident(relay.pid)
        serve(relay.port, ROOMS)
        assert resident(relay.pid) - before < GROWTH
