"""Every line of the log and every event is asked for by a name and by fields that exist, in every branch."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.pages import ROOT
from whisperd import logs
from whisperd.control import events

SOURCES = sorted((ROOT / "whisperd").rglob("*.py"))
#: The one place that hands on what an effect holds, whatever it is.
HANDED_ON = {"whisperd/peer/conversation/executor.py"}


def calls(path: Path, *names: str) -> Iterator[ast.Call]:
    """Yield the calls of a function or method of one of these names."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and (getattr(node.func, "attr", None) in names
                                           or getattr(node.func, "id", None) in names):
            yield node


def asked(call: ast.Call) -> tuple[object, set[str | None]]:
    """Return the name that is asked for, None if it is not written there, and the fields."""
    first = call.args[0] if call.args else None
    name = first.value if isinstance(first, ast.Constant) else None
    return name, {keyword.arg for keyword in call.keywords}


def noted() -> list[tuple[str, ast.Call]]:
    return [(str(path.relative_to(ROOT)), call) for path in SOURCES if path.name != "logs.py"
            for call in calls(path, "note") if getattr(getattr(call.func, "value", None), "id", "logs") == "logs"]


@pytest.mark.parametrize(("place", "call"), noted(), ids=lambda each: each if isinstance(each, str) else each.lineno)
def test_a_line_of_the_log_has_an_event_and_fields_that_exist(place, call):
    name, fields = asked(call)
    assert name in logs.EVENTS and len(call.args) == 1, f"{place}:{call.lineno}"
    assert fields <= set(logs.EVENTS[name].fields), f"{place}:{call.lineno}"


def test_the_calls_are_found():
    assert {asked(call)[0] for _, call in noted()} == set(logs.EVENTS) - {"unexpected", "log-lines-lost"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_event_has_exactly_its_fields(path):
    for call in calls(path, "_emit", "emit"):
        name, fields = asked(call)
        if name is None and str(path.relative_to(ROOT)) in HANDED_ON:
            continue
        assert name in events.EVENTS, f"{path}:{call.lineno}"
        assert fields == set(events.EVENTS[name].fields), f"{path}:{call.lineno}"
