"""The quoted strings in what tor's control port answers, as tor escapes them [control-spec, 2.1.1]."""

from __future__ import annotations

import os
import re

_A_QUOTED = r'"(?:[^"\\]|\\.)*"'
#: A value: a quoted string, which may contain spaces and escaped quotes, or a word.
VALUE = rf"{_A_QUOTED}|\S+"

_QUOTED = re.compile(_A_QUOTED, re.DOTALL)
_VALUE = re.compile(VALUE, re.DOTALL)
_ESCAPE = re.compile(rb"\\([0-3]?[0-7]{1,2}|.)", re.DOTALL)
_CONTROLS = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}


def values(text: str) -> list[str]:
    """Return the values that stand beside each other in ``text``, in plain words."""
    return [plain(value) for value in _VALUE.findall(text)]


def plain(value: str) -> str:
    """Return what a value means: a quoted string without its quotes and escapes, and a word as it is.

    Bytes that are not UTF-8 become what ``os.fsdecode`` makes of them: most quoted strings are paths."""
    if not _QUOTED.fullmatch(value):
        return value
    return os.fsdecode(_ESCAPE.sub(_escaped, value[1:-1].encode(errors="surrogateescape")))


def _escaped(match: re.Match[bytes]) -> bytes:
    escape = match[1]
    return bytes([int(escape, 8)]) if escape.isdigit() and escape < b"8" else _CONTROLS.get(escape, escape)
