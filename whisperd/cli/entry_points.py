"""The entry points of both commands: each loads its program under the guard, or what answers a shell that completes.

Nothing else is loaded here, because a signal or a Ctrl-C may come before anything else.
"""

from __future__ import annotations

import os

from whisperd.cli import guard
from whisperd.cli.guard import Work


def whisperctl() -> int:
    """Run the command ``whisperctl`` and return its exit status."""

    def load() -> Work:
        if os.environ.get("_WHISPERCTL_COMPLETE"):
            from whisperd.cli import shells

            return shells.whisperctl
        from whisperd.cli import ctl

        return ctl.run

    return guard.run("whisperctl", load)


def whisperd() -> int:
    """Run the command ``whisperd`` and return its exit status."""
    from whisperd.cli import signals

    signals.hold()

    def load() -> Work:
        if os.environ.get("_WHISPERD_COMPLETE"):
            from whisperd.cli import shells

            return shells.whisperd
        from whisperd.cli.daemon import main

        return main.run_words

    return guard.run("whisperd", load)
