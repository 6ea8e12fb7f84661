"""All man pages: clean, complete, and what the sources cite of them is there."""

from __future__ import annotations

import re
import subprocess

import pytest

from contrib.pages.__main__ import renewed
from contrib.pages.tables import TABLES
from tests.house import pages

EXPECTED = {"whisperd.8", "whisperctl.1", "whisperd.toml.5", "whisperd-protocol.7", "whisperd-plugins.7",
            "whisperd-security.7"}
_CITATION = re.compile(r"(whisper[a-z.-]+)\(([1-8])\), ([A-Z][A-Z 0-9]+[A-Z0-9])")


def test_the_six_pages_are_there():
    assert set(pages.PAGES) == EXPECTED


@pytest.mark.parametrize("page", pages.PAGES)
def test_mandoc_has_nothing_to_complain_of(page):
    linted = subprocess.run(["mandoc", "-Tlint", "-Wwarning", pages.MAN / page], capture_output=True, text=True)
    assert linted.stdout == ""
    assert linted.returncode == 0


@pytest.mark.parametrize("page", pages.PAGES)
def test_the_tables_in_a_page_are_those_of_the_code(page):
    assert renewed(pages.source(page)) == pages.source(page), "run 'make pages'"


def test_every_table_stands_in_some_page():
    marks = [mark for page in pages.PAGES for mark in re.findall(r'^\.\\" BEGIN (.+)$', pages.source(page), re.M)]
    assert sorted(marks) == sorted(TABLES)


@pytest.mark.parametrize("output", ["utf8", "ascii"])
@pytest.mark.parametrize("page", pages.PAGES)
def test_a_page_fits_into_80_columns(page, output):
    shown = subprocess.run(["mandoc", f"-T{output}", "-Owidth=80", pages.MAN / page], capture_output=True, check=True)
    wide = [line for line in re.sub(r".\x08", "", shown.stdout.decode()).splitlines() if len(line) > 80]
    assert wide == []


@pytest.mark.parametrize("page", pages.PAGES)
def test_a_page_refers_to_its_own_and_to_system_pages_only(page):
    for name, number in re.findall(r"^\.Xr (\S+) ([1-8])", pages.source(page), re.M):
        if name.startswith("whisper"):
            assert f"{name}.{number}" in EXPECTED


def headings(page: str) -> set[str]:
    """Return the titles of a page's sections and subsections."""
    return set(re.findall(r"^\.S[hs] (.+)$", pages.source(page), re.M))


def test_every_section_that_the_sources_cite_is_there():
    missing = []
    for path in [*(pages.ROOT / "whisperd").rglob("*.py"), *(pages.ROOT / "plugins").rglob("*.py")]:
        for name, number, title in _CITATION.findall(path.read_text()):
            page = f"{name}.{number}"
            titles = title.split(" and ")
            missing += [(path.name, page, each) for each in titles
                        if page not in pages.PAGES or each not in headings(page)]
    assert missing == []
