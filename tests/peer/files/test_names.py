"""Names that the other side chose become names that are safe to write and to show."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperd.cli.render import clean
from whisperd.peer.files.names import MAX_NAME_BYTES, alternatives, safe_name


@pytest.mark.parametrize(("given", "safe"), [
    ("report.pdf", "report.pdf"), ("../../etc/passwd", "passwd"), ("..", "file"), ("", "file"), ("/", "file"),
    ("a/", "file"), ("C:\\Windows\\system.ini", "system.ini"), (".bashrc", "bashrc"), ("-rf", "rf"),
    ("x\x1b[31m.txt", "x[31m.txt"), ("\x1b[2J\x07", "[2J"), ("evil\u202egpj.exe", "evilgpj.exe"), ("a\0b", "ab"),
    ("CON", "_CON"), ("nul.txt", "_nul.txt"), ("com1", "_com1"), ("console", "console"), ("a:b*?.txt", "a_b__.txt"),
    ("  spaced   out  ", "spaced out"), ("two\nlines", "twolines"), ("dots...", "dots"), ("\u200b", "file"),
    ("Grüße.txt", "Grüße.txt"), ("\ud800", "file"),
])
def test_a_name_is_made_safe(given, safe):
    assert safe_name(given) == safe


@given(st.text(max_size=400))
def test_any_name_becomes_one_that_stays_in_its_folder(name):
    safe = safe_name(name)
    assert safe and safe not in (".", "..") and not safe.startswith((".", "-")) and "/" not in safe and "\0" not in safe
    assert len(safe.encode()) <= MAX_NAME_BYTES and clean(safe) == safe and safe_name(safe) == safe


def test_a_long_name_keeps_its_ending():
    assert safe_name("é" * 300 + ".tar").endswith("é.tar")
    assert len(safe_name("x" * 300 + "." + "y" * 300).encode()) == MAX_NAME_BYTES


def test_a_name_that_is_taken_is_numbered():
    assert list(islice(alternatives("a.txt"), 3)) == ["a.txt", "a (1).txt", "a (2).txt"]
    assert list(islice(alternatives("README"), 2)) == ["README", "README (1)"]
