"""Every abuse at once beside one honest conversation, for a second; the same for a minute, with times, in soak."""

from __future__ import annotations

import time

from contrib.bench.daemons import whisperd_relay
from contrib.bench.dialects import Whisperd
from tests.integration.abusers import abused

SECONDS = 2.5


def test_an_honest_conversation_goes_on_beside_every_abuse_at_once() -> None:
    with whisperd_relay(bounds="") as relay:
        honest = Whisperd(relay.port)
        with abused(relay.port) as begun:
            until, number = time.monotonic() + SECONDS, 0
            while time.monotonic() < until:
                honest.carry(number % 2, honest.message(number % 2, 300))
                number += 1
                time.sleep(0.005)
        assert min(begun.values()) > 0
        assert number > 20
        honest.carry(0, honest.message(0, 300))
        honest.close()
