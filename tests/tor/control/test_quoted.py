"""Quoted strings are read as tor writes them: its C escapes, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperd.tor.control.quoted import plain, values


def as_tor_writes(raw: bytes) -> str:
    """Return a string as tor's esc_for_log() writes it."""
    named = {0x22: '\\"', 0x27: "\\'", 0x5C: "\\\\", 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t"}
    return '"' + "".join(named.get(byte, chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03o}") for byte in raw) + '"'


@given(st.lists(st.binary(max_size=40), max_size=4))
def test_what_tor_escapes_is_read_again(strings):
    read = values(" ".join(map(as_tor_writes, strings)))
    assert [text.encode(errors="surrogateescape") for text in read] == strings


@given(st.text())
def test_no_answer_is_an_error(text):
    assert all(isinstance(value, str) for value in values(text))


@pytest.mark.parametrize(("written", "meant"), [
    ("", []), ('""', [""]), ("127.0.0.1:9050", ["127.0.0.1:9050"]), (r'"\8\9"', ["89"]), (r'"\1"', ["\x01"]),
    (r'"\18"', ["\x018"]), (r'"\400"', [" 0"]), (r'"a\"', ['"a\\"']),
    (r'"unix:/a b/\"c\"" "[::1]:9050"', ['unix:/a b/"c"', "[::1]:9050"]),
])
def test_an_answer_is_cut_where_tor_ends_a_value(written, meant):
    assert values(written) == meant


def test_a_word_stays_as_it_is():
    assert plain(r"a\n") == r"a\n" and plain('"') == '"'
