"""What counts as read: a text of the other side that was shown here, and that is known to have been shown.

The daemon hears of it afterwards. Whoever is killed in between is shown the text again by the next who asks: each text
is shown at least once, and its number tells a second time from the first. [whisperctl(1), WHAT COUNTS AS READ]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from whisperd.cli import checked_stdout
from whisperd.errors import ConversationEnded, ConversationUnknown, StoreFailed, StoreLocked

#: Texts that may have been shown before the daemon hears of it, while more of them are there.
MAX_SHOWN = 64
#: What leaves texts unread, and is no reason to show no more of them.
_NEVER_MIND = (ConversationEnded, ConversationUnknown, StoreFailed, StoreLocked)

Call = Callable[[str, dict[str, Any]], Any]


class TheirText(str):
    """A line that shows the message ``number`` of the other side of ``chat``."""

    chat: str
    number: int

    def __new__(cls, line: str, chat: str, number: int) -> TheirText:
        made = super().__new__(cls, line)
        made.chat, made.number = chat, number
        return made


class Reading:
    """Collects what was shown, and tells the daemon by ``call``, which is that of a client."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._shown: dict[str, set[int]] = {}

    def shown(self, row: dict[str, Any]) -> None:
        """An event, or a row of the history, is on standard output."""
        if row["event"] == "chat-message" and row["direction"] == "in" and row.get("unread", True):
            self.painted(row["chat"], row["id"])
            if sum(map(len, self._shown.values())) >= MAX_SHOWN:
                self.acknowledge()

    def painted(self, chat: str, number: int) -> None:
        """The message with this number is shown."""
        self._shown.setdefault(chat, set()).add(number)

    def acknowledge(self) -> None:
        """Tell the daemon; raises OutputFailed when what was shown cannot be made sure of, and the daemon's errors."""
        if self._shown:
            checked_stdout.make_sure()
        while self._shown:
            chat, numbers = self._shown.popitem()
            with suppress(*_NEVER_MIND):
                self._call("chat.read", {"chat": chat, "id": max(numbers), "after": min(numbers) - 1})


def acknowledge(call: Call, rows: Iterable[dict[str, Any]]) -> None:
    """Tell the daemon that these rows were shown."""
    reading = Reading(call)
    for row in rows:
        reading.shown(row)
    reading.acknowledge()
