"""How one conversation stands in the store: its record, the payloads under way, and the texts.

Everything here is part of a transaction that somebody else begins; what an ``Entry`` knows of the store is only so when
that transaction is committed, and ``note`` puts it back when it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, Protocol

from whisperd.interfaces import Store
from whisperd.peer.conversation.messages import Message
from whisperd.peer.persistence.clocks import Clocks
from whisperd.peer.persistence.ids import Ids
from whisperd.peer.records import (
    BindingRecord,
    ConversationRecord,
    ConversationSnapshot,
    MessageRecord,
    Route,
    decode,
    encode,
)
from whisperd.wire.envelope import Stream

CONVERSATIONS, OUTGOING, MESSAGES = "conversation", "outgoing", "message"
#: Payloads of the files' stream that are larger are chunks, which are not stored: they are read from their file again.
_MAX_FILES = 4_096
#: Rows of the history that are read at a time.
_MAX_ROWS = 1_000
_DAY = 86_400.0
_PROBE = "probe"

Noted = tuple[set[int], dict[int, tuple[str, float]], dict[int, float]]


@dataclass(frozen=True)
class Retention:
    """Whether texts stay in the store once both sides have them, and for how many days."""

    history: bool = False
    days: int = 1


class Texts(Protocol):
    """The texts of a conversation that is persisted."""

    def held(self, *, everything: bool) -> Sequence[Message]:
        """Return the texts, or those that nobody else has."""


class Persistent(Protocol):
    """What is asked of a conversation that is persisted; ``peer.conversation`` has the shape."""

    @property
    def name(self) -> str:
        """Its id."""

    @property
    def state(self) -> str:
        """A word of ``conversation.states``."""

    @property
    def resumable(self) -> bool:
        """Whether there is something to go on with after a restart."""

    @property
    def confirmed(self) -> bool:
        """Whether there is a key that both sides have used."""

    @property
    def left_as_it_is(self) -> bool:
        """Whether the store's record is not to be changed by this daemon."""

    def dump(self) -> ConversationRecord:
        """Return all but payloads and texts."""

    def payloads(self) -> Mapping[int, tuple[int, bytes]]:
        """Return stream and payload of what waits or is not acknowledged, by ticket."""

    @property
    def messages(self) -> Texts:
        """Its texts."""

    def written(self) -> None:
        """A store has everything as it is now, and is to have what changes from now on before it is forgotten here."""


