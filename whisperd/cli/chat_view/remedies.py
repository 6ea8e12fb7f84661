"""Remedies as 'whisperctl chat open' shows them: they name what can be typed there instead of a shell command."""

from __future__ import annotations

import re

#: Verbs of whisperctl that the view has under another name.
_NAMES = {"list": "chats"}
_CHAT = re.compile(r"(?:\b([Rr])un )?'(?:whisperctl )?chat (verify|timer|files|accept|refuse|cancel|end|send-file|list)"
                   r"(?: (?:CHAT|c\d+))?((?: [^']*)?)'")
_SAVE = re.compile(r"(?:\b([Rr])un )?'(?:whisperctl )?contact save \S+ NAME'")


def for_view(text: str) -> str:
    """Return ``text`` with each command for a shell that the view has, too, as it is typed there."""
    return _SAVE.sub(lambda found: f"{_typed(found[1])}'/save NAME'", _CHAT.sub(_in_view, text))


def _in_view(found: re.Match[str]) -> str:
    return f"{_typed(found[1])}'/{_NAMES.get(found[2], found[2])}{found[3].replace('--yes', 'yes')}'"


def _typed(run: str | None) -> str:
    return {"R": "Type ", "r": "type "}.get(run or "", "")
