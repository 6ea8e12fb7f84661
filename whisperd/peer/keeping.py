"""What the store keeps of all conversations: written once in a turn of the reactor, and before anything is sent.

An edge between the drivers and an IStore that is durable. What a conversation wants done is held until the state that
it comes from is on the disk; so a key that was used once is known to be used, whatever happens, and what was
acknowledged is there. While the store cannot be written, nothing goes out. [whisperd-security(7), SEALED STORE]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Any

from twisted.internet.defer import Deferred

from whisperd.errors import StoreFailed, StoreLocked, WhisperdError
from whisperd.logs import note, unexpected
from whisperd.peer.chat import Message
from whisperd.peer.kept import Kept, MessageKept, Route, TieKept, decode, encode, exported
from whisperd.peer.phases import ENDED
from whisperd.peer.resumable import ResumableConversation
from whisperd.wire.envelope import Stream

CONVERSATIONS, OUTGOING, MESSAGES = "conversation", "outgoing", "message"
#: What must not be in two places, because keys would be used twice.
MOVING = (CONVERSATIONS, OUTGOING)
#: What goes along when these are moved.
MOVED = (*MOVING, MESSAGES)
#: Seconds after which a store that could not be written is tried again, and between two looks for what is too old.
RETRY = 5.0
SWEEP = 3_600.0
#: Seconds that the conversation has to forget a text by itself, before it is asked for in its place.
GRACE = 1.0
#: Payloads of the files' stream that are larger are chunks, which are not kept: they are read from their file again.
_LARGEST_FILES = 4_096
_DAY = 86_400.0


@dataclass
class _Entry:
    name: str
    conversation: ResumableConversation
    route: Callable[[], Route]
    label: bytes
    created: float
    confirmed_only: bool
    release: Callable[[], None]
    facts: Callable[[], TieKept]
    outgoing: set[int] = field(default_factory=set)
    #: State and time of each message that is kept, by its number.
    messages: dict[int, tuple[str, float]] = field(default_factory=dict)
    #: When each of them fades, of those that do; infinity before they are delivered. In unix seconds.
    fades: dict[int, float] = field(default_factory=dict)

    def noted(self) -> tuple[set[int], dict[int, tuple[str, float]], dict[int, float]]:
        """Return what is known of what is kept."""
        return self.outgoing, self.messages, self.fades

    def note(self, noted: tuple[set[int], dict[int, tuple[str, float]], dict[int, float]]) -> None:
        """Know that of what is kept."""
        self.outgoing, self.messages, self.fades = noted


@dataclass(frozen=True)
class Found:
    """One conversation as the store has it."""

    name: str
    kept: Kept
    messages: list[Message]
    payloads: dict[int, bytes]


class Keeping:
    """``store`` is an IStore; one that is not durable gets nothing. ``history`` keeps what was said for so many
    ``days``; ``emit(name, **fields)`` takes events."""

    def __init__(self, store: Any, *, reactor: Any, wall: Callable[[], float], history: bool, days: int,
                 emit: Callable[..., Any]) -> None:
        #: Whether anything is kept at all.
        self.durable = bool(store.durable)
        self._store = store
        self._reactor = reactor
        self._wall = wall
        self._history = history
        self._days = days
        self._emit = emit
        self._entries: dict[str, _Entry] = {}
        self._changed: dict[str, _Entry] = {}
        self._waiting: list[Deferred[None]] = []
        self._known: dict[str, tuple[set[int], dict[int, tuple[str, float]], dict[int, float]]] = {}
        self._fading: Any = None
        self._alarm: Any = None
        self._sweeping: Any = None
        self._failing = False

    # -- conversations --------------------------------------------------------------------------------------------

    def read(self) -> Iterator[Found]:
        """Yield what the store has, the oldest first; raises StoreDamaged."""
        if not self.durable:
            return
        for name in sorted(self._names(), key=_number):
            record = self._store.get(CONVERSATIONS, name)
            messages = {int(key): decode(value, MessageKept) for key, value in self._under(MESSAGES, name)}
            payloads = {int(key): value for key, value in self._under(OUTGOING, name)}
            kept = exported(max(messages)) if record is None else decode(record, Kept)
            self._known[name] = (set(payloads),
                                 {number: (one.state, one.at) for number, one in messages.items()},
                                 {number: inf if one.fades_at is None else one.fades_at
                                  for number, one in messages.items() if one.fade})
            texts = [Message(number, one.direction, one.text, one.state, one.fade, self._in_this_run(one))
                     for number, one in sorted(messages.items())]
            yield Found(name, kept, texts, payloads)
        self._sweep()

    def keep(self, conversation: ResumableConversation, route: Callable[[], Route], label: bytes, kept: Kept | None,
             release: Callable[[], None], *, facts: Callable[[], TieKept], confirmed_only: bool = False) -> None:
        """Keep this conversation from now on, or only once its key is confirmed; ``release()`` does what was held.

        ``kept`` is what it comes from, if it comes from here; ``facts()`` says what it has to do with contacts."""
        if not self.durable:
            return
        name, created = conversation.name, kept.created if kept else self._wall()
        entry = _Entry(name, conversation, route, label, created, confirmed_only, release, facts)
        entry.note(self._known.pop(name, (set(), {}, {})))
        self._entries[name] = entry
        conversation.keep_until_written()
        self._look_ahead(entry)

    def keeps(self, conversation: ResumableConversation) -> bool:
        """Whether this conversation goes on after a restart."""
        entry = self._entries.get(conversation.name)
        return entry is not None and conversation.lasting and (conversation.confirmed or not entry.confirmed_only)

    def changed(self, name: str) -> None:
        """Write this conversation before this turn is over."""
        if name not in self._entries:
            return
        self._changed[name] = self._entries[name]
        if self._alarm is None:
            self._alarm = self._reactor.callLater(RETRY if self._failing else 0, self._flush)

    def at_once(self, name: str) -> bool:
        """Write this conversation now; return whether that worked."""
        entry = self._entries[name]
        before = entry.noted()
        try:
            with self._store.together():
                self._write(entry)
        except WhisperdError:
            entry.note(before)
            return False
        entry.conversation.written()
        return True

    def forget(self, name: str) -> None:
        """Remove all that is kept of a conversation."""
        entry = self._entries.pop(name, None)
        self._changed.pop(name, None)
        if entry is not None:
            try:
                with self._store.together():
                    self._remove(entry)
            except (StoreFailed, StoreLocked) as error:
                note("store-state", state="failing", code=error.code)

    def check(self) -> None:
        """Raise StoreFailed while the store cannot be written."""
        if self._failing:
            raise StoreFailed

    async def settled(self) -> None:
        """Wait until all that was changed is on the disk; raises StoreFailed when it cannot be written."""
        if self._changed:
            self._waiting.append(Deferred())
            await self._waiting[-1]

    async def took(self, number: int) -> None:
        """Wait until a message is on the disk; raises StoreFailed, which says that it waits for that."""
        try:
            await self.settled()
        except StoreFailed:
            raise StoreFailed(f"message #{number} waits here until the store's file can be written",
                              remedy="Make room on its disk; do not send the message again.") from None

    def history(self, name: str, after: int) -> list[dict[str, Any]] | None:
        """Return what was said with a number above ``after``, None where the store has no more than memory."""
        entry = self._entries.get(name)
        if entry is None or not self._history:
            return None
        rows = []
        now = self._wall()
        there = (number for number in entry.messages if number > after and entry.fades.get(number, inf) > now)
        for number in sorted(there)[:1_000]:
            value = self._store.get(MESSAGES, f"{name}/{number}")
            if value is not None:
                kept = decode(value, MessageKept)
                rows.append({"id": number, "direction": kept.direction, "text": kept.text, "state": kept.state,
                             "fade": kept.fade})
        return rows

    def stop(self) -> None:
        """Write how everything stands, and keep nothing any more."""
        self._changed = {**self._entries}
        if self._changed:
            self._flush()
        for alarm in (self._alarm, self._sweeping, self._fading):
            if alarm is not None and alarm.active():
                alarm.cancel()
        self._alarm = self._sweeping = self._fading = None
        self._entries.clear()
        self._changed.clear()

    # -- inside ---------------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        self._alarm = None
        changed, self._changed = self._changed, {}
        waiting, self._waiting = self._waiting, []
        before = [(entry, entry.noted()) for entry in changed.values()]
        try:
            with self._store.together():
                for entry in changed.values():
                    self._write(entry)
        except Exception as error:
            for entry, noted in before:  # what was noted of a transaction that did not happen
                entry.note(noted)
            self._failed(changed, waiting, error)
            return
        if self._failing:
            self._failing = False
            self._tell("open")
        for entry in changed.values():
            entry.conversation.written()
            entry.release()
            self._look_ahead(entry)
        for each in waiting:
            each.callback(None)

    def _tell(self, state: str) -> None:
        note("store-state", state=state)
        self._emit("store-state", state=state)

    def _failed(self, changed: dict[str, _Entry], waiting: list[Deferred[None]], error: Exception) -> None:
        """Keep holding, and try again; but what is over is not held up by a disk."""
        if not isinstance(error, WhisperdError):
            unexpected(error)
        if not self._failing and not isinstance(error, StoreLocked):  # which was wiped under our hands
            self._failing = True
            self._tell("failing")
        over = [entry for entry in changed.values() if entry.conversation.state == ENDED]
        self._changed = {**changed, **self._changed}
        for entry in over:
            del self._changed[entry.name]
        if self._changed and self._alarm is None:
            self._alarm = self._reactor.callLater(RETRY, self._flush)
        for entry in over:
            entry.release()
        for each in waiting:
            each.errback(error if isinstance(error, WhisperdError) else WhisperdError())

    def _write(self, entry: _Entry) -> None:
        conversation = entry.conversation
        if conversation.left_as_it_is:
            return
        if not conversation.lasting and not (self._history and entry.messages):
            self._remove(entry)
            return
        if entry.confirmed_only and not conversation.confirmed:
            return
        kept = conversation.dump()
        record = Kept(kept, entry.route(), entry.label, entry.created, entry.facts())
        self._store.put(CONVERSATIONS, entry.name, encode(record))
        self._write_outgoing(entry)
        self._write_messages(entry)

    def _write_outgoing(self, entry: _Entry) -> None:
        wanted = {ticket: payload for ticket, (stream, payload) in entry.conversation.payloads().items()
                  if stream != Stream.FILES or len(payload) <= _LARGEST_FILES}
        for ticket in wanted.keys() - entry.outgoing:
            self._store.put(OUTGOING, f"{entry.name}/{ticket}", wanted[ticket])
        for ticket in entry.outgoing - wanted.keys():
            self._store.delete(OUTGOING, f"{entry.name}/{ticket}")
        entry.outgoing = set(wanted)

    def _write_messages(self, entry: _Entry) -> None:
        wanted = {message.id: message for message in entry.conversation.messages(everything=self._history)}
        messages, fades = dict(entry.messages), dict(entry.fades)
        for number, message in wanted.items():
            state, at = messages.get(number, ("", self._wall()))
            if state != message.state and self._fresh(at):
                kept = MessageKept(message.direction, message.text, message.state, at, message.fade,
                                   self._on_the_wall(message))
                if message.fade:
                    fades[number] = inf if kept.fades_at is None else kept.fades_at
                self._store.put(MESSAGES, f"{entry.name}/{number}", encode(kept))
                messages[number] = (message.state, at)
        now = self._wall()
        gone = {number for number, at in fades.items() if number not in wanted and (at <= now or at == inf)}
        for number in gone | (set() if self._history else messages.keys() - wanted.keys()):
            self._store.delete(MESSAGES, f"{entry.name}/{number}")
            messages.pop(number, None)
            fades.pop(number, None)
        entry.messages, entry.fades = messages, fades

    def _on_the_wall(self, message: Message) -> float | None:
        """Return when a message fades by the clock that the next run will have, too."""
        return None if message.fades_at is None else message.fades_at - self._reactor.seconds() + self._wall()

    def _in_this_run(self, kept: MessageKept) -> float | None:
        """Return the same by the clock of this run; a clock that was set back makes it no longer than it was."""
        if kept.fades_at is None:
            return None
        return float(self._reactor.seconds() + min(kept.fades_at - self._wall(), kept.fade))

    def _look_ahead(self, entry: _Entry) -> None:
        """Look again when the next text is to fade that the conversation may not hold any more."""
        due = min(entry.fades.values(), default=inf)
        if due == inf:
            return
        delay = max(0.0, due - self._wall()) + GRACE
        if self._fading is None or self._fading.getTime() > self._reactor.seconds() + delay:
            if self._fading is not None:
                self._fading.cancel()
            self._fading = self._reactor.callLater(delay, self._fade)

    def _fade(self) -> None:
        """Remove what the conversation does not hold any more, but for a clock that was set: then that says when."""
        self._fading = None
        now = self._wall()
        for entry in list(self._entries.values()):
            if due := {number for number, at in entry.fades.items() if at <= now}:
                due -= {message.id for message in entry.conversation.messages(everything=True)}
                for number in sorted(due):
                    self._emit("message-state", chat=entry.name, id=number, state="faded")
            if due:
                self.changed(entry.name)
            else:
                self._look_ahead(entry)

    def _remove(self, entry: _Entry) -> None:
        self._store.delete(CONVERSATIONS, entry.name)
        for ticket in entry.outgoing:
            self._store.delete(OUTGOING, f"{entry.name}/{ticket}")
        for number in entry.messages:
            self._store.delete(MESSAGES, f"{entry.name}/{number}")
        entry.note((set(), {}, {}))

    def _fresh(self, at: float) -> bool:
        return self._wall() - at < self._days * _DAY

    def _sweep(self) -> None:
        """Remove what was kept for long enough, and what belongs to no conversation."""
        self._sweeping = self._reactor.callLater(SWEEP, self._sweep)
        names = self._names()
        try:
            with self._store.together():
                for collection in (OUTGOING, MESSAGES):
                    for key in self._store.keys(collection):
                        if key.partition("/")[0] not in names:
                            self._store.delete(collection, key)
                for entry in self._entries.values():
                    self._age(entry)
        except WhisperdError as error:
            note("store-state", state="failing", code=error.code)

    def _age(self, entry: _Entry) -> None:
        """Remove texts that are too old, but for those that nobody else has; it stays known that they were there."""
        needed = {message.id for message in entry.conversation.messages(everything=False)}
        for number, (state, at) in list(entry.messages.items()):
            if state and number not in needed and not self._fresh(at):
                self._store.delete(MESSAGES, f"{entry.name}/{number}")
                entry.messages[number] = ("", at)

    def _names(self) -> set[str]:
        """Return the conversations that there are, and those of which only the history is."""
        said = {key.partition("/")[0] for key in self._store.keys(MESSAGES)} if self._history else set()
        return said | set(self._store.keys(CONVERSATIONS))

    def _under(self, collection: str, name: str) -> Iterator[tuple[str, bytes]]:
        """Yield the rest of the key, and the value, of all that a collection has of one conversation."""
        for key in self._store.keys(collection):
            of, _, rest = key.partition("/")
            value = self._store.get(collection, key) if of == name else None
            if value is not None:
                yield rest, value


def _number(name: str) -> int:
    return int(name.removeprefix("c"))
