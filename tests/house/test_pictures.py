"""The pictures of the README: well-formed, of their own ground, without a trace of the machine."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from contrib.pictures import house, session, terminal
from tests.house.pages import ROOT

PICTURES = ["conversation.svg", "house.svg"]


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_whole_and_shows_nothing_of_the_machine(name: str) -> None:
    text = (ROOT / "contrib/pictures" / name).read_text()
    root = ElementTree.fromstring(text)
    assert root.tag.endswith("svg") and root.find("{*}title") is not None
    assert not re.search(r"/(tmp|home|root|work|usr)/|\.onion|127\.0\.0\.1|href|<script|<style", text)


@pytest.mark.parametrize("name", PICTURES)
def test_the_readme_shows_each_picture(name: str) -> None:
    assert f"(contrib/pictures/{name})" in (ROOT / "README.md").read_text()


def test_the_conversation_that_is_drawn_is_the_one_that_is_typed() -> None:
    text = (ROOT / "contrib/pictures/conversation.svg").read_text()
    for _, line, seen in session.LINES:
        if seen:
            assert text.count(line) == 2, "run 'make pictures'"


def test_colours_end_where_the_terminal_ends_them() -> None:
    svg = terminal.picture({"anna": "\x1b[1mbold \x1b[31mred\x1b[0m plain\n\x1b[7mbar\n<&>"})
    rows = re.findall(r'<text x="[^"]*" y="[^"]*" textLength[^>]*?fill="(#\w+)"([^>]*)>([^<]*)', svg)
    assert [(colour, "bold" in style, text) for colour, style, text in rows] == [
        ("#1f2328", True, "bold "), ("#b3261e", True, "red"), ("#1f2328", False, " plain"), ("#fbfbf8", False, "bar"),
        ("#fbfbf8", False, "&lt;&amp;&gt;")]


def test_rooms_stand_above_what_they_build_on() -> None:
    rows = house.floors({"a": {"b", "c"}, "b": {"c"}, "c": set(), "d": {"c"}})
    assert rows == [["a"], ["b", "d"], ["c"]]
    assert {name for row in house.floors(house.imports()) for name in row} == set(house.ROOMS)
