"""Every loop of a test that waits ends: it says until when, and a test that waits for ever says nothing."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.house.pages import ROOT

_WAITS = re.compile(r"\bsleep\(|\bawait\b|\bdeferLater\(|\bClient\(|\bnext_event\(")
_ENDS = re.compile(r"deadline|told <|await reader\.read|time\.monotonic\(\) < |< seconds|\bend\b|PATIENCE|SECONDS|"
                   r"timeout|\bwithin\b|\brounds <|\btries\b")


def loops(path: Path) -> list[str]:
    """Return the source of every ``while`` of a file that waits and does not say until when."""
    text = path.read_text()
    found = [ast.get_source_segment(text, node) or "" for node in ast.walk(ast.parse(text))
             if isinstance(node, ast.While)]
    return [loop for loop in found if _WAITS.search(loop) and not _ENDS.search(loop)]


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_loop_that_waits_has_a_deadline(path: Path):
    assert loops(path) == []


def test_one_without_is_found(tmp_path: Path):
    endless, bounded = tmp_path / "endless.py", tmp_path / "bounded.py"
    endless.write_text("while not done():\n    time.sleep(1)\n")
    bounded.write_text("while not done():\n    assert time.monotonic() < deadline\n    time.sleep(1)\n")
    assert len(loops(endless)) == 1 and loops(bounded) == []
