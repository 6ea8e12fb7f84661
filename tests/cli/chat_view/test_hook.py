"""The program that is run when something new comes in."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.house import pages
from whisperd.cli.chat_view.hook import Hook, hook_of
from whisperd.cli.chat_view.news import NEWS
from whisperd.control.events import EVENTS
from whisperd.errors import ContactChanged, UsageError

MESSAGE = {"event": "chat-message", "chat": "c7", "id": 1, "direction": "in", "text": "a secret"}


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Writes what it was told into a pipe, and waits there for a reader."""
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
    ("timer", {"event": "chat-timer", "chat": "c7", "seconds": 0, "proposed": 4_711, "by": "them"}),
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


def test_what_is_one_s_own_or_not_new_starts_nothing_and_what_comes_during_a_run_has_one_afterwards(
        tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    program = tmp_path / "notify"
    program.write_text(f'#!/bin/sh\n[ $WHISPERD_CHAT != c7 ] || read line <{tmp_path}/gate\n'
                       f'echo $WHISPERD_CHAT >>{tmp_path}/told\n')
    program.chmod(0o755)
    done: list[list[dict[str, Any]]] = []
    hook = Hook(str(program), done.append)
    for event in ({**MESSAGE, "direction": "out"}, {"event": "chat-state", "chat": "c7", "state": "away"},
                  {"event": "file-state", "chat": "c7", "direction": "in", "state": "done"},
                  {"event": "file-state", "chat": "c7", "direction": "out", "state": "offered"},
                  {"event": "chat-timer", "chat": "c7", "seconds": 0, "proposed": 600, "by": "us"},
                  {"event": "chat-timer", "chat": "c7", "seconds": 600, "proposed": None, "by": None},
                  {"event": "contact-state", "contact": "ben", "state": "calling", "chat": "c7"},
                  {"event": "contact-error", "contact": "ben", "code": "contact-absent", "message": "", "remedy": ""}):
        hook.happened(event)
    hook.happened(MESSAGE)
    for number in (2, 3):
        hook.happened({**MESSAGE, "chat": "c8", "id": number})
    assert not (tmp_path / "told").exists() and not done, "the first one waits"
    (tmp_path / "gate").write_text("go\n")
    hook.finish()
    assert (tmp_path / "told").read_text().split() == ["c7", "c8"]
    assert [[(event["chat"], event["id"]) for event in events] for events in done] == [
        [("c7", 1)], [("c8", 2), ("c8", 3)]]


def test_a_program_that_is_not_there_is_refused_before_anything_happens(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="was not found"):
        Hook(str(tmp_path / "nothing"))
    with pytest.raises(UsageError, match="was not found"):
        Hook(str(tmp_path))
    assert hook_of("") is None


@pytest.mark.parametrize(("content", "mode", "match"), [
    (b"#!/bin/sh\n", 0o644, "is not executable"),
    (b"echo new\n", 0o755, "does not begin with '#!'"),
    (b"", 0o755, "does not begin with '#!'"),
    (b"#!/nowhere/python3\n", 0o755, "'/nowhere/python3', which is not executable"),
    (b"#!/bin/sh\r\n", 0o755, r"'/bin/sh\\r', which is not executable"),
    (b"#!/etc/passwd\n", 0o755, "'/etc/passwd', which is not executable"),
    (b"#!\n", 0o755, "which is not executable"),
])
def test_what_the_kernel_would_not_execute_is_refused_before_anything_happens(
        tmp_path: Path, content: bytes, mode: int, match: str) -> None:
    path = tmp_path / "hook"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(UsageError, match=match) as caught:
        Hook(str(path))
    assert caught.value.remedy


@pytest.mark.parametrize("start", ["#!/bin/sh", "#! /bin/sh", "#!/usr/bin/env -S sh", "#!/bin/sh -e \t"])
def test_what_the_kernel_executes_is_taken(tmp_path: Path, start: str) -> None:
    path = tmp_path / "hook"
    path.write_text(f"{start}\n")
    path.chmod(0o755)
    done: list[list[dict[str, Any]]] = []
    for program in (str(path), "true"):
        hook = Hook(program, done.append)
        hook.happened(MESSAGE)
        hook.finish()
    assert done == [[MESSAGE]] * 2


@pytest.mark.parametrize(("script", "said"), [
    ("exit 3", "ended with status 3"), ("kill -9 $$", "was ended by SIGKILL"), ("rm $0; kill -40 $$", "by signal 40")])
def test_a_run_that_goes_wrong_is_said_and_counts_for_nothing(tmp_path: Path, script: str, said: str) -> None:
    path = tmp_path / "hook"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    done: list[list[dict[str, Any]]] = []
    complaints: list[str] = []
    hook = Hook(str(path), done.append, lambda message, remedy: complaints.append(message))
    hook.happened(MESSAGE)
    hook.finish()
    path.unlink(missing_ok=True)
    hook.happened(MESSAGE)
    hook.finish()
    assert not done and len(complaints) == 2
    assert said in complaints[0] and "could not be run: No such file" in complaints[1]


def test_a_program_of_this_folder_that_is_not_in_the_path_is_named_with_its_folder(program: Path, monkeypatch) -> None:
    monkeypatch.chdir(program.parent)
    with pytest.raises(UsageError) as caught:
        Hook("notify")
    assert "'./notify'" in caught.value.remedy
    program.chmod(0o644)
    with pytest.raises(UsageError) as caught:
        Hook("notify")
    assert "chmod +x notify" in caught.value.remedy


def test_a_run_that_hangs_is_left_to_itself_and_counts_for_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    program = tmp_path / "notify"
    program.write_text(f"#!/bin/sh\nread line <{tmp_path}/gate\necho run >>{tmp_path}/told\n")
    program.chmod(0o755)
    done: list[list[dict[str, Any]]] = []
    complaints: list[str] = []
    hook = Hook(str(program), done.append, lambda message, remedy: complaints.append(message), patience=0.0)
    hook.happened(MESSAGE)
    hook.happened({**MESSAGE, "id": 2})
    hook.finish()
    assert complaints == [f"the hook {program} is still running; whisperctl does not wait for it"]
    (tmp_path / "gate").write_text("go\n")
    hook.happened({**MESSAGE, "id": 3})
    with hook._changed:
        assert hook._changed.wait_for(lambda: not hook._busy, 60)
    assert not done and (tmp_path / "told").read_text() == "run\n", "none has followed"
