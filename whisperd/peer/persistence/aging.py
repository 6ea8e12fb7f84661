"""Texts whose time is over: those that are to disappear, and those that are too old for the history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Protocol

from whisperd.errors import WhisperdError
from whisperd.peer.persistence.clocks import Clocks
from whisperd.peer.persistence.entries import Entry, Writing
from whisperd.timers import OneShot


@dataclass(frozen=True)
class AgingTiming:
    """In seconds: between two looks for what is too old, and how long a conversation has to forget a text by itself
    before it is asked for in its place."""

    sweep: float = 3_600.0
    grace: float = 1.0


class Entries(Protocol):
    """What is asked of those who persist conversations; ``WriteAhead`` has the shape."""

    def entries(self) -> list[Entry]:
        """Return the conversations that are persisted."""

    def changed(self, name: str) -> None:
        """Write this conversation before this turn is over."""

    def troubled(self, error: WhisperdError) -> None:
        """Say that the store cannot be written."""


class Aging:
    """Removes texts from the store when their time is over; ``emit(name, **fields)`` takes events."""

    def __init__(self, entries: Entries, writing: Writing, clocks: Clocks, emit: Callable[..., object],
                 timing: AgingTiming) -> None:
        self._entries = entries
        self._writing = writing
        self._clocks = clocks
        self._emit = emit
        self._timing = timing
        self._disappearing = OneShot(clocks.reactor, self._remove_due)
        self._sweeping = OneShot(clocks.reactor, self.sweep)

    def expect_next(self, entry: Entry) -> None:
        """Look again when the next text is to disappear that the conversation may not hold any more."""
        due = min(entry.disappearing.values(), default=inf)
        if due != inf:
            self._disappearing.start_earlier(max(0.0, due - self._clocks.wall()) + self._timing.grace)

    def sweep(self) -> None:
        """Remove what is too old and what belongs to no conversation, now and every so often."""
        self._sweeping.start(self._timing.sweep)
        try:
            self._writing.sweep(self._entries.entries())
        except WhisperdError as error:
            self._entries.troubled(error)

    def stop(self) -> None:
        """Remove nothing any more."""
        self._disappearing.cancel()
        self._sweeping.cancel()

    def _remove_due(self) -> None:
        """Remove what the conversation does not hold any more, but for a clock that was set: then that says when."""
        now = self._clocks.wall()
        for entry in self._entries.entries():
            if due := {number for number, at in entry.disappearing.items() if at <= now}:
                due -= {message.id for message in entry.conversation.messages.held(everything=True)}
                for number in sorted(due):
                    self._emit("message-state", chat=entry.name, id=number, state="disappeared")
            if due:
                self._entries.changed(entry.name)
            else:
                self.expect_next(entry)
