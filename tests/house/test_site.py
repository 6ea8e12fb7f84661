"""The static site: every page is made, every link leads somewhere in it, and nothing comes from elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from contrib.site.markdown import Document
from contrib.site.site import DOCUMENTS, manuals, write
from tests.house.pages import PAGES

_VOID = {"meta", "link", "img", "br", "hr", "col", "input", "wbr"}


class Page(HTMLParser):
    """What a page links to, what it loads, its anchors, and whether its elements are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.tags: set[str] = set()
        self.open: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        self.ids += [given["id"]] if "id" in given else []
        self.handlers += [name for name in given if name.startswith("on")]
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        self.loads += [given[name] for name in ("src", "srcset", "data") if name in given]
        self.loads += [given["href"]] if tag == "link" else []
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:  # an omitted </p> or </li> is HTML, too
            while self.open.pop() != tag:
                pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "site"
    write(folder)
    return folder


@pytest.fixture(scope="module")
def parsed(site: Path) -> dict[str, Page]:
    return {path.name: Page(path.read_text()) for path in site.glob("*.html")}


def test_every_document_and_every_man_page_has_a_page(parsed: dict[str, Page]) -> None:
    assert set(parsed) == {*DOCUMENTS, *(f"{page}.html" for page in PAGES)}
    assert manuals() == sorted(PAGES)


def test_every_link_leads_somewhere(site: Path, parsed: dict[str, Page]) -> None:
    broken = []
    for name, page in parsed.items():
        for link in page.links:
            target, _, anchor = link.partition("#")
            if re.match(r"https?:", link):
                continue
            there = parsed.get(target or name)
            if not (site / (target or name)).is_file() or (anchor and there and unquote(anchor) not in there.ids):
                broken.append((name, link))
    assert broken == []


def test_nothing_is_loaded_from_elsewhere_and_nothing_runs(site: Path, parsed: dict[str, Page]) -> None:
    for name, page in parsed.items():
        assert not page.tags & {"script", "iframe", "object", "embed", "form", "base"}, name
        assert page.handlers == [] and page.open == []
        for loaded in page.loads:
            assert re.fullmatch(r"[\w.-]+", loaded) and (site / loaded).is_file(), (name, loaded)
    assert not re.search(r"@import|url\(", (site / "style.css").read_text())
    assert {path.suffix for path in site.iterdir()} <= {".html", ".css", ".svg", ".txt"}


def test_cross_references_are_links(parsed: dict[str, Page]) -> None:
    assert "whisperd.toml.5.html" in parsed["whisperd.8.html"].links
    assert {f"{page}.html" for page in PAGES} <= set(parsed["index.html"].links)


def test_every_page_can_be_reached_from_the_first(parsed: dict[str, Page]) -> None:
    reached, waiting = set(), ["index.html"]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += [link.partition("#")[0] for link in parsed[name].links if link.partition("#")[0] in parsed]
    assert reached == set(parsed)


def test_markdown_becomes_html() -> None:
    document = Document(link=lambda target: f"to-{target}", page=lambda words: "p.html" if words == "p(1)" else "")
    text = "# A *b*\n\none `<x>`\ntwo **c** [d](e)\n\n- f\n  g\n- `p(1)`\n\n    code <\n\n    more\n"
    assert document.html(text) == (
        '<h1 id="a-b">A <em>b</em></h1>\n'
        '<p>one <code>&lt;x&gt;</code> two <strong>c</strong> <a href="to-e">d</a></p>\n'
        '<ul><li>f g</li><li><a href="p.html"><code>p(1)</code></a></li></ul>\n<pre>code &lt;\n\nmore</pre>')
    assert document.html("| a | b |\n|---|---|\n| c | d & e |") == (
        '<div class="wide"><table><thead><tr><th>a</th><th>b</th></tr></thead>'
        "<tbody><tr><td>c</td><td>d &amp; e</td></tr></tbody></table></div>")