@dataclass
class Entry:
    """A conversation that is persisted, and what is known of its part of the store.

    ``release()`` does what was held until it was written, and ``decide()`` writes, in the same transaction, what
    follows from that. With ``confirmed_only`` there is no record before the key is confirmed."""

    conversation: Persistent
    route: Callable[[], Route]
    binding: Callable[[], BindingRecord]
    release: Callable[[], None]
    created: float
    label: bytes = field(default=b"", repr=False)
    confirmed_only: bool = False
    decide: Callable[[], None] = lambda: None
    outgoing: set[int] = field(default_factory=set)
    #: State and time of each message that is stored, by its number.
    messages: dict[int, tuple[str, float]] = field(default_factory=dict)
    #: When each of them disappears, of those that do; infinity before they are delivered. In unix seconds.
    disappearing: dict[int, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The id of the conversation."""
        return self.conversation.name

    @property
    def nowhere(self) -> bool:
        """Whether nothing of it was to be written so far: nobody answered a call."""
        return self.confirmed_only and not self.conversation.confirmed

    def noted(self) -> Noted:
        """Return what is known of the store."""
        return self.outgoing, self.messages, self.disappearing

    def note(self, noted: Noted) -> None:
        """Know that of the store."""
        self.outgoing, self.messages, self.disappearing = noted


class Writing:
    """Puts entries into ``store``, and with them the last of ``ids``."""

    def __init__(self, store: Store, ids: Ids, clocks: Clocks, retention: Retention) -> None:
        self._store = store
        self._ids = ids
        self._clocks = clocks
        self._retention = retention

    def write(self, entry: Entry) -> None:
        """Put how a conversation stands into the store."""
        conversation = entry.conversation
        if conversation.left_as_it_is:
            return
        if not conversation.resumable and not (self._retention.history and entry.messages):
            self.remove(entry)
            return
        if entry.nowhere:
            return
        snapshot = ConversationSnapshot(conversation.dump(), entry.route(), entry.label, entry.created, entry.binding())
        self._store.put(CONVERSATIONS, entry.name, encode(snapshot))
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
        history = self._retention.history
        wanted = {message.id: message for message in entry.conversation.messages.held(everything=history)}
        messages, disappearing = dict(entry.messages), dict(entry.disappearing)
        for number, message in wanted.items():
            state, at = messages.get(number, ("", self._clocks.wall()))
            if state != message.state and self._fresh(at):
                record = MessageRecord(message.direction, message.text, message.state, at, message.timer,
                                       self._on_the_wall(message))
                if message.timer:
                    disappearing[number] = inf if record.disappears_at is None else record.disappears_at
                self._store.put(MESSAGES, f"{entry.name}/{number}", encode(record))
                messages[number] = (message.state, at)
        now = self._clocks.wall()
        gone = {number for number, at in disappearing.items() if number not in wanted and (at <= now or at == inf)}
        for number in gone | (set() if history else messages.keys() - wanted.keys()):
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
        """Remove all that the store has of a conversation."""
        self._store.delete(CONVERSATIONS, entry.name)
        for ticket in entry.outgoing:
            self._store.delete(OUTGOING, f"{entry.name}/{ticket}")
        for number in entry.messages:
            self._store.delete(MESSAGES, f"{entry.name}/{number}")
        noted = entry.noted()
        self._store.undo(lambda: entry.note(noted))
        entry.note((set(), {}, {}))

    def history(self, entry: Entry, after: int) -> list[dict[str, Any]] | None:
        """Return what was said with a number above ``after``, None where the store has no more than memory."""
        if not self._retention.history:
            return None
        rows = []
        now = self._clocks.wall()
        there = (number for number in entry.messages if number > after and entry.disappearing.get(number, inf) > now)
        for number in sorted(there)[:_MAX_ROWS]:
            value = self._store.get(MESSAGES, f"{entry.name}/{number}")
            if value is not None:
                record = decode(value, MessageRecord)
                rows.append({"id": number, "direction": record.direction, "text": record.text, "state": record.state,
                             "timer": record.timer})
        return rows

    def sweep(self, entries: Iterable[Entry]) -> None:
        """Remove texts whose days are over, and what belongs to no conversation."""
        names = self.names()
        with self._store.together():
            self._ids.write()
            for collection in (OUTGOING, MESSAGES):
                for key in self._store.keys(collection):
                    if key.partition("/")[0] not in names:
                        self._store.delete(collection, key)
            for entry in entries:
                self._age(entry)

    def names(self) -> set[str]:
        """Return the conversations that there are, and those of which only the history is."""
        said = {key.partition("/")[0] for key in self._store.keys(MESSAGES)} if self._retention.history else set()
        return said | set(self._store.keys(CONVERSATIONS))

    def under(self, collection: str, name: str) -> Iterator[tuple[str, bytes]]:
        """Yield the rest of the key, and the value, of all that a collection has of one conversation."""
        for key in self._store.keys(collection):
            of, _, rest = key.partition("/")
            value = self._store.get(collection, key) if of == name else None
            if value is not None:
                yield rest, value

    def _age(self, entry: Entry) -> None:
        """Remove texts that are too old, but for those that nobody else has; it stays known that they were there."""
        needed = {message.id for message in entry.conversation.messages.held(everything=False)}
        entry.messages = dict(entry.messages)
        for number, (state, at) in list(entry.messages.items()):
            if state and number not in needed and not self._fresh(at):
                self._store.delete(MESSAGES, f"{entry.name}/{number}")
                entry.messages[number] = ("", at)

    def _on_the_wall(self, message: Message) -> float | None:
        """Return when a message disappears by the clock that the next run will have, too."""
        return None if message.disappears_at is None else self._clocks.on_the_wall(message.disappears_at)

    def _fresh(self, at: float) -> bool:
        return self._clocks.wall() - at < self._retention.days * _DAY
