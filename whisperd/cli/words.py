"""Words that somebody typed or piped: those that click did not understand, and those that are not text in UTF-8, which
are refused before anything is sent."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TypeVar

import click

from whisperd.errors import NotText, UsageError
from whisperd.errors.system import is_escaped

Word = TypeVar("Word")

_SEND_REST = "Convert it to UTF-8, for example with iconv(1), and send the rest."


def misuse(error: click.ClickException, program: str) -> UsageError:
    """Return the error of a command line that was not understood."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    where = context.command_path if context else program
    remedy = f"Run '{where} --help'."
    if isinstance(error, click.NoSuchOption) and context and any(param.nargs < 0 for param in context.command.params):
        remedy = f"Quote the message, or write '--' before it if it begins with '-': '{where} CHAT -- TEXT'."
    return UsageError(error.format_message().rstrip("."), remedy=remedy)


def as_text(word: Word) -> Word:
    """Return a word of the command line as text, anything else as it is; raises NotText.

    Where the locale knows ASCII only, Python escapes what is UTF-8 all the same.
    """
    if isinstance(word, tuple):
        return tuple(map(as_text, word))  # type: ignore[return-value]
    if not isinstance(word, str) or not is_escaped(word):
        return word
    try:
        return os.fsencode(word).decode("utf-8")  # type: ignore[return-value]
    except UnicodeError:
        raise NotText("an argument is not UTF-8 text; nothing was sent") from None


def line_of_input() -> str:
    """Return the first line of standard input; raises NotText or InputFailed."""
    line = sys.stdin.readline().strip()
    if is_escaped(line):
        raise NotText("the line on standard input is not UTF-8 text; nothing was sent")
    return line


def lines_of_input() -> Iterator[str]:
    """Yield the lines of standard input that are not blank; raises NotText that says which one cannot be sent."""
    for number, line in enumerate(sys.stdin, 1):
        if is_escaped(line):
            raise NotText(f"line {number} of standard input is not UTF-8 text; this line and the rest were not sent",
                          remedy=_SEND_REST)
        if line.strip():
            yield line.rstrip("\r\n")
