"""The table of commands: what it accepts as parameters, and that it is in order itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperd.control.commands import ADMIN, COMMANDS, CONVERSE, METHODS, READ, RIGHTS, Command, Param
from whisperd.errors import UsageError


def test_methods_and_verbs_are_unique() -> None:
    assert len({command.verb for command in COMMANDS}) == len(COMMANDS)
    assert len(METHODS) == sum(1 for command in COMMANDS if command.method)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.verb)
def test_every_row_says_what_it_is(command: Command) -> None:
    for help in (command.help, *(param.help for param in command.params)):
        assert help[0].isupper() and help.endswith(".")
    for param in command.params:
        assert param.option or param.metavar, "a positional parameter shows a name in the usage line"
        assert param.type == "boolean" or param.metavar
        assert param.required or param.check(param.default) == param.default


@pytest.mark.parametrize(("value", "words"), [(0, "the minimum is 1"), (2_000_000, "the maximum is 1000000")])
def test_a_bound_is_said_in_digits(value: int, words: str) -> None:
    with pytest.raises(UsageError, match=f"{words}$"):
        Param("uses", "integer", "Uses.", low=1, high=1_000_000).check(value)


def test_what_is_left_out_gets_its_default() -> None:
    assert METHODS["chat.invite"].bind({"expiry": 60}) == {
        "relay": "", "expiry": 60, "floor": "", "access": "", "code": False}


def test_local_parameters_are_not_sent() -> None:
    with pytest.raises(UsageError, match="no parameter of this name"):
        METHODS["chat.invite"].bind({"qr": True})


@pytest.mark.parametrize(("method", "params", "words"), [
    ("status", {"verbose": True}, "its parameters are: none"),
    ("chat.send", {"chat": "c1"}, "needs the parameter text"),
    ("chat.send", {"chat": "c1", "text": 3}, "text must be a string"),
    ("chat.history", {"chat": "c1", "after": 1.0}, "after must be a whole number"),
    ("chat.history", {"chat": "c1", "after": True}, "after must be a whole number"),
    ("chat.history", {"chat": "c1", "after": -1}, "too small; the minimum is 0"),
    ("chat.invite", {"expiry": 10**9}, "too large; the maximum is 604800"),
    ("chat.invite", {"floor": "utter"}, "one of standard, enhanced, quantum-resistant"),
    ("chat.verify", {"chat": "c1", "confirm": 1}, "confirm must be true or false"),
    ("address", {"wait": "long"}, "wait must be a number"),
    ("address", {"wait": None}, "wait must be a number"),
])
def test_wrong_parameters_are_named(method: str, params: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        METHODS[method].bind(params)


@given(st.dictionaries(st.sampled_from(["chat", "text", "wait", "x"]),
                       st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers(), max_size=2)))
def test_parameters_are_bound_or_refused_and_nothing_else(params: dict) -> None:
    try:
        bound = METHODS["chat.send"].bind(params)
    except UsageError:
        return
    assert bound == params and set(bound) == {"chat", "text"}


def test_a_number_may_be_whole_or_not() -> None:
    wait = Param("wait", "number", "Seconds.", default=0, option="--wait", metavar="S", low=0, high=10)
    assert wait.check(3) == 3 and wait.check(2.5) == 2.5


def test_nothing_of_a_conversation_is_for_those_who_only_read() -> None:
    readable = {command.method for command in METHODS.values() if command.right == READ}
    assert readable == {"status", "address", "relay.limits", "metrics", "config.show", "config.diff", "log.follow",
                        "plugins"}


def test_whoever_only_reads_changes_nothing() -> None:
    assert all(command.reads_only for command in METHODS.values() if command.right == READ)


@pytest.mark.parametrize("command", METHODS.values(), ids=lambda command: command.method)
def test_methods_of_conversations_are_not_recorded_as_administrative(command: Command) -> None:
    assert command.right in RIGHTS
    if command.method.partition(".")[0] in ("chat", "events"):
        assert command.right == CONVERSE
    if command.method.partition(".")[0] in ("relay", "onion", "access"):
        assert command.right in (READ, ADMIN), "say right=ADMIN, or right=READ if it only shows"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_refused_by_every_parameter(value: float) -> None:
    for command in METHODS.values():
        for param in command.sent:
            with pytest.raises(UsageError, match=f"parameter {param.name} must be "):
                param.check(value)
    for bounds in ({}, {"low": 0, "high": 10}):
        with pytest.raises(UsageError, match="parameter wait must be a number"):
            Param("wait", "number", "Wait.", **bounds).check(value)
