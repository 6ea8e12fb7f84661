"""Spoken codes: what two people tell each other is understood however it is typed, and a slip is found at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperd.errors import SpokenCodeMalformed
from whisperd.wire.sas import word_list
from whisperd.wire.spoken import MAX_NAMEPLATE, WORDS_SIZE, SpokenCode, parse

codes = st.builds(SpokenCode.make, st.integers(1, MAX_NAMEPLATE), st.binary(min_size=5, max_size=WORDS_SIZE))


@given(codes)
def test_a_code_comes_back_from_its_text(code):
    assert parse(str(code)) == code


@given(codes, st.sampled_from([" ", "  ", ", ", "_", " - ", "\t"]), st.sampled_from([str.upper, str.title, str.lower]))
def test_case_spaces_and_punctuation_do_not_matter(code, between, spelled):
    assert parse(f" {spelled(str(code).replace('-', between))}.\n") == code


def test_words_come_from_the_first_33_bits():
    assert str(SpokenCode.make(7, bytes(5))) == "7-abandon-abandon-abandon"
    assert str(SpokenCode.make(42, b"\xff" * 5)) == "42-zoo-zoo-zoo"
    assert SpokenCode.make(7, bytes(4) + b"\x80").words == ("abandon", "abandon", "ability")


def test_the_words_are_hidden_from_a_log():
    assert "zoo" not in repr(SpokenCode.make(42, b"\xff" * 5))


@given(codes)
def test_four_letters_of_a_word_are_enough(code):
    assert parse("-".join([str(code.nameplate), *(word[:4] for word in code.words)])) == code


@pytest.mark.parametrize(("typed", "says"), [
    ("", "begins with a number"), ("abandon-ability-able", "begins with a number"),
    ("0-abandon-ability-able", "begins with a number"), ("1000000-abandon-ability-able", "begins with a number"),
    ("9" * 5000 + "-abandon-ability-able", "begins with a number"), ("\u0667-abandon-ability-able", "begins"),
    ("7", "0 words"), ("7-abandon-ability", "2 words"), ("7-abandon-ability-able-zoo", "4 words"),
    ("7-abandon-abilty-able", "second word"), ("7-abandon-ability-zzz", "third word"), ("7-ab-ability-able", "first"),
    ("0000070000000-abandon-ability-able", "begins"), ("\uff17-abandon-ability-able", "begins"),
    ("7-ab\u017forb-ability-able", "first word"), ("7-abandon-ability-\uff41ble", "third word"),
    ("7-abandon-\u212aangaroo-able", "second word"),
])
def test_what_is_no_code_is_refused_and_says_why(typed, says):
    with pytest.raises(SpokenCodeMalformed, match=says):
        parse(typed)


def test_a_word_that_was_misspelled_is_guessed_at():
    with pytest.raises(SpokenCodeMalformed) as refused:
        parse("7-abandon-abilty-able")
    assert refused.value.remedy == "Is it 'ability'? Ask for it again."


@given(st.text(max_size=200))
def test_any_text_is_a_code_or_is_refused(text):
    try:
        code = parse(text)
    except SpokenCodeMalformed:
        return
    assert set(code.words) <= set(word_list())
