"""Pauses grow up to a bound, and chance has half of each."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from whisperd.backoff import FIRST, MAX, pause


@given(st.integers(1, 10_000), st.binary(min_size=4, max_size=4))
def test_every_pause_is_within_its_bounds(attempt: int, chance: bytes) -> None:
    longest = min(FIRST * 2.0 ** (min(attempt, 17) - 1), MAX)
    assert longest / 2 <= pause(attempt, lambda _: chance) < longest


def test_pauses_double_until_the_longest() -> None:
    pauses = [pause(attempt, bytes) for attempt in range(1, 10)]
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
