"""The completion of both programs, as shells ask for it, by click's own machinery.

A shell runs the program with ``_WHISPERCTL_COMPLETE=bash_complete`` (or ``zsh_``, ``fish_``) in its environment, and
takes what is printed. Whatever goes wrong meanwhile, nothing is offered and nothing is said: somebody is typing.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import click
from click.shell_completion import get_completion_class

#: The file of each program's completion for each shell, by the shell's name, as that shell looks for it.
SCRIPTS = {"bash": "{}.bash", "zsh": "_{}", "fish": "{}.fish"}


def variable(program: str) -> str:
    """Return the environment variable with which a shell asks ``program`` for completions."""
    return f"_{program.upper()}_COMPLETE"


def script(program: str, shell: str) -> str:
    """Return the text of the file that teaches ``shell`` to ask ``program``."""
    kind = get_completion_class(shell)
    assert kind is not None, shell
    return kind(click.Command(program), {}, program, variable(program)).source()


def whisperctl(words: list[str]) -> int:
    """Print what completes a command line of whisperctl; return 0, or 1 for nothing."""
    from whisperd.cli import ctl
    from whisperd.cli.caller import Caller

    return _answer(ctl.build(), "whisperctl", {"obj": Caller()})


def whisperd(words: list[str]) -> int:
    """Print what completes a command line of whisperd; return 0, or 1 for nothing."""
    from whisperd.cli.daemon import main

    return _answer(main.cli, "whisperd", {})


def _answer(program: click.Command, name: str, more: dict[str, Any]) -> int:
    asked, _, instruction = os.environ[variable(name)].partition("_")
    kind = get_completion_class(asked)
    if kind is None or instruction not in ("source", "complete"):
        return 1
    try:
        shell = kind(program, more, name, variable(name))
        said = shell.source() if instruction == "source" else shell.complete() + "\n"
    except Exception:  # in the middle of what somebody types there is no place to say it
        return 1
    sys.stdout.write(said)
    return 0
