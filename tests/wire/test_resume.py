"""The frames by which two sides compare how far they are."""

from __future__ import annotations

from contextlib import suppress

import hypothesis.strategies as st
import pytest
from hypothesis import given

from whisperd.errors import ChannelBroken
from whisperd.wire.resume import SIZE, Counters, Resume, Turn

NUMBERS = st.integers(0, 2**64 - 1)
MESSAGES = st.builds(Resume, st.sampled_from(Turn), st.binary(min_size=32, max_size=32),
                     st.builds(Counters, NUMBERS, NUMBERS, NUMBERS, NUMBERS))


@given(MESSAGES)
def test_what_is_encoded_is_decoded(message):
    assert Resume.decode(message.encode()) == message and len(message.encode()) == SIZE


@given(st.binary(max_size=2 * SIZE))
def test_other_bytes_are_refused(data):
    with suppress(ChannelBroken):
        assert Resume.decode(data).encode() == data


@pytest.mark.parametrize("place", [0, 65, SIZE - 1])
def test_an_unknown_turn_and_filling_that_is_not_zero_are_refused(place):
    data = bytearray(Resume(Turn.ASK, bytes(32), Counters(1, 2, 3, 4)).encode())
    data[place] = 9
    with pytest.raises(ChannelBroken):
        Resume.decode(bytes(data))


def test_who_is_ahead():
    here = Counters(encrypted=5, decrypted=4, sent=2, received=2)
    assert not Counters(4, 5, 2, 2).ahead_of(here)
    assert Counters(4, 6, 2, 2).ahead_of(here) and Counters(4, 5, 2, 3).ahead_of(here)
