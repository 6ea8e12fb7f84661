"""A frame's way through the relay is short, leads through nothing else of ours, and is told in whisperd-security(7)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from tests.house.frame_way import ENDS, MAX_LINES, WAY
from tests.house.pages import ROOT, items
from tests.house.test_imports import own


def leads_to(path: str) -> set[str]:
    """Return the files of ours that a file imports, wherever in it, for types alone too; packages are docstrings."""
    found = set()
    for name in own(ROOT / path):
        spec = importlib.util.find_spec(name) if _is_module(name) else importlib.util.find_spec(name.rpartition(".")[0])
        assert spec is not None and spec.origin is not None, name
        found.add(str(Path(spec.origin).relative_to(ROOT)))
    return found


def _is_module(name: str) -> bool:
    return (ROOT / (name.replace(".", "/") + ".py")).exists()


def reached() -> set[str]:
    """Return every file of ours that is reached by imports from where a frame comes in."""
    found: set[str] = set()
    waiting = set(ENDS)
    while waiting:
        path = waiting.pop()
        found.add(path)
        waiting |= leads_to(path) - found
    return found


def test_the_way_of_a_frame_leads_through_these_files_and_through_no_other_of_ours() -> None:
    assert reached() == set(WAY)


def test_it_is_read_in_an_hour() -> None:
    lengths = {path: len((ROOT / path).read_text().splitlines()) for path in WAY}
    assert sum(lengths.values()) <= MAX_LINES, lengths


def test_the_page_names_the_files_in_reading_order() -> None:
    assert tuple(items("whisperd-security.7", "READING THE RELAY", "It Pa")) == WAY


def test_an_import_that_is_new_would_be_seen() -> None:
    assert "whisperd/logs.py" in leads_to("whisperd/relay/factory.py")
    assert "whisperd/relay/tls.py" in leads_to("whisperd/relay/factory.py"), "for types alone"
    assert "whisperd/wire/frames.py" in leads_to("whisperd/relay/session.py")
