"""What whisperctl shows of the timer of a conversation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Row = Mapping[str, Any]


def line(row: Row, paint: Callable[[str, str], str]) -> str:
    """Return what is in force of a conversation's timer, and what is proposed: of 'chat timer' and its event."""
    words = [f"messages {_when(row['seconds'])}"]
    if row["by"] == "us":
        words.append(f"you propose that they {_when(row['proposed'])}; the other side has not accepted yet")
    elif row["by"] == "them":
        words.append(paint(f"the other side proposes that they {_when(row['proposed'])}", "strong")
                     + ". To answer, run 'whisperctl chat timer CHAT accept' or 'whisperctl chat timer CHAT refuse'")
    return "; ".join(words)


def is_time(word: str) -> bool:
    """Return whether a word says when messages disappear."""
    return word in ("off", "accept", "refuse") or word[:1].isdecimal()


def _when(timer: int) -> str:
    return f"disappear {_round(timer)} after delivery" if timer else "stay"


def _round(timer: int) -> str:
    """Return a timer in the one unit in which it is a whole number."""
    units = (("w", 604_800), ("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    return next((f"{timer // size} {unit}" for unit, size in units if timer and not timer % size), "off")


def column(row: Row) -> str:
    """Return the same of a row of 'chat list', in a few characters."""
    found = row.get("timer") or {"seconds": 0, "proposed": None, "by": None}
    shown = _round(found["seconds"])
    if found["by"] is None:
        return shown
    return f"{shown} ({'you' if found['by'] == 'us' else 'they'}: {_round(found['proposed'])}?)"
