"""A hook of 'whisperctl chat watch' that hangs keeps nobody from leaving."""

from __future__ import annotations

import os
import signal

import pytest

from tests.installed.kit import Company
from tests.installed.kit.account import give
from tests.installed.two_people import Two
from whisperd.errors import DaemonUnreachable, Interrupted


@pytest.fixture
def two(company: Company) -> Two:
    return Two(company)


@pytest.fixture
def hook(two: Two) -> str:
    """Tells its number, and waits for a line that nobody writes."""
    for name in ("gate", "number"):
        os.mkfifo(two.folder / name)
        give(two.folder / name)
    return two.hook(f"#!/bin/sh\necho $$ >{two.folder}/number\nread line <{two.folder}/gate\n")


def number_of(two: Two) -> int:
    """Return the number of the hook's process, as soon as it runs."""
    return int((two.folder / "number").read_text())


def test_the_end_of_a_conversation_is_not_held_up(two: Two, hook: str) -> None:
    with two.watching("--hook", hook) as watcher:
        two.say()
        two.say()
        number = number_of(two)
        two.anna.call("chat.end", chat="c1")
        watcher.until(b"is still running; whisperctl does not wait for it")
        assert watcher.ended() == 0
        os.kill(number, 0)  # it was left alone
        os.kill(number, signal.SIGKILL)


def test_the_end_of_the_daemon_is_not_held_up(two: Two, hook: str) -> None:
    with two.watching("--hook", hook) as watcher:
        two.say()
        number = number_of(two)
        two.ben.stop()
        assert watcher.ended() == DaemonUnreachable.exit_status
        os.kill(number, signal.SIGKILL)


def test_nor_is_whoever_presses_ctrl_c(two: Two, hook: str) -> None:
    with two.watching("--hook", hook) as watcher:
        text = two.say()
        number = number_of(two)
        assert watcher.interrupt() == Interrupted.exit_status
        assert two.unread() == [text]
        os.kill(number, signal.SIGKILL)
