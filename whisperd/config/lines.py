"""Where in the file a mistake of the configuration stands: the line of the key that an error's message names."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from whisperd.errors import WhisperdError

_NAMED = re.compile(r"\b([a-z]+)\.([a-z0-9_]+)\b")
_HEADER = re.compile(r"\s*\[\s*([\w-]+)\s*\]")
#: Largest file that is searched, in characters.
_MAX = 1_000_000


@contextmanager
def located(path: Path | str | None) -> Iterator[None]:
    """Have a WhisperdError raised inside say at which line of the file ``path`` the key stands that it names."""
    try:
        yield
    except WhisperdError as error:
        if path is not None:
            locate(error, path)
        raise


def locate(error: WhisperdError, path: Path | str) -> None:
    """Add ``(PATH, line N)`` to the message, if the first of the keys that it names stands in the file."""
    text = ""
    with suppress(OSError, ValueError):
        if Path(path).is_file():
            with Path(path).open(encoding="utf-8") as file:
                text = file.read(_MAX + 1)
    if not 0 < len(text) <= _MAX or (error.message.endswith(")") and f"({path}, line " in error.message):
        return
    for section, name in _NAMED.findall(error.message):
        if number := line_of(text, section, name):
            error.args = (f"{error.message} ({path}, line {number})",)
            return


def line_of(text: str, section: str, name: str) -> int | None:
    """Return the number of the line of TOML on which the key ``name`` of ``section`` begins; None if it does not stand
    there, or in another way than ``[section]`` and ``name =``."""
    lines, inside = text.splitlines(keepends=True), False
    begins = re.compile(rf"\s*(?:{re.escape(name)}|\"{re.escape(name)}\"|'{re.escape(name)}')\s*=")
    for number, line in enumerate(lines):
        header = _HEADER.match(line)
        if (header or (inside and begins.match(line))) and _whole("".join(lines[:number])):
            if header:
                inside = header[1] == section
            else:
                return number + 1
    return None


def _whole(text: str) -> bool:
    """Return whether these lines are TOML by themselves, so that the next is not inside of a value."""
    try:
        tomllib.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
