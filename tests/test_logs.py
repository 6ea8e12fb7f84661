"""The log can hold only what its closed set allows."""

from __future__ import annotations

import io
import os

import pytest

from whisperd import logs


@pytest.fixture
def stream():
    stream = io.StringIO()
    logs.configure(level="debug", stream=stream)
    yield stream
    logs.configure()


def test_a_line_has_time_level_event_and_fields(stream):
    logs.note("tor-state", state="bootstrapping", percent=45)
    stamp, level, *rest = stream.getvalue().split()
    assert stamp.endswith("Z") and level == "info"
    assert rest == ["tor-state", "state=bootstrapping", "percent=45"]


def test_the_journal_adds_the_time_itself(stream):
    logs.configure(level="info", stream=stream, journal=True)
    logs.note("relay-listening", listeners=1)
    assert stream.getvalue() == "<6>info relay-listening listeners=1\n"


@pytest.mark.parametrize(("event", "priority"), [("control-refused", 4), ("daemon-failed", 3), ("chat-state", 7)])
def test_the_journal_is_told_the_priority(stream, event, priority):
    logs.configure(level="debug", stream=stream, journal=True)
    logs.note(event)
    assert stream.getvalue().startswith(f"<{priority}>{logs.EVENTS[event].level} {event}")


def test_the_journal_is_recognised_by_what_the_service_manager_names():
    reading, writing = os.pipe()
    status = os.fstat(writing)
    assert logs.goes_to_journal({"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}, writing)
    assert not logs.goes_to_journal({"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino + 1}"}, writing)
    assert not logs.goes_to_journal({}, writing)
    os.close(reading)
    os.close(writing)
    assert not logs.goes_to_journal({"JOURNAL_STREAM": "8:9"}, writing)


def test_an_unknown_event_cannot_be_logged(stream):
    with pytest.raises(KeyError):
        logs.note("somebody-said", text="hello")
    assert stream.getvalue() == ""


def test_an_unknown_field_cannot_be_logged(stream):
    with pytest.raises(KeyError):
        logs.note("relay-refused", code="room-full", room="abc")
    assert stream.getvalue() == ""


@pytest.mark.parametrize("value", ["two words", "line\nbreak", "", "a" * 65, "http://x/#y", "ä"])
def test_free_text_cannot_be_logged(stream, value):
    with pytest.raises(ValueError):
        logs.note("relay-refused", code=value)
    assert stream.getvalue() == ""


def test_a_line_below_the_level_is_not_written(stream):
    logs.configure(level="warning", stream=stream)
    logs.note("tor-state", state="up", percent=100)
    logs.note("daemon-failed", code="address-in-use")
    assert "tor-state" not in stream.getvalue() and "daemon-failed" in stream.getvalue()


def test_an_unexpected_failure_is_told_by_type_and_place_without_its_text(stream):
    try:
        raise RuntimeError("the secret is swordfish")
    except RuntimeError as error:
        logs.unexpected(error)
    assert "type=RuntimeError" in stream.getvalue() and "place=test_logs.py-" in stream.getvalue()
    assert "swordfish" not in stream.getvalue()


def test_every_event_has_a_known_level_and_a_meaning():
    assert all(event.level in logs.LEVELS and event.help.endswith(".") for event in logs.EVENTS.values())
