"""Some hundreds who sit idle and some thousands who come and go; ten thousand and a hundred thousand in soak."""

from __future__ import annotations

from contrib.bench.daemons import whisperd_relay
from tests.integration.crowds import allow_sockets, come_and_go, open_files, sit_idle

IDLE, DROPS = 600, 1_500


def test_a_crowd_that_sits_idle_costs_little_and_one_that_comes_and_goes_leaves_nothing() -> None:
    allow_sockets(IDLE)
    with whisperd_relay() as relay:
        few, _ = sit_idle(relay.port, relay.pid, 100)
        pairs, each = sit_idle(relay.port, relay.pid, IDLE)
        assert each < 12_000
        files = open_files(relay.pid)
        come_and_go(relay.port, DROPS)
        for pair in (*few, *pairs):
            pair.carry(0, pair.message(0, 300))
        assert open_files(relay.pid) <= files + 2
        for pair in (*few, *pairs):
            pair.close()
