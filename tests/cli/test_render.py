"""What is shown: harmless whoever wrote it, and in colour only where it may be."""

from __future__ import annotations

import io
import unicodedata

import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st

from whisperd.cli import render
from whisperd.cli.render import PLAIN, Paint, clean

PAINTED = Paint(True)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@given(st.text())
def test_nothing_but_text_comes_through(text: str) -> None:
    shown = clean(text)
    dangerous = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert all(character in "\u200c\u200d" or unicodedata.category(character) not in dangerous for character in shown)
    assert clean(shown) == shown


@given(st.text(st.characters(categories=["L", "M", "N", "P", "S", "Zs"])))
def test_all_that_is_text_stays(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(("written", "shown"), [
    ("\x1b[31mred\x1b[0m", "[31mred[0m"),
    ("\x9b31m", "31m"),
    ("\x1b]0;title\x07", "]0;title"),
    ("one\ntwo\r\nthree\tfour\u2028five", "one two  three four five"),
    ("abc\u202ecba\u2066x\u2069\u200f\u061c", "abccbax"),
    ("zero\u200bwidth\ufeff\u2060", "zerowidth"),
    ("\U000e0041\ud800\x00\x7f", ""),
    ("می\u200cخواهم 👩\u200d🔬 Grüße", "می\u200cخواهم 👩\u200d🔬 Grüße"),
])
def test_what_becomes_of_dangerous_text(written: str, shown: str) -> None:
    assert clean(written) == shown


def test_everything_that_the_other_side_can_write_is_cleaned() -> None:
    evil = "\x1b[2J\u202eevil"
    lines = [
        render.event({"event": "chat-message", "chat": evil, "id": 1, "direction": "in", "text": evil}, PLAIN),
        render.event({"event": "chat-message", "chat": evil, "id": 1, "direction": "out", "text": evil,
                      "state": evil}, PLAIN),
        render.event({"event": "chat-state", "chat": evil, "state": evil, "reason": evil, "level": evil}, PLAIN),
        render.event({"event": "chat-error", "chat": evil, "code": evil, "message": evil, "remedy": evil}, PLAIN),
        render.event({"event": "message-state", "chat": evil, "id": 1, "state": evil}, PLAIN),
        render.event({"event": "chat-link", "chat": evil, "link": evil}, PLAIN),
        *render.chats([{"chat": evil, "state": evil, "link": evil, "direct": "unavailable", "level": evil,
                        "verified": False, "queued": 0, "sent": 0, "delivered": 0, "received": 0,
                        "created_age": 1}], PLAIN),
        render.event({"event": "tor-state", "state": evil, "percent": 3, "summary": evil}, PLAIN),
        render.event({"event": "onion-state", "state": evil, "address": evil}, PLAIN),
        render.event({"event": "onion-rotated", "address": evil, "old": evil, "seconds": 1}, PLAIN),
        render.event({"event": "onion-retired", "address": evil}, PLAIN),
        *render.verification({"chat": evil, "words": [evil], "number": evil, "verified": False, "level": evil}, PLAIN),
    ]
    assert not [line for line in lines if "\x1b" in line or "\u202e" in line]


def test_events_are_shown_as_a_line_each() -> None:
    assert render.event({"event": "chat-state", "chat": "c1", "state": "away", "reason": "lost",
                         "level": "enhanced"}, PLAIN) == "c1 is away (lost)"
    assert render.event({"event": "chat-state", "chat": "c1", "state": "connected", "reason": "confirmed",
                         "level": "enhanced"}, PLAIN) == "c1 is connected (confirmed), level enhanced"
    assert render.event({"event": "tor-state", "state": "up", "percent": 100, "summary": "Done"}, PLAIN) == \
        "tor is up (Done)"
    assert render.event({"event": "onion-state", "state": "absent", "address": None}, PLAIN) == "onion is absent"
    assert render.event({"event": "message-state", "chat": "c1", "id": 3, "state": "sent"}, PLAIN) == "c1 #3 is sent"
    assert render.event({"event": "chat-link", "chat": "c1", "link": "onion"}, PLAIN) == "c1 now uses the link onion"
    assert render.event({"event": "chat-error", "chat": "c1", "code": "x", "message": "m", "remedy": "R."}, PLAIN) == \
        "c1 error x: m. R."


@pytest.mark.parametrize(("link", "direct", "words"), [
    ("relay", "unavailable", "relay (no onion)"), ("relay", "publishing", "relay"), ("onion", "up", "onion"),
    (None, "unavailable", "-"), ("relay", "off", "relay"),
])
def test_the_list_says_where_tor_gives_no_onion_service(link, direct, words) -> None:
    row = {"chat": "c1", "state": "connected", "link": link, "direct": direct, "level": None, "verified": False,
           "queued": 0, "sent": 0, "delivered": 0, "received": 0, "created_age": 1}
    assert words in [cell.strip() for cell in render.chats([row], PLAIN)[1].split("  ")]


@pytest.mark.parametrize(("variables", "wanted"), [
    ({"TERM": "xterm"}, True),
    ({"TERM": "xterm", "NO_COLOR": ""}, True),
    ({"TERM": "xterm", "NO_COLOR": "1"}, False),
    ({"TERM": "dumb"}, False),
])
def test_colour_is_for_terminals_that_want_it(monkeypatch, variables, wanted) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Paint.on(Terminal()).wanted is wanted
    assert Paint.on(io.StringIO()).wanted is False


def test_paint_wraps_words_or_leaves_them() -> None:
    assert PAINTED.state("connected") == "\x1b[32mconnected\x1b[0m"
    assert PLAIN.state("connected") == "connected"
    assert PAINTED.state("nothing known") == "nothing known"


@pytest.mark.parametrize(("seconds", "words"), [
    (0, "0 s"), (59.9, "59 s"), (60, "1 min 0 s"), (3_725, "1 h 2 min"), (86_400, "1 d 0 h"), (90_061, "1 d 1 h")])
def test_a_length_of_time_has_at_most_two_units(seconds: float, words: str) -> None:
    assert render.seconds(seconds) == words


def test_a_table_s_columns_are_as_wide_as_their_cells() -> None:
    assert render.table(("A", "B"), [("long cell", "x"), ("y", "")], PLAIN) == ["A          B", "long cell  x", "y"]


@pytest.mark.parametrize("paint", [PLAIN, PAINTED])
def test_the_qr_code_is_the_link_s(paint: Paint) -> None:
    link = "http://" + "a" * 56 + ".onion/#" + "B" * 56
    modules = [list(row) for row in segno.make_qr(link, error="l").matrix_iter(border=4)]
    halves = {"█": (0, 0), "▀": (0, 1), "▄": (1, 0), " ": (1, 1)}
    read: list[list[int]] = []
    for line in render.qr_text(link, paint).splitlines():
        blocks = line.removeprefix("\x1b[97;40m").removesuffix("\x1b[0m")
        read += [[halves[block][half] for block in blocks] for half in (0, 1)]
    assert read[:len(modules)] == modules
    assert len(read[0]) <= 80
