"""Offering a file: whisperctl opens it, so that the daemon reads only what this user may."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from whisperd.cli.words import as_text
from whisperd.config.paths import typed
from whisperd.control.client import Client
from whisperd.errors import FileFailed, NotText
from whisperd.errors.system import is_escaped

#: Seconds that the daemon may take to read a whole file before it is offered.
READ_SECONDS = 3_600.0


def offer(client: Client, chat: str, path: str, name: str = "") -> dict[str, Any]:
    """Open the file as this user and let the daemon offer it; raises FileFailed, UsageError and the daemon's errors."""
    path = typed(path)
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe without a writer must not hold us
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        why = getattr(error, "strerror", None) or "this cannot be the name of a file"
        raise FileFailed(f"{path} cannot be read: {why}", remedy="Name an existing file.") from None
    try:
        row: dict[str, Any] = client.call("chat.send-file", {"chat": chat, "name": name or _name_of(path)},
                                          timeout=READ_SECONDS, file=file)
        return row
    finally:
        os.close(file)


def _name_of(path: str) -> str:
    """Return the last part of a path, as UTF-8: each byte that is not has '_' in its place."""
    return "".join("_" if is_escaped(character) else character for character in _utf8(os.path.basename(path)))


def _utf8(name: str) -> str:
    with suppress(NotText):  # where the locale knows ASCII only, it may be UTF-8 all the same
        return as_text(name)
    return name
