"""The program that is run when something new comes in."""

from __future__ import annotations

from pathlib import Path

import pytest

from whisperd.cli.hook import Hook, hook_of
from whisperd.errors import UsageError

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


def test_an_offered_file_is_new_too(program: Path) -> None:
    Hook(str(program)).happened({"event": "file-state", "chat": "c7", "direction": "in", "state": "offered",
                                 "filename": "a secret"})
    told = (program.parent / "told").read_text()
    assert told.splitlines()[0] == "c7 file " and "a secret" not in told


def test_what_is_one_s_own_or_not_new_starts_nothing_and_one_that_runs_is_left_alone(program: Path) -> None:
    hook = Hook(str(program))
    for event in ({**MESSAGE, "direction": "out"}, {"event": "chat-state", "chat": "c7", "state": "away"},
                  {"event": "file-state", "chat": "c7", "direction": "in", "state": "done"}):
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
