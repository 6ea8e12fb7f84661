"""A program of the person's own that is run when something new comes in, such as one that shows a notification.

It is told which conversation it is, and nothing of what was said: what a notification shows, others read as well.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from typing import Any

from whisperd.cli.chat_view.news import news
from whisperd.config.paths import typed
from whisperd.errors import UsageError

#: What hears of a run that went wrong: what happened, and what to do.
Complain = Callable[[str, str], None]
#: What hears of a run that went well: the events that it was for.
Done = Callable[[list[dict[str, Any]]], None]

_REMEDY = "Name an executable program, or an executable script whose first line looks like '#!/bin/sh'."
_LEFT = ("The messages for which it ran, and those that waited, stay unread as far as they still exist. Find out why "
         "it hangs, and end it by hand.")
_FAILED = "The message stays unread, and 'chat watch' shows it again. Run the program by hand to find the cause."


#: Seconds that a run may take on after the conversation has ended.
PATIENCE = 10.0


class Hook:
    """Runs ``program`` (a name in PATH or a path, without a shell) for whatever is new, each of ``news.NEWS``.

    One runs at a time: what comes meanwhile has a run of its own afterwards, one for each kind of news of a
    conversation. ``done`` and ``complain`` are called in another thread. Raises UsageError for what cannot be executed.
    """

    def __init__(self, program: str, done: Done = lambda events: None,
                 complain: Complain = lambda message, remedy: None, patience: float = PATIENCE) -> None:
        self._program = executable(program)
        self._done = done
        self._complain = complain
        self._changed = threading.Condition()
        self._waiting: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self._busy = False
        self._left = False
        self._patience = patience

    def happened(self, event: dict[str, Any]) -> None:
        """Run the program if ``event`` is something new of the other side."""
        kind = news(event)
        if not kind:
            return
        with self._changed:
            if self._left:
                return
            self._waiting.setdefault((event.get("chat", ""), kind), []).append(event)
            if self._busy:
                return
            self._busy = True
        self._run_next()

    def finish(self) -> None:
        """Wait until it has run for all that was new, but not for ever: a run that hangs goes on by itself, is
        complained of, and none follows it."""
        with self._changed:
            if self._changed.wait_for(lambda: not self._busy, self._patience):
                return
            self._left = True
            self._waiting.clear()
        self._complain(f"the hook {self._program} is still running; whisperctl does not wait for it", _LEFT)

    def _run_next(self) -> None:
        """Start the program for what waits longest, or be idle."""
        while True:
            with self._changed:
                if not self._waiting:
                    self._busy = False
                    self._changed.notify_all()
                    return
                chat, kind = next(iter(self._waiting))
                events = self._waiting.pop((chat, kind))
            try:
                running = self._start(chat, kind)
            except OSError as error:
                self._complain(f"the hook {self._program} could not be run: {error.strerror}", _FAILED)
                continue
            threading.Thread(target=self._await, args=(running, events), daemon=True).start()
            return

    def _start(self, chat: str, kind: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [self._program], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "WHISPERD_CHAT": chat, "WHISPERD_NEW": kind}, start_new_session=True)

    def _await(self, running: subprocess.Popen[bytes], events: list[dict[str, Any]]) -> None:
        status = running.wait()
        try:
            if self._left:  # nobody counts on it any more
                return
            if status == 0:
                self._done(events)
            else:
                self._complain(f"the hook {self._program} {_outcome(status)}", _FAILED)
        finally:
            self._run_next()


def executable(program: str) -> str:
    """Return the path of what the kernel can execute under this name or path; raises UsageError."""
    named = typed(program)
    found = shutil.which(named)
    if found is None:
        if not os.path.isfile(named):
            raise UsageError(f"the program {program!r} of --hook was not found", remedy=_REMEDY)
        if os.access(named, os.X_OK):
            raise UsageError(f"the program {program!r} of --hook was not found in PATH",
                             remedy=f"For the file in this folder, write './{named}'.")
        raise UsageError(f"the program {program!r} of --hook is not executable", remedy="Make it executable: chmod "
                         f"+x {named}")
    path = os.path.abspath(found)
    try:
        with open(path, "rb") as file:
            start = file.read(256)
    except OSError:  # what may be executed and not be read is no script
        return path
    if start.startswith(b"#!"):
        words = os.fsdecode(start[2:].partition(b"\n")[0]).strip(" \t").split(" ")
        if not os.path.isfile(words[0]) or not os.access(words[0], os.X_OK):
            raise UsageError(f"the program {program!r} of --hook must be run by {words[0]!r}, which is not executable",
                             remedy="Correct its first line. It must not end with spaces or a carriage return.")
    elif not start.startswith(b"\x7fELF"):
        raise UsageError(f"the file {program!r} of --hook is not a program and does not begin with "
                         "'#!'", remedy=_REMEDY)
    return path


def _outcome(status: int) -> str:
    if status > 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def hook_of(program: str, done: Done = lambda events: None,
            complain: Complain = lambda message, remedy: None) -> Hook | None:
    """Return the hook that was asked for, if one was."""
    return Hook(program, done, complain) if program else None
