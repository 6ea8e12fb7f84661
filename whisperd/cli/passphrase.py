"""Asking for passphrases: on the terminal without showing them, or as lines of standard input."""

from __future__ import annotations

import getpass
import sys

from whisperd.cli.checked_stdout import complain
from whisperd.errors import Interrupted, NotText, StoreKeyMissing, UsageError
from whisperd.errors.system import is_escaped
from whisperd.store.passphrases import checked

#: How often a person may mistype.
TRIES = 3


def can_ask() -> bool:
    """Whether somebody sits at a terminal."""
    return sys.stdin is not None and sys.stdin.isatty()


def ask(question: str) -> str:
    """Return what was typed, or the next line of standard input; raises Interrupted or StoreKeyMissing."""
    if can_ask():
        try:
            return getpass.getpass(f"{question}: ", stream=None)
        except (KeyboardInterrupt, EOFError):
            raise Interrupted from None
    line = sys.stdin.readline()
    if not line:
        raise StoreKeyMissing("there is no passphrase on standard input",
                              remedy="Run it on a terminal, or write the passphrase as one line to standard input.")
    return line.rstrip("\r\n")


def ask_new(question: str) -> str:
    """Return a passphrase that was typed twice, long enough; somebody at a terminal may mistype it.

    Raises UsageError, NotText, Interrupted or StoreKeyMissing."""
    for _ in range(TRIES - 1 if can_ask() else 0):
        try:
            return _new(question)
        except (UsageError, NotText) as error:
            complain(f"{error.message[0].upper()}{error.message[1:]}. {error.remedy}\n")
    return _new(question)


def _new(question: str) -> str:
    typed = ask(question)
    checked(typed)
    if is_escaped(typed):
        raise NotText("the passphrase is not UTF-8 text", remedy="Choose one that you can type on this terminal.")
    if can_ask() and ask(f"{question}, again") != typed:
        raise UsageError("the two passphrases are different", remedy="Type the same one twice.")
    return typed
