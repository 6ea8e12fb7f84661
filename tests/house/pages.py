"""The man pages as the tests read them: as source, as rendered text, and as sections."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAN = ROOT / "man"
PAGES = tuple(sorted(page.name for page in MAN.glob("*.[1-8]")))


@cache
def source(page: str) -> str:
    """Return the mdoc source."""
    return (MAN / page).read_text()


@cache
def lines(page: str) -> tuple[str, ...]:
    """Return the page as ``man`` shows it, in plain ASCII and without line breaks inside paragraphs."""
    shown = subprocess.run(["mandoc", "-Tascii", "-Owidth=1000", str(MAN / page)], capture_output=True, check=True)
    plain = re.sub(r".\x08", "", shown.stdout.decode())
    return tuple(line.rstrip() for line in plain.splitlines())


@cache
def text(page: str) -> str:
    """Return the whole page as one line of words with single spaces."""
    return " ".join(" ".join(lines(page)).split())


def section(page: str, title: str) -> tuple[str, ...]:
    """Return the lines of one section (``.Sh``); raises ValueError where there is none of this title."""
    shown = lines(page)
    start = shown.index(title) + 1
    ends = (number for number in range(start, len(shown)) if re.match(r"[A-Z]", shown[number]))
    return shown[start:next(ends)]


def items(page: str, title: str, macro: str = "It Ic") -> list[str]:
    """Return the names of a section's list items that are marked with ``macro``, from the source."""
    body = re.search(rf"^\.Sh {re.escape(title)}\n(.*?)(?=^\.Sh |\Z)", source(page), re.M | re.S)
    if body is None:
        raise ValueError(f"{page} has no section {title}")
    found = re.findall(rf"^\.{macro} (.+)$", body.group(1), re.M)
    return [name.strip('"').replace("\\-", "-") for name in found]


def examples(page: str) -> list[str]:
    """Return every literal display (``.Bd -literal``) of the page, as typed."""
    return literals(source(page))


def literals(text: str) -> list[str]:
    """Return every literal display of a piece of mdoc, as typed."""
    blocks = re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed$", text, re.M | re.S)
    return [block.replace("\\(aq", "'").replace("\\(dq", '"').replace("\\-", "-").replace("\\e", "\\")
            for block in blocks]
