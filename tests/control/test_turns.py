"""Requests of many clients: few at a time, and everybody has a turn."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from whisperd.control.turns import MAX_REQUESTS, REST, Turns


class Client:
    """A connection with some requests, each of which takes ``seconds``."""

    def __init__(self, clock: Clock, log: list[str], name: str, uid: int, requests: int, seconds: float = 0.0) -> None:
        self.uid = uid
        self._clock, self._log, self._name, self._left, self._seconds = clock, log, name, requests, seconds

    def take_next(self) -> bool:
        self._left -= 1
        self._log.append(self._name)
        self._clock.rightNow += self._seconds
        return self._left > 0


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_few_requests_are_taken_at_once(clock: Clock) -> None:
    turns, log = Turns(clock), []
    turns.ready(Client(clock, log, "a", 1, MAX_REQUESTS))
    assert len(log) == MAX_REQUESTS
    clock.advance(0)
    assert clock.getDelayedCalls() == []


def test_thousands_are_taken_a_few_in_a_turn(clock: Clock) -> None:
    turns, log = Turns(clock), []
    turns.ready(Client(clock, log, "a", 1, 1_000, seconds=0.001))
    for turn in range(1, 1_000 // MAX_REQUESTS + 1):
        assert len(log) == MAX_REQUESTS * turn
        clock.advance(REST * MAX_REQUESTS * 0.001 + 1e-9)


def test_other_work_gets_several_times_as_long(clock: Clock) -> None:
    turns, log = Turns(clock), []
    turns.ready(Client(clock, log, "a", 1, 100, seconds=0.25))
    assert (len(log), clock.seconds()) == (MAX_REQUESTS, 1.0)
    clock.advance(REST - 0.01)
    assert len(log) == MAX_REQUESTS
    clock.advance(0.01)
    assert len(log) == 2 * MAX_REQUESTS


def test_a_user_with_many_connections_gets_no_more_than_another(clock: Clock) -> None:
    turns, log = Turns(clock), []
    for _ in range(60):
        turns.ready(Client(clock, log, "many", 1, 1_000, seconds=0.25))
    log.clear()
    turns.ready(Client(clock, log, "one", 2, 2))
    clock.advance(REST)
    assert log.count("one") == 2 and len(log) == MAX_REQUESTS


def test_the_connections_of_a_user_take_turns(clock: Clock) -> None:
    turns, log = Turns(clock), []
    turns.ready(Client(clock, log, "a", 1, 1_000))
    turns.ready(Client(clock, log, "b", 1, 2))
    clock.advance(0)
    clock.advance(0)
    assert log.count("b") == 2


def test_requests_that_come_one_by_one_share_the_turn(clock: Clock) -> None:
    turns, log = Turns(clock), []
    for _ in range(10):
        turns.ready(Client(clock, log, "a", 1, 1))
    assert len(log) == MAX_REQUESTS
    clock.pump([0, 0])
    assert len(log) == 10
