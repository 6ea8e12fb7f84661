"""Daemons with sealed stores that are killed in the middle of a conversation: every text arrives once, in order."""

from __future__ import annotations

import random

import pytest

from tests.integration.killed import Person, everything_arrived, meet, relay


@pytest.fixture
def people(tmp_path):
    meeting, url = relay(tmp_path / "relay")
    anna, ben = Person(tmp_path, "anna", url), Person(tmp_path, "ben", url)
    yield anna, ben
    for process in (anna, ben, meeting):
        process.stop()


@pytest.mark.parametrize("rounds", [4, pytest.param(60, marks=pytest.mark.soak)])
def test_killing_either_side_loses_and_doubles_nothing(people, rounds):
    meet(*people)
    chosen = random.Random(rounds)
    for number in range(rounds):
        victim = people[number % 2]
        for _ in range(chosen.randrange(1, 12)):
            for person in people:
                assert person.say()
        victim.kill()
        other = people[1 - number % 2]
        assert other.say() and not victim.say()
        victim.come_back()
    everything_arrived(*people)


@pytest.mark.parametrize("writes", [[30, 61], pytest.param(list(range(20, 140, 3)), marks=pytest.mark.soak)])
def test_killing_one_side_at_any_write_loses_and_doubles_nothing(people, writes):
    """strace kills the daemon at so many writes to its store after it came back."""
    anna, ben = people
    meet(anna, ben)
    anna.kill()
    for number in writes:
        anna.come_back("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64", "-e",
                       f"inject=pwrite64:signal=KILL:when={number}")
        while anna.say():
            ben.say()
        anna.process.wait()
    anna.come_back()
    everything_arrived(anna, ben)
