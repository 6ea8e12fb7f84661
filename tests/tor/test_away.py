"""A network that is away for an hour, and what a clock that is set does to waiting; the time is the test's."""

from __future__ import annotations

import os
from typing import Any

import pytest
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from whisperd import backoff
from whisperd.config import load
from whisperd.tor.clock_jumps import FORGOTTEN, HARMLESS, Clocks
from whisperd.tor.dial.dialer import Dialer
from whisperd.tor.service import TorService
from whisperd.tor.surroundings import TorSurroundings

HOUR = 3600


class Alone:
    """A TorService that attaches to a tor that is not there; ``attempts`` are the times at which it tried."""

    def __init__(self, random: Any) -> None:
        self.reactor = MemoryReactorClock()
        self.attempts: list[float] = []
        values = {"tor.mode": "attach", "tor.control": "unix:/nowhere"}
        self.service = TorService(load(None, values), reactor=self.reactor, dialer=Dialer(self.reactor),
                                  emit=lambda *_, **__: None, around=TorSurroundings(random=random))
        self.service.publish(1234)
        self.service.start()

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
    assert max(pauses) <= backoff.MAX + 0.2 and min(pauses[7:]) >= backoff.MAX / 2 - 0.2
    assert HOUR - alone.attempts[-1] <= backoff.MAX + 0.2
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
    pauses = backoff.Backoff(random)
    assert all(0 < pauses.next() <= backoff.MAX for _ in range(5_000))


class Time:
    """Two clocks that a test moves."""

    def __init__(self) -> None:
        self.wall, self.steady = 1_800_000_000.0, 0.0
        self.clocks = Clocks(lambda: self.wall, lambda: self.steady)

    def passes(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


def test_time_that_passes_is_no_jump_and_neither_is_a_correction() -> None:
    time = Time()
    for correction in (0, 0.5, -30, 30, HARMLESS / 2):
        time.passes(HOUR)
        time.wall += correction
        assert not time.clocks.jumped()


@pytest.mark.parametrize("jump", [HARMLESS + 1, -HARMLESS - 1, 12 * HOUR, -365 * 24 * HOUR])
def test_a_clock_that_was_set_is_noticed_once(jump: float) -> None:
    time = Time()
    time.passes(30)
    time.wall += jump
    assert time.clocks.jumped()
    time.passes(30)
    assert not time.clocks.jumped()


@pytest.mark.parametrize(("jumps", "behind"), [
    ([-HOUR], HOUR), ([3 * HOUR, -3 * HOUR], 3 * HOUR), ([-HOUR, -HOUR], 2 * HOUR), ([-2 * HOUR, HOUR], HOUR),
    ([-HOUR, HOUR], 0), ([HOUR], 0), ([-30 * HOUR], FORGOTTEN),
])
def test_after_the_clock_was_set_back_it_is_behind_until_it_has_caught_up_or_all_is_forgotten(
        jumps: list[float], behind: float) -> None:
    time = Time()
    time.passes(HOUR)
    for jump in jumps:
        time.wall += jump
        assert time.clocks.jumped()
    if behind:
        time.passes(behind - 1)
        assert time.clocks.behind()
    time.passes(2)
    assert not time.clocks.behind()


@pytest.mark.parametrize(("jumps", "wait", "late"), [
    ([-2 * HOUR], 2 * HOUR, True), ([-30 * HOUR], FORGOTTEN, True), ([-HOUR / 2, -HOUR], 1.5 * HOUR, True),
    ([-HOUR / 2], HOUR / 2, False), ([-2 * HOUR, 2 * HOUR], 1, False), ([2 * HOUR], 1, False),
])
def test_once_it_has_caught_up_with_more_than_an_hour_that_is_told_once(
        jumps: list[float], wait: float, late: bool) -> None:
    time = Time()
    for jump in jumps:
        time.wall += jump
        assert time.clocks.jumped()
        assert not time.clocks.caught_up()
    time.passes(wait - 1)
    assert not time.clocks.caught_up()
    time.passes(2)
    assert [time.clocks.caught_up() for _ in range(2)] == [late, False]


def test_a_correction_that_comes_in_small_steps_is_noticed_when_it_is_large_enough() -> None:
    time = Time()
    found = []
    for _ in range(5):
        time.wall -= HARMLESS / 2
        found.append(time.clocks.jumped())
    assert found == [False, False, True, False, False]
