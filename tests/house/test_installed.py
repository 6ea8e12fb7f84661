"""Every verb of whisperctl is run by a test of the installed programs: not root, confined, as a process."""

from __future__ import annotations

import ast
from functools import cache

import pytest

from tests.house.pages import ROOT
from whisperd.control.commands import COMMANDS

VERBS = [command.verb for command in COMMANDS]


@cache
def run() -> set[tuple[str, ...]]:
    """Return the beginnings of what tests/installed writes as arguments, one after the other, behind options."""
    found = set()
    for path in (ROOT / "tests/installed").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call | ast.List | ast.Tuple):
                words = [item.value for item in (node.args if isinstance(node, ast.Call) else node.elts)
                         if isinstance(item, ast.Constant) and isinstance(item.value, str) and item.value[:1] != "-"]
                found |= {tuple(words[start:start + size]) for size in (1, 2, 3) for start in range(len(words))}
    return found


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_run_as_it_is_installed(verb: str):
    assert tuple(verb.split()) in run()
