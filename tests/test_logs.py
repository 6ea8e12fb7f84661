"""The log can hold only what its closed set allows."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest
from twisted.python.failure import Failure

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


# -- in a daemon nothing that logs fails -----------------------------------------------------------------------------


def lines(stream):
    return [line.split(" ", 1)[1] for line in stream.getvalue().splitlines()]


def test_an_event_that_is_none_is_told_by_its_place(production):
    logs.note("somebody-said", text="hello")
    line, = lines(production)
    assert line.startswith("error unexpected type=KeyError place=test_logs.py-")


def test_a_field_that_is_none_is_left_out_and_the_rest_is_written(production):
    logs.note("relay-refused", code="room-full", room="abc")
    assert lines(production)[1] == "debug relay-refused code=room-full"
    assert "abc" not in production.getvalue() and "type=KeyError" in production.getvalue()


@pytest.mark.parametrize("value", [None, "two words", "", "\udcff", b"bytes", 1.5, ["x"], object()])
def test_a_value_that_is_no_word_is_withheld(production, value):
    logs.note("relay-refused", code=value)
    assert lines(production)[1] == "debug relay-refused code=withheld"
    assert "type=ValueError" in production.getvalue()


class Unwritable(io.StringIO):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def write(self, text):
        raise self.error


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(5, "EIO"), OSError(28, "ENOSPC"), BlockingIOError(),
                                   ValueError("closed file"), UnicodeEncodeError("ascii", "x", 0, 1, ""),
                                   SystemExit(1)], ids=lambda error: type(error).__name__)
def test_a_stream_that_fails_is_survived_and_followers_are_told(error):
    heard = []
    stop = logs.follow(heard.append)
    logs.configure(level="debug", stream=Unwritable(error))
    logs.note("tor-state", state="up", percent=100)
    logs.unexpected(RuntimeError())
    stop()
    logs.configure()
    assert [line.event for line in heard] == ["tor-state", "unexpected"]


def test_without_a_standard_error_nothing_goes_to_standard_output(monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr", None)
    logs.note("tor-state", state="up", percent=100)
    assert capsys.readouterr().out == ""


def test_a_follower_that_raises_is_told_nothing_more_and_the_others_are(stream):
    heard = []

    def fail(line):
        raise RuntimeError

    logs.follow(fail)
    stop = logs.follow(heard.append)
    logs.note("tor-state", state="up", percent=100)
    logs.note("tor-state", state="lost", percent=0)
    stop()
    assert [line.event for line in heard if line.event == "tor-state"] == ["tor-state"] * 2
    assert stream.getvalue().count("type=RuntimeError") == 1


def test_names_of_types_and_files_may_be_anything(stream):
    raised = type("_Fehler Ä\n", (Exception,), {})()
    try:
        exec(compile("raise raised", "/x/<what is this>", "exec"), {"raised": raised})
    except Exception as error:
        logs.unexpected(error)
    assert "unexpected type=Fehler place=what-is-this--1\n" in stream.getvalue()


def test_a_failure_that_was_stripped_of_its_frames_is_told_by_its_place(stream):
    try:
        raise RuntimeError
    except RuntimeError:
        failure = Failure()
    failure.cleanFailure()
    logs.unexpected(failure.value, failure.getTracebackObject())
    assert "type=RuntimeError place=test_logs.py-" in stream.getvalue()


def test_what_python_itself_would_print_is_told_without_its_text(stream):
    code = ("import warnings; from whisperd import logs; logs.adopt_python()\n"
            "class Fails:\n def __del__(self): raise RuntimeError('swordfish')\n"
            "Fails(); warnings.warn('swordfish')\n"
            "import threading; each = threading.Thread(target=lambda: 1 / 0); each.start(); each.join()")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    kinds = [line.split("type=")[1].split(" ")[0] for line in done.stderr.splitlines()]
    assert kinds == ["RuntimeError", "UserWarning", "ZeroDivisionError"] and "swordfish" not in done.stderr
