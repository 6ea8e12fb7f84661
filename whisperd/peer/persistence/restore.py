"""From the records of the store back to conversations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf

from whisperd.errors import PluginUnknown, WhisperdError
from whisperd.interfaces import Store
from whisperd.peer.conversation.conversation import Conversation
from whisperd.peer.conversation.messages import Message
from whisperd.peer.conversation.opening import invite_keys
from whisperd.peer.conversation.origin import Bounds, Origin
from whisperd.peer.handshake.suites import Suites
from whisperd.peer.persistence.clocks import Clocks
from whisperd.peer.persistence.entries import CONVERSATIONS, MESSAGES, OUTGOING, Noted, Writing
from whisperd.peer.persistence.ids import Ids, number_of
from whisperd.peer.records import ConversationSnapshot, MessageRecord, decode, exported


@dataclass(frozen=True)
class Found:
    """One conversation as the store has it."""

    name: str
    snapshot: ConversationSnapshot
    messages: list[Message]
    payloads: dict[int, bytes] = field(repr=False)
    noted: Noted


class Reading:
    """Reads from ``store`` what ``Writing`` has written there in earlier runs."""

    def __init__(self, store: Store, ids: Ids, writing: Writing, clocks: Clocks) -> None:
        self._store = store
        self._ids = ids
        self._writing = writing
        self._clocks = clocks

    def read(self) -> Iterator[Found]:
        """Yield the conversations of a durable store, the oldest first. Raises StoreDamaged."""
        if not self._store.durable:
            return
        for name in sorted(self._writing.names(), key=number_of):
            self._ids.found(name)
            yield self._found(name, self._store.get(CONVERSATIONS, name))

    def _found(self, name: str, record: bytes | None) -> Found:
        messages = {int(key): decode(value, MessageRecord) for key, value in self._writing.under(MESSAGES, name)}
        payloads = {int(key): value for key, value in self._writing.under(OUTGOING, name)}
        snapshot = exported(max(messages)) if record is None else decode(record, ConversationSnapshot)
        disappearing = {number: inf if one.disappears_at is None else one.disappears_at
                        for number, one in messages.items() if one.timer}
        noted = set(payloads), {number: (one.state, one.at) for number, one in messages.items()}, disappearing
        texts = [Message(number, one.direction, one.text, one.state, one.timer, self._in_this_run(one))
                 for number, one in sorted(messages.items())]
        return Found(name, snapshot, texts, payloads, noted)

    def _in_this_run(self, record: MessageRecord) -> float | None:
        """Return when a text disappears, by the clock of this run."""
        if record.disappears_at is None:
            return None
        return self._clocks.in_this_run(record.disappears_at, record.timer)


def restored(found: Found, suites: Suites, bounds: Bounds) -> Conversation:
    """Return the conversation, as it was; one whose ratchet is not to be had any more is shown as ended, and why;
    its record stays as it is, for a daemon that has the ratchet again."""
    record = found.snapshot.conversation
    terms = suites.terms(invite_keys(record), record.invite_floor, record.floor)
    try:
        return Conversation.load(found.name, record, terms, found.messages, found.payloads, bounds)
    except (WhisperdError, ValueError) as error:
        why = error.code if isinstance(error, WhisperdError) else PluginUnknown.code
        return Conversation(found.name, terms, Origin(record.inviter, record.expires), bounds, unusable=why)
