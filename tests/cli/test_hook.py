"""The program that is run when something new comes in."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.house import pages
from whisperd.cli.hook import Hook, hook_of
from whisperd.cli.news import NEWS
from whisperd.control.events import EVENTS
from whisperd.errors import ContactChanged, UsageError

MESSAGE = {"event": "chat-message", "chat": "c7", "id": 1, "direction": "in", "text": "a secret"}


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Writes what it was told into a pipe, and waits there for a reader."""
    import os

    os.mkfifo(tmp_path / "told")
    path = tmp_path / "notify"
    path.write_text(f'#!/bin/sh\n(echo "$WHISPERD_CHAT $WHISPERD_NEW $*"; env) >{tmp_path}/told\n')
    path.chmod(0o755)
    return path


def test_it_is_told_the_conversation_and_not_what_was_said(program: Path) -> None:
    Hook(str(program)).happened(MESSAGE)
    told = (program.parent / "told").read_text()
    assert told.splitlines()[0] == "c7 message "
    assert "a secret" not in told


@pytest.mark.parametrize(("kind", "event"), [
    ("file", {"event": "file-state", "chat": "c7", "file": "f1", "direction": "in", "filename": "a secret", "size": 1,
              "state": "offered", "reason": ""}),
    ("timer", {"event": "chat-fade", "chat": "c7", "seconds": 0, "proposed": 4_711, "by": "them"}),
    ("contact", {"event": "contact-state", "contact": "", "state": "asked", "chat": "c7"}),
    ("call", {"event": "contact-state", "contact": "a secret", "state": "called", "chat": "c7"}),
])
def test_what_somebody_has_to_decide_is_new_too(program: Path, kind: str, event: dict[str, Any]) -> None:
    assert set(event) == {"event", *EVENTS[event["event"]].fields}
    Hook(str(program)).happened(event)
    told = (program.parent / "told").read_text()
    assert told.splitlines()[0] == f"c7 {kind} " and "a secret" not in told and "4711" not in told


def test_a_contact_that_may_be_somebody_else_is_new_in_no_conversation(program: Path) -> None:
    Hook(str(program)).happened({"event": "contact-error", "contact": "a secret", "code": ContactChanged.code,
                                 "message": "", "remedy": ""})
    told = (program.parent / "told").read_text()
    assert told.splitlines()[0] == " warning " and "a secret" not in told


def test_every_kind_of_news_is_in_the_page() -> None:
    body = re.search(r"WHISPERD_NEW :(.*?)^\.El", pages.source("whisperctl.1"), re.M | re.S)
    assert body is not None and re.findall(r"^\.It Ic (\w+)", body[1], re.M) == list(NEWS)


def test_what_is_one_s_own_or_not_new_starts_nothing_and_one_that_runs_is_left_alone(program: Path) -> None:
    hook = Hook(str(program))
    for event in ({**MESSAGE, "direction": "out"}, {"event": "chat-state", "chat": "c7", "state": "away"},
                  {"event": "file-state", "chat": "c7", "direction": "in", "state": "done"},
                  {"event": "file-state", "chat": "c7", "direction": "out", "state": "offered"},
                  {"event": "chat-fade", "chat": "c7", "seconds": 0, "proposed": 600, "by": "us"},
                  {"event": "chat-fade", "chat": "c7", "seconds": 600, "proposed": None, "by": None},
                  {"event": "contact-state", "contact": "ben", "state": "calling", "chat": "c7"},
                  {"event": "contact-error", "contact": "ben", "code": "contact-absent", "message": "", "remedy": ""}):
        hook.happened(event)
    hook.happened(MESSAGE)
    hook.happened({**MESSAGE, "chat": "c8"})  # the first one waits for its reader
    assert (program.parent / "told").read_text().splitlines()[0] == "c7 message "
    while hook._running.poll() is None:
        pass
    hook.happened({**MESSAGE, "chat": "c9"})
    assert (program.parent / "told").read_text().splitlines()[0] == "c9 message "


def test_a_program_that_is_not_there_is_refused_before_anything_happens(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no program"):
        Hook(str(tmp_path / "nothing"))
    assert hook_of("") is None
