"""How one conversation stands in the store: its record, the payloads under way, and the texts.

Everything here is part of a transaction that somebody else begins; what an ``Entry`` knows of it is only so when that
is kept, and ``note`` puts it back when it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Any

from whisperd.peer.conversation.conversation import Conversation
from whisperd.peer.conversation.messages import Message
from whisperd.peer.persistence.ids import Ids
from whisperd.peer.records import BindingRecord, ConversationSnapshot, MessageRecord, Route, encode
from whisperd.wire.envelope import Stream

CONVERSATIONS, OUTGOING, MESSAGES = "conversation", "outgoing", "message"
#: Payloads of the files' stream that are larger are chunks, which are not kept: they are read from their file again.
_MAX_FILES = 4_096
_DAY = 86_400.0
_PROBE = "probe"

Noted = tuple[set[int], dict[int, tuple[str, float]], dict[int, float]]


@dataclass
class Entry:
    """A conversation that is kept, and what is known of what is kept of it."""

    name: str
    conversation: Conversation
    route: Callable[[], Route]
    label: bytes
    created: float
    confirmed_only: bool
    release: Callable[[], None]
    facts: Callable[[], BindingRecord]
    decide: Callable[[], None] = lambda: None
    outgoing: set[int] = field(default_factory=set)
    #: State and time of each message that is kept, by its number.
    messages: dict[int, tuple[str, float]] = field(default_factory=dict)
    #: When each of them disappears, of those that do; infinity before they are delivered. In unix seconds.
    disappearing: dict[int, float] = field(default_factory=dict)

    @property
    def nowhere(self) -> bool:
        """Whether nothing of it was to be written so far: nobody answered a call."""
        return self.confirmed_only and not self.conversation.confirmed

    def noted(self) -> Noted:
        """Return what is known of what is kept."""
        return self.outgoing, self.messages, self.disappearing

    def note(self, noted: Noted) -> None:
        """Know that of what is kept."""
        self.outgoing, self.messages, self.disappearing = noted


class Writing:
    """Puts entries into ``store``, and with them the last of ``ids``; with ``history`` what was said stays for so many
    ``days``."""

    def __init__(self, store: Any, ids: Ids, *, reactor: Any, wall: Callable[[], float], history: bool,
                 days: int) -> None:
        self._store = store
        self._ids = ids
        self._reactor = reactor
        self._wall = wall
        self._history = history
        self._days = days

    def write(self, entry: Entry) -> None:
        """Put how a conversation stands into the store."""
        conversation = entry.conversation
        if conversation.left_as_it_is:
            return
        if not conversation.lasting and not (self._history and entry.messages):
            self.remove(entry)
            return
        if entry.confirmed_only and not conversation.confirmed:
            return
        kept = conversation.dump()
        record = ConversationSnapshot(kept, entry.route(), entry.label, entry.created, entry.facts())
        self._store.put(CONVERSATIONS, entry.name, encode(record))
        self._write_outgoing(entry)
        self._write_messages(entry)

    def _write_outgoing(self, entry: Entry) -> None:
        wanted = {ticket: payload for ticket, (stream, payload) in entry.conversation.payloads().items()
                  if stream != Stream.FILES or len(payload) <= _MAX_FILES}
        for ticket in wanted.keys() - entry.outgoing:
            self._store.put(OUTGOING, f"{entry.name}/{ticket}", wanted[ticket])
        for ticket in entry.outgoing - wanted.keys():
            self._store.delete(OUTGOING, f"{entry.name}/{ticket}")
        entry.outgoing = set(wanted)

    def _write_messages(self, entry: Entry) -> None:
        wanted = {message.id: message for message in entry.conversation.messages.held(everything=self._history)}
        messages, disappearing = dict(entry.messages), dict(entry.disappearing)
        for number, message in wanted.items():
            state, at = messages.get(number, ("", self._wall()))
            if state != message.state and self._fresh(at):
                kept = MessageRecord(message.direction, message.text, message.state, at, message.timer,
                                   self._on_the_wall(message))
                if message.timer:
                    disappearing[number] = inf if kept.disappears_at is None else kept.disappears_at
                self._store.put(MESSAGES, f"{entry.name}/{number}", encode(kept))
                messages[number] = (message.state, at)
        now = self._wall()
        gone = {number for number, at in disappearing.items() if number not in wanted and (at <= now or at == inf)}
        for number in gone | (set() if self._history else messages.keys() - wanted.keys()):
            self._store.delete(MESSAGES, f"{entry.name}/{number}")
            messages.pop(number, None)
            disappearing.pop(number, None)
        entry.messages, entry.disappearing = messages, disappearing

    def probe(self) -> None:
        """Raise StoreFailed when nothing can be written."""
        with self._store.together():
            self._store.put(_PROBE, "", b"")
            self._store.delete(_PROBE, "")

    def remove(self, entry: Entry) -> None:
        """Remove all that is kept of a conversation."""
        self._store.delete(CONVERSATIONS, entry.name)
        for ticket in entry.outgoing:
            self._store.delete(OUTGOING, f"{entry.name}/{ticket}")
        for number in entry.messages:
            self._store.delete(MESSAGES, f"{entry.name}/{number}")
        noted = entry.noted()
        self._store.undo(lambda: entry.note(noted))
        entry.note((set(), {}, {}))

    def age(self, entry: Entry) -> None:
        """Remove texts that are too old, but for those that nobody else has; it stays known that they were there."""
        needed = {message.id for message in entry.conversation.messages.held(everything=False)}
        entry.messages = dict(entry.messages)
        for number, (state, at) in list(entry.messages.items()):
            if state and number not in needed and not self._fresh(at):
                self._store.delete(MESSAGES, f"{entry.name}/{number}")
                entry.messages[number] = ("", at)

    def _on_the_wall(self, message: Message) -> float | None:
        """Return when a message disappears by the clock that the next run will have, too."""
        return None if message.disappears_at is None else message.disappears_at - self._reactor.seconds() + self._wall()

    def _fresh(self, at: float) -> bool:
        return self._wall() - at < self._days * _DAY

    def sweep(self, entries: Iterable[Entry]) -> None:
        """Remove what was kept for long enough, and what belongs to no conversation."""
        names = self.names()
        with self._store.together():
            self._ids.write()
            for collection in (OUTGOING, MESSAGES):
                for key in self._store.keys(collection):
                    if key.partition("/")[0] not in names:
                        self._store.delete(collection, key)
            for entry in entries:
                self.age(entry)

    def names(self) -> set[str]:
        """Return the conversations that there are, and those of which only the history is."""
        said = {key.partition("/")[0] for key in self._store.keys(MESSAGES)} if self._history else set()
        return said | set(self._store.keys(CONVERSATIONS))

    def under(self, collection: str, name: str) -> Iterator[tuple[str, bytes]]:
        """Yield the rest of the key, and the value, of all that a collection has of one conversation."""
        for key in self._store.keys(collection):
            of, _, rest = key.partition("/")
            value = self._store.get(collection, key) if of == name else None
            if value is not None:
                yield rest, value
