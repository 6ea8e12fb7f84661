"""Sixty seconds of every abuse at once beside one honest conversation: how that feels, and what it costs in memory."""

from __future__ import annotations

import time
from statistics import quantiles

import pytest

from contrib.bench.daemons import whisperd_relay
from contrib.bench.dialects import Whisperd
from contrib.bench.relay_loads import resident
from tests.integration.abusers import abused

pytestmark = pytest.mark.soak

SECONDS = 60
#: Milliseconds within which 99 of 100 messages of the honest conversation arrive, and bytes that the relay may need.
P99, MEMORY = 250, 256 << 20


def test_an_honest_conversation_under_every_abuse_for_a_minute() -> None:
    with whisperd_relay(bounds="") as relay:
        honest, found, largest = Whisperd(relay.port), [], 0
        with abused(relay.port) as begun:
            until = time.monotonic() + SECONDS
            while time.monotonic() < until:
                message = honest.message(len(found) % 2, 300)
                start = time.perf_counter_ns()
                honest.carry(len(found) % 2, message)
                found.append((time.perf_counter_ns() - start) / 1e6)
                largest = max(largest, resident(relay.pid))
                time.sleep(0.01)
        p99 = quantiles(found, n=100)[98]
        print(f"{len(found)} messages, p50 {quantiles(found, n=100)[49]:.1f} ms, p99 {p99:.1f} ms, "
              f"largest {largest >> 20} MB, abuses begun {begun}")
        assert min(begun.values()) > 0
        assert p99 < P99
        assert largest < MEMORY
