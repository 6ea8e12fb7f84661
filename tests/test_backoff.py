"""Pauses grow up to a bound, and chance has half of each."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from whisperd.backoff import FIRST, MAX, Backoff, pause


@given(st.integers(1, 10_000), st.binary(min_size=4, max_size=4))
def test_every_pause_is_within_its_bounds(attempt: int, chance: bytes) -> None:
    longest = min(FIRST * 2.0 ** (min(attempt, 17) - 1), MAX)
    assert longest / 2 <= pause(attempt, lambda _: chance) < longest


def test_pauses_double_until_the_longest() -> None:
    pauses = [pause(attempt, bytes) for attempt in range(1, 10)]
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


@given(st.integers(1, 2_000), st.binary(min_size=4, max_size=4))
def test_the_pauses_of_a_back_off_are_those_of_its_attempts(attempts: int, chance: bytes) -> None:
    backoff = Backoff(lambda _: chance)
    assert [backoff.next() for _ in range(attempts)] == [pause(number + 1, lambda _: chance)
                                                         for number in range(attempts)]


def test_a_back_off_begins_anew_when_something_has_worked() -> None:
    backoff = Backoff(bytes, first=2.0, longest=10.0)
    assert [backoff.next() for _ in range(5)] == [1, 2, 4, 5, 5]
    backoff.reset()
    assert [backoff.next() for _ in range(2)] == [1, 2]


def test_one_pause_may_have_a_bound_of_its_own() -> None:
    backoff = Backoff(bytes, first=2.0, longest=10.0)
    assert [backoff.next(longest=40.0) for _ in range(6)] == [1, 2, 4, 8, 16, 20] and backoff.next() == 5


def test_what_is_asked_for_is_no_more_than_the_next_pause() -> None:
    backoff = Backoff(bytes, first=0.5, longest=30.0)
    backoff.ask(300.0)
    assert [backoff.next() for _ in range(3)] == [150, 15, 15]
    backoff.ask(0.5)
    assert [backoff.next() for _ in range(3)] == [0.25, 0.5, 1]
