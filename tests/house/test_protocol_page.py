"""whisperd-protocol(7) and the tables of the relay's errors, the control methods and the events say the same."""

from __future__ import annotations

import json
import re

import pytest

from tests.house import pages
from whisperd.control.commands import METHODS, Command, Param
from whisperd.control.events import EVENTS
from whisperd.wire.relay_errors import ERRORS

PAGE = "whisperd-protocol.7"


def promise(param: Param) -> str:
    """Return how the page describes a parameter."""
    kind = param.type
    if param.choices:
        kind += " out of " + ", ".join(param.choices)
    if param.low is not None:
        kind += f" from {param.low:.12g}" + (f" to {param.high:.12g}" if param.high is not None else "")
    return f"{param.name} ({kind}; {'required' if param.required else 'default ' + json.dumps(param.default)})"


def test_the_page_has_every_relay_error_and_no_other():
    assert sorted(pages.items(PAGE, "RELAY ERRORS")) == sorted(ERRORS)


@pytest.mark.parametrize("code", ERRORS)
def test_a_relay_error_has_its_text_and_its_consequences(code):
    kind = ERRORS[code]
    promises = [f"{code} {kind.message}", f"close code {kind.close}" if kind.close else "not fatal"]
    if kind.retry_after:
        promises.append(f"retry after {kind.retry_after} seconds")
    assert "; ".join(promises) in pages.text(PAGE)


@pytest.mark.parametrize("section", ["CONTROL METHODS", "CONTROL RESULTS"])
def test_the_page_has_every_method_and_no_other(section):
    assert sorted(pages.items(PAGE, section)) == sorted(METHODS)


@pytest.mark.parametrize("command", METHODS.values(), ids=lambda command: command.method)
def test_a_method_has_its_help_and_its_parameters(command: Command):
    described = " ".join([f"{command.method} {command.help} Right: {command.right}.", *map(promise, command.sent)])
    assert described in pages.text(PAGE)


def test_the_page_has_every_event_and_no_other():
    assert sorted(pages.items(PAGE, "CONTROL EVENTS")) == sorted(EVENTS)


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_has_its_help_and_its_fields(name):
    event = EVENTS[name]
    assert f"{name} {event.help} Fields: {', '.join(event.fields) or 'none'}." in pages.text(PAGE)


def test_the_vectors_that_the_page_cites_are_there():
    cited = set(re.findall(r"tests/vectors/([a-z0-9_*]+\.json)", pages.source(PAGE)))
    assert len(cited) >= 6
    assert [name for name in sorted(cited) if not list((pages.ROOT / "tests/vectors").glob(name))] == []


def test_every_vector_is_cited_by_a_page():
    cited = {name for page in pages.PAGES for name in re.findall(r"tests/vectors/([a-z0-9_*]+\.json)",
                                                               pages.source(page))}
    found = {path.name for pattern in cited for path in (pages.ROOT / "tests/vectors").glob(pattern)}
    assert {path.name for path in (pages.ROOT / "tests/vectors").glob("*.json")} == found
