"""The man pages read the same in mandoc and in groff, which Debian's man runs: nothing is lost, nothing too wide."""

from __future__ import annotations

import os
import re
import subprocess
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from contrib.pages.tables import prose
from tests.house import pages

#: A locale, and the name of the output that both renderers have for it.
OUTPUTS = {"C.UTF-8": "utf8", "C": "ascii"}
#: Maximum width of a line, by the width that is asked for: a literal display is not broken where there is less.
WIDEST = {66: 80, 80: 80, 120: 120}
_BOTH = pytest.mark.parametrize("locale", OUTPUTS)
_EACH = pytest.mark.parametrize("page", pages.PAGES)
_ALL = pytest.mark.parametrize("width", WIDEST)


@cache
def man(page: str, width: int, locale: str) -> tuple[tuple[str, ...], str]:
    """Return the lines that Debian's man shows, and what groff complains of."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/", "LC_ALL": locale, "MANWIDTH": str(width)}
    done = subprocess.run(["man", "--local-file", "--warnings=all", "--no-hyphenation", "-"], env=environment,
                          input=pages.source(page).encode(), capture_output=True, check=True)
    return _lines(done.stdout), done.stderr.decode()


@cache
def mandoc(page: str, width: int, locale: str) -> tuple[str, ...]:
    """Return the lines that mandoc shows."""
    done = subprocess.run(["mandoc", f"-T{OUTPUTS[locale]}", f"-Owidth={width}", str(pages.MAN / page)],
                          capture_output=True, check=True)
    return _lines(done.stdout)


def _lines(shown: bytes) -> tuple[str, ...]:
    plain = re.sub(r".\x08|\x1b\[[0-9;]*m", "", shown.decode())
    return tuple(line.rstrip() for line in plain.splitlines() if line.strip())


def sections(lines: tuple[str, ...]) -> dict[str, str]:
    """Return the text of each section by its title, without white space and with one kind of quotes and dashes: the
    renderers break lines at other places, also behind a hyphen."""
    starts = [number for number, line in enumerate(lines) if re.match(r"[A-Z]", line) and 0 < number < len(lines) - 1]
    same = str.maketrans("\u2018\u2019`\u2013\u2014", "'''--")
    return {lines[start]: "".join("".join(lines[start + 1:end]).split()).translate(same).replace("--", "-")
            for start, end in pairwise([*starts, len(lines) - 1])}


@pytest.mark.parametrize("width", [80, 120])
@_BOTH
@_EACH
def test_groff_has_nothing_to_complain_of(page, locale, width):
    assert man(page, width, locale)[1] == ""


@_ALL
@_BOTH
@_EACH
def test_both_show_every_section_with_the_same_text(page, locale, width):
    in_groff, in_mandoc = sections(man(page, width, locale)[0]), sections(mandoc(page, width, locale))
    assert list(in_groff) == list(in_mandoc) == re.findall(r"^\.Sh (.+)$", pages.source(page), re.M)
    for title, text in in_mandoc.items():
        assert text and in_groff[title] == text, title


@_ALL
@_BOTH
@_EACH
def test_no_line_is_wider_than_the_window(page, locale, width):
    for lines in (man(page, width, locale)[0], mandoc(page, width, locale)):
        assert [line for line in lines if len(line) > WIDEST[width]] == []


@_EACH
def test_what_is_to_be_typed_is_plain_in_every_renderer(page):
    """Each line of an example arrives as it is written, for whoever copies it out of a page."""
    typed = [re.sub(r"\\&", "", line) for example in pages.examples(page) for line in example.splitlines() if line]
    typed = [line.replace("\\(ba", "|") for line in typed]
    assert all(line.isascii() for line in typed)
    for locale in OUTPUTS:
        for lines in (man(page, 120, locale)[0], mandoc(page, 120, locale)):
            shown = {line.strip() for line in lines}
            assert [line for line in typed if line.strip() not in shown] == []


def test_a_generated_line_is_text_whatever_it_begins_with():
    for line in prose(f"{'x' * 105} .onion names. .Onion 'quoted' \\n"):
        assert not line.startswith((".", "'")) and "\\n" not in line


@_EACH
def test_a_page_in_html_has_every_section_and_closes_what_it_opens(page):
    done = subprocess.run(["mandoc", "-Thtml", "-Wwarning", str(pages.MAN / page)], capture_output=True, text=True,
                          check=True)
    html = Html()
    html.feed(done.stdout)
    assert html.open == [] and done.stderr == ""
    assert [" ".join(title.split()) for title in html.titles] == re.findall(r"^\.Sh (.+)$", pages.source(page), re.M)


class Html(HTMLParser):
    """The titles of a page's sections, and the elements that are still open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.titles: list[str] = []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element that is complete is not open."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "h1":
            self.titles.append("")
        if tag not in ("meta", "link", "br", "hr", "col"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "h1" in self.open:
            self.titles[-1] += data
