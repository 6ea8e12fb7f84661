"""A program of the person's own that is run when something new comes in, such as one that shows a notification.

It is told which conversation it is, and nothing of what was said: what a notification shows, others read as well.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Any

from whisperd.cli.news import news
from whisperd.config_paths import typed
from whisperd.errors import UsageError


class Hook:
    """Runs ``program`` (a name in PATH or a path, without a shell) for whatever is new, each of ``news.NEWS``.

    While it still runs, nothing more is started. Raises UsageError when there is no such program.
    """

    def __init__(self, program: str) -> None:
        found = shutil.which(typed(program))
        if found is None:
            raise UsageError(f"there is no program {program!r} for --hook", remedy="Name one that can be executed.")
        self._program = found
        self._running: subprocess.Popen[bytes] | None = None

    def happened(self, event: dict[str, Any]) -> None:
        """Run the program if ``event`` is something new of the other side."""
        kind = news(event)
        if not kind or (self._running is not None and self._running.poll() is None):
            return
        self._running = subprocess.Popen(
            [self._program], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "WHISPERD_CHAT": event.get("chat", ""), "WHISPERD_NEW": kind}, start_new_session=True)


def hook_of(program: str) -> Hook | None:
    """Return the hook that was asked for, if one was."""
    return Hook(program) if program else None
