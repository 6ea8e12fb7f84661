"""Words and digits for people to compare."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperd.wire.sas import number, words


def test_known_values():
    assert words(bytes(9)) == ["abandon"] * 6
    assert words(b"\xff" * 9) == ["zoo"] * 6
    assert words(bytes(8) + b"\x3f") == ["abandon"] * 6, "the last six bits are not used"
    assert words(bytes(8) + b"\x40") == ["abandon"] * 5 + ["ability"]
    assert number(bytes(60)) == " ".join(["00000"] * 12)
    assert number(b"\xff" * 60) == " ".join([str((2**40 - 1) % 100_000)] * 12)


@given(st.binary(min_size=9, max_size=9))
def test_every_one_of_the_66_bits_is_in_the_words(value):
    changed = [words(bytes(byte ^ (1 << bit % 8 if index == bit // 8 else 0) for index, byte in enumerate(value)))
               for bit in [*range(64), 70, 71]]
    assert words(value) not in changed


@given(st.binary(min_size=60, max_size=60))
def test_a_number_has_twelve_groups_of_five_digits(value):
    groups = number(value).split(" ")
    assert len(groups) == 12 and all(len(group) == 5 and group.isdecimal() for group in groups)


@pytest.mark.parametrize("function", [words, number])
def test_bytes_of_another_size_are_refused(function):
    with pytest.raises(ValueError, match="made from"):
        function(bytes(10))
