"""The completion scripts of both programs for bash, zsh and fish, as click makes them."""

from __future__ import annotations

import re
from importlib.metadata import version

from whisperd.cli.shells import SCRIPTS, script

_NOTE = "# Made by click {} and 'make generated'; do not edit.\n"


def scripts() -> dict[str, str]:
    """Return the text of each script by its file's name."""
    return {name.format(program): _noted(script(program, shell))
            for program in ("whisperctl", "whisperd") for shell, name in SCRIPTS.items()}


def maker(text: str) -> str:
    """Return the version of click that made a script, as its note says."""
    found = re.search(re.escape(_NOTE).replace(r"\{\}", "(.*?)"), text)
    return found[1] if found else ""


def _noted(text: str) -> str:
    """Return a script with the note; zsh wants '#compdef' in the first line."""
    first, end, rest = text.partition("\n")
    note = _NOTE.format(version("click"))
    return f"{first}{end}{note}{rest}" if first.startswith("#compdef") else note + text
