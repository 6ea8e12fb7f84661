"""Pauses grow up to a bound, and chance has half of each."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from whisperd.backoff import FIRST, MAX, Backoff


@given(st.integers(1, 2_000), st.binary(min_size=4, max_size=4))
def test_every_pause_is_within_its_bounds(attempts: int, chance: bytes) -> None:
    backoff = Backoff(lambda _: chance)
    for number in range(attempts):
        bound = min(FIRST * 2.0 ** min(number, 16), MAX)
        assert bound / 2 <= backoff.next() < bound


def test_pauses_double_until_the_maximum_and_begin_anew_when_something_has_worked() -> None:
    backoff = Backoff(bytes)
    assert [backoff.next() for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    backoff.reset()
    assert [backoff.next() for _ in range(2)] == [0.5, 1]


def test_the_first_and_the_maximum_pause_may_be_others() -> None:
    backoff = Backoff(bytes, first=2.0, maximum=10.0)
    assert [backoff.next() for _ in range(5)] == [1, 2, 4, 5, 5]


def test_one_pause_may_have_a_bound_of_its_own() -> None:
    backoff = Backoff(bytes, first=2.0, maximum=10.0)
    assert [backoff.next(maximum=40.0) for _ in range(6)] == [1, 2, 4, 8, 16, 20] and backoff.next() == 5


def test_what_is_asked_for_is_no_more_than_the_next_pause() -> None:
    backoff = Backoff(bytes, first=0.5, maximum=30.0)
    backoff.ask(300.0)
    assert [backoff.next() for _ in range(3)] == [150, 15, 15]
    backoff.ask(0.5)
    assert [backoff.next() for _ in range(3)] == [0.25, 0.5, 1]
