"""What answers look like: every method has a shape, and nothing else passes for an answer."""

from __future__ import annotations

from typing import Any

import pytest

from whisperd.control.answers import RESULTS, is_event, is_result
from whisperd.control.commands import METHODS
from whisperd.control.events import EVENTS

NOTHING = [None, True, 7, 1.5, "x", [7], ["x"], [None], [{}], {}, {"other": 1}, [{"other": 1}]]


def test_every_method_has_a_shape_and_nothing_else_has() -> None:
    assert sorted(RESULTS) == sorted(METHODS)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", NOTHING, ids=repr)
def test_what_is_no_answer_does_not_pass(method: str, value: Any) -> None:
    assert not is_result(method, value)


@pytest.mark.parametrize("value", [{"chat": "c1", "state": "ended"}, {"chat": "c1", "state": "ended", "more": 1}])
def test_what_stands_there_besides_is_left_alone(value: Any) -> None:
    assert is_result("chat.end", value) and not is_result("chat.end", {**value, "state": None})


def test_a_number_is_no_truth_and_a_truth_no_number() -> None:
    assert is_result("chat.read", {"chat": "c1", "unread": 0})
    assert not is_result("chat.read", {"chat": "c1", "unread": True})
    assert not is_result("relay.resume", {"draining": 1})


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_has_its_fields(name: str) -> None:
    assert is_event({"event": name}) == (not EVENTS[name].fields)
    assert not is_event({}) and not is_event([]) and not is_event({"event": 7})
    assert is_event({"event": "of-a-later-version", "more": 1})
