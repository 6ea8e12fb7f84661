"""Ten thousand who sit idle for minutes, and a hundred thousand who connect and drop: what they cost, what stays."""

from __future__ import annotations

import time

import pytest

from contrib.bench.daemons import whisperd_relay
from contrib.bench.dialects import Whisperd
from contrib.bench.harness import cpu_microseconds
from contrib.bench.relay_loads import resident
from tests.integration.crowds import allow_sockets, come_and_go, open_files, sit_idle

pytestmark = pytest.mark.soak

IDLE, MINUTES = 10_000, 3
DROPS = 100_000


def test_ten_thousand_who_sit_idle_for_minutes_cost_little_and_find_each_other_afterwards() -> None:
    allow_sockets(IDLE)
    with whisperd_relay() as relay:
        pairs, each = sit_idle(relay.port, relay.pid, IDLE)
        used = cpu_microseconds(relay.pid)
        until = time.monotonic() + 60 * MINUTES
        while time.monotonic() < until:
            for pair in pairs:
                for client in pair.clients:
                    client.answer_pings()
            time.sleep(1)
        used = (cpu_microseconds(relay.pid) - used) / (60e6 * MINUTES)
        print(f"{IDLE} idle connections: {each / 1000:.1f} KB each, {used:.1%} of a core")
        for pair in pairs[::50]:
            pair.carry(0, pair.message(0, 300))
        assert each < 8_000
        assert used < 0.25


def test_a_hundred_thousand_who_connect_and_drop_leave_nothing() -> None:
    with whisperd_relay() as relay:
        stay = Whisperd(relay.port)
        come_and_go(relay.port, DROPS // 10)
        before, files = resident(relay.pid), open_files(relay.pid)
        come_and_go(relay.port, DROPS)
        stay.carry(0, stay.message(0, 300))
        grown = resident(relay.pid) - before
        print(f"{DROPS} connections: {grown / 1000:.0f} KB more than before them")
        assert grown < 4 << 20
        assert open_files(relay.pid) <= files + 2
