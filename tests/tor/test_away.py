"""A network that is away for an hour, and what a clock that is set does to waiting; the time is the test's."""

from __future__ import annotations

import os
from typing import Any

import pytest
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from whisperd.config import load
from whisperd.tor import backoff
from whisperd.tor.dial import Dialer
from whisperd.tor.service import TorService

HOUR = 3600


class Alone:
    """A TorService that attaches to a tor that is not there; ``attempts`` are the times at which it tried."""

    def __init__(self, random: Any) -> None:
        self.reactor = MemoryReactorClock()
        self.attempts: list[float] = []
        values = {"tor.mode": "attach", "tor.control": "unix:/nowhere"}
        self.service = TorService(load(None, values), reactor=self.reactor, dialer=Dialer(self.reactor),
                                  emit=lambda *_, **__: None, random=random)
        self.service.publish(1234)
        self.service.startService()

    def wait(self, seconds: int) -> None:
        """Let so many seconds pass, in which every attempt is refused at once."""
        for _ in range(10 * seconds):
            for _, factory, *_ in self.reactor.unixClients[len(self.attempts):]:
                self.attempts.append(self.reactor.seconds())
                factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
            self.reactor.advance(0.1)


def test_an_hour_without_tor_is_waited_through_without_haste_and_without_giving_up() -> None:
    alone = Alone(os.urandom)
    alone.wait(HOUR)
    pauses = [later - before for before, later in zip(alone.attempts, alone.attempts[1:], strict=False)]
    assert 60 <= len(alone.attempts) <= 150
    assert max(pauses) <= backoff.LONGEST + 0.2 and min(pauses[7:]) >= backoff.LONGEST / 2 - 0.2
    assert HOUR - alone.attempts[-1] <= backoff.LONGEST + 0.2
    status = alone.service.status()
    assert status["error"]["code"] == "tor-control-unreachable" and status["onion"]["state"] == "absent"


def test_two_daemons_that_lost_the_same_tor_do_not_come_back_in_step() -> None:
    times = []
    for chance in (bytes(4), b"\xff" * 4):
        alone = Alone(lambda size, chance=chance: chance)
        alone.wait(300)
        times.append(alone.attempts)
    assert not set(times[0][5:]) & set(times[1][5:])


@pytest.mark.parametrize("random", [bytes, lambda size: b"\xff" * size])
def test_a_pause_is_never_longer_than_a_minute_whatever_the_count(random: Any) -> None:
    assert all(0 < backoff.pause(attempt, random) <= backoff.LONGEST for attempt in (1, 2, 17, 1000, 10**9))
