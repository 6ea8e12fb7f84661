"""What the store keeps of all conversations: written once in a turn of the reactor, and before anything is sent.

An edge between the drivers and an IStore that is durable. What a conversation wants done is held until the state that
it comes from is on the disk; so a key that was used once is known to be used, whatever happens, and what was
acknowledged is there. While the store cannot be written, nothing goes out. [whisperd-security(7), SEALED STORE]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from whisperd.errors import StoreBusy, StoreDamaged, StoreFailed, StoreLocked, WhisperdError
from whisperd.logs import note, unexpected
from whisperd.peer.conversation.conversation import Conversation
from whisperd.peer.conversation.messages import Message
from whisperd.peer.conversation.states import ENDED
from whisperd.peer.persistence.entries import CONVERSATIONS, MESSAGES, OUTGOING, Entry, Noted, Writing
from whisperd.peer.persistence.ids import Given, Ids, number_of
from whisperd.peer.records import BindingRecord, ConversationSnapshot, MessageRecord, Route, decode, exported

#: What must not be in two places, because keys would be used twice.
MOVING = (CONVERSATIONS, OUTGOING)
#: What goes along when these are moved.
MOVED = (*MOVING, MESSAGES)
#: Seconds after which a store that could not be written is tried again, twice as long each time up to the most, and
#: between two looks for what is too old.
RETRY = 5.0
MAX_RETRY = 60.0
SWEEP = 3_600.0
#: Seconds that the conversation has to forget a text by itself, before it is asked for in its place.
GRACE = 1.0
#: What a store says that cannot be written.
_TROUBLES = (StoreBusy, StoreDamaged, StoreFailed)
_T = TypeVar("_T")


@dataclass(frozen=True)
class Found:
    """One conversation as the store has it."""

    name: str
    kept: ConversationSnapshot
    messages: list[Message]
    payloads: dict[int, bytes]


class WriteAhead:
    """``store`` is an IStore; one that is not durable gets nothing. ``history`` keeps what was said for so many
    ``days``; ``emit(name, **fields)`` takes events; ids that were ``given`` are not given again."""

    def __init__(self, store: Any, *, reactor: Any, wall: Callable[[], float], history: bool, days: int,
                 emit: Callable[..., Any], given: Given | None = None) -> None:
        #: Whether anything is kept at all.
        self.durable = bool(store.durable)
        self._store = store
        self._reactor = reactor
        self._wall = wall
        self._history = history
        self._emit = emit
        self.ids = Ids(store, given or Given())
        self._writing = Writing(store, self.ids, reactor=reactor, wall=wall, history=history, days=days)
        self._entries: dict[str, Entry] = {}
        self._changed: dict[str, Entry] = {}
        #: What is forgotten and may be on the disk yet, and who hears when it is not.
        self._gone: dict[str, tuple[Entry, Callable[[], object]]] = {}
        self._waiting: list[tuple[str, Deferred[None]]] = []
        self._outcomes: list[Deferred[None]] = []
        self._known: dict[str, Noted] = {}
        self._disappearing: Any = None
        self._alarm: Any = None
        self._sweeping: Any = None
        self._failing: WhisperdError | None = None
        self._deciding = False
        self._tries = 0

    # -- conversations --------------------------------------------------------------------------------------------

    def read(self) -> Iterator[Found]:
        """Yield what the store has, the oldest first; raises StoreDamaged."""
        if not self.durable:
            return
        for name in sorted(self._writing.names(), key=number_of):
            self.ids.found(name)
            record = self._store.get(CONVERSATIONS, name)
            messages = {int(key): decode(value, MessageRecord) for key, value in self._writing.under(MESSAGES, name)}
            payloads = {int(key): value for key, value in self._writing.under(OUTGOING, name)}
            kept = exported(max(messages)) if record is None else decode(record, ConversationSnapshot)
            self._known[name] = (set(payloads),
                                 {number: (one.state, one.at) for number, one in messages.items()},
                                 {number: inf if one.disappears_at is None else one.disappears_at
                                  for number, one in messages.items() if one.timer})
            texts = [Message(number, one.direction, one.text, one.state, one.timer, self._in_this_run(one))
                     for number, one in sorted(messages.items())]
            yield Found(name, kept, texts, payloads)
        self._sweep()

    def new_id(self) -> str:
        """Return the id of a conversation that begins; it is never given again. Raises StoreFailed."""
        if not self.durable:
            return self.ids.take(lambda: None)
        try:
            return self.ids.take(lambda: self.atomically(self.ids.write))
        except StoreFailed as error:
            raise not_begun(error) from None

    def keep(self, conversation: Conversation, route: Callable[[], Route], label: bytes,
             kept: ConversationSnapshot | None, release: Callable[[], None], *,
             facts: Callable[[], BindingRecord], confirmed_only: bool = False,
             decide: Callable[[], None] = lambda: None) -> None:
        """Keep this conversation from now on, or only once its key is confirmed; ``release()`` does what was held, and
        ``decide()`` before that what is to be on the disk together with it.

        ``kept`` is what it comes from, if it comes from here; ``facts()`` says what it has to do with contacts."""
        if not self.durable:
            return
        name, created = conversation.name, kept.created if kept else self._wall()
        entry = Entry(name, conversation, route, label, created, confirmed_only, release, facts, decide)
        entry.note(self._known.pop(name, (set(), {}, {})))
        self._entries[name] = entry
        conversation.written()
        self._look_ahead(entry)

    def keeps(self, name: str) -> bool:
        """Whether this conversation goes on after a restart."""
        entry = self._entries.get(name)
        return entry is not None and entry.conversation.lasting and not entry.nowhere

    def changed(self, name: str) -> None:
        """Write this conversation before this turn is over."""
        if name not in self._entries:
            return
        self._changed[name] = self._entries[name]
        if self._failing and self._entries[name].conversation.state == ENDED:  # which is not to wait for long
            self._reactor.callLater(0, self._flush)
        else:
            self._set_alarm()

    def at_once(self, name: str) -> bool:
        """Write this conversation now; return whether that worked."""
        with suppress(WhisperdError):
            self.atomically(lambda: None, name)
            return True
        return False

    def atomically(self, work: Callable[[], _T], *names: str) -> _T:
        """Do ``work()`` and return what it returns. What it changes is on the disk then, together with these
        conversations, or has not happened: it gives the store, or ``undo``, what takes it back. As a part of what is
        being written it is kept with that.

        Raises StoreFailed, and what ``work`` raises."""
        if self._deciding:
            return work()
        entries = [self._entries[name] for name in names if name in self._entries]
        try:
            done = self._in_one(entries, work)
        except _TROUBLES as error:
            self._troubled(error)
            raise
        for entry in entries:
            entry.conversation.written()
        self._recovered()
        return done

    def pending(self, name: str) -> bool:
        """Whether something of this conversation waits to be on the disk, or to be removed from it."""
        return name in self._changed or name in self._gone

    def undo(self, step: Callable[[], None]) -> None:
        """Have ``step()`` called if what is being written now is not kept."""
        self._store.undo(step)

    def forget(self, name: str, gone: Callable[[], object] = lambda: None) -> None:
        """Remove all that is kept of a conversation, now or as soon as that can be done; ``gone()`` hears of it."""
        entry = self._entries.pop(name, None)
        self._changed.pop(name, None)
        if entry is not None and not entry.nowhere:
            self._gone[name] = entry, gone
        elif name not in self._gone:
            gone()
            return
        try:
            self._clear()
        except Exception as error:
            self._troubled(error)

    def check_forgotten(self, name: str) -> None:
        """Raise StoreFailed while something is kept of a conversation that was to be forgotten."""
        if name in self._gone:
            why = f": {self._failing.message}" if self._failing else ""
            raise StoreFailed(f"the conversation has ended, but its keys are deleted only from memory so far{why}",
                              remedy="Free some space on the disk of the store. The keys are then deleted from the "
                                     "store, and the other side is told. If the daemon is killed before that, the "
                                     "conversation comes back; end it again then.")

    def drop(self, name: str) -> None:
        """Keep nothing more of a conversation that is not on the disk."""
        for known in (self._entries, self._changed):
            known.pop(name, None)

    def check(self) -> None:
        """Raise StoreFailed while the store cannot be written."""
        if self._failing:
            self._flush()
        if self._failing:
            raise self._failing

    async def settled(self, name: str = "", waits: str = "this") -> None:
        """Wait until what was changed, of this conversation or of all, is on the disk.

        Raises StoreFailed when it cannot be written, which says that ``waits`` waits for that."""
        if not self._changed or (name and name not in self._changed):
            return
        waiting: Deferred[None] = Deferred()
        self._waiting.append((name, waiting))
        if self._failing:
            self._flush()
        try:
            await waiting
        except StoreFailed as error:
            raise StoreFailed(f"{waits} waits until the store's file can be written: {error.message}",
                              remedy="Free some space on its disk, and do not repeat the command. If the daemon is "
                                     "killed before that, the command was not carried out.") from None

    async def unless_failing(self, done: Deferred[None]) -> None:
        """Wait for ``done``; raises StoreFailed when the store cannot be written meanwhile."""
        outcome: Deferred[None] = Deferred()
        self._outcomes.append(outcome)
        done.addCallback(lambda _: None if outcome.called else outcome.callback(None))
        if self._failing:
            self._flush()
        await outcome

    def history(self, name: str, after: int) -> list[dict[str, Any]] | None:
        """Return what was said with a number above ``after``, None where the store has no more than memory."""
        entry = self._entries.get(name)
        if entry is None or not self._history:
            return None
        rows = []
        now = self._wall()
        there = (number for number in entry.messages if number > after and entry.disappearing.get(number, inf) > now)
        for number in sorted(there)[:1_000]:
            value = self._store.get(MESSAGES, f"{name}/{number}")
            if value is not None:
                kept = decode(value, MessageRecord)
                rows.append({"id": number, "direction": kept.direction, "text": kept.text, "state": kept.state,
                             "timer": kept.timer})
        return rows

    def stop(self) -> None:
        """Write how everything stands, and keep nothing any more."""
        self._changed = {**self._entries}
        if self._changed or self._gone:
            self._flush()
        for alarm in (self._alarm, self._sweeping, self._disappearing):
            if alarm is not None and alarm.active():
                alarm.cancel()
        self._alarm = self._sweeping = self._disappearing = None
        self._entries.clear()
        self._changed.clear()
        self._gone.clear()

    # -- inside ---------------------------------------------------------------------------------------------------

    def _set_alarm(self) -> None:
        if self._alarm is None:
            delay = min(RETRY * 2 ** min(self._tries, 16), MAX_RETRY) if self._failing else 0
            self._alarm = self._reactor.callLater(delay, self._wake)

    def _wake(self) -> None:
        self._alarm = None
        self._tries += self._failing is not None
        self._flush()

    def _flush(self) -> None:
        changed, self._changed = self._changed, {}
        waiting, self._waiting = self._waiting, []
        done: dict[str, Entry] = {}
        trouble: Exception | None = None
        try:
            self._clear()
            self._commit(changed, done)
            if self._failing and not done:
                self._writing.probe()
        except Exception as error:
            trouble = error
        self._changed = {name: entry for name, entry in changed.items() if name not in done} | self._changed
        if trouble is None:
            self._recovered()
        else:
            self._failed(trouble)
        for entry in done.values():
            entry.conversation.written()
            entry.release()
            self._look_ahead(entry)
        for name, each in waiting:
            if trouble is None or name in done:
                each.callback(None)
            else:
                each.errback(trouble if isinstance(trouble, WhisperdError) else WhisperdError())

    def _commit(self, changed: dict[str, Entry], done: dict[str, Entry]) -> None:
        """Write these, and note in ``done`` what was. What is over is removed first, and from a full disk, too."""
        over = {name: entry for name, entry in changed.items() if not entry.conversation.lasting}
        rest = {name: entry for name, entry in changed.items() if name not in over}
        for part, spare in ((over, True), (rest, False)):
            if part:
                self._in_one(part.values(), lambda: None, spare=spare)
                done.update(part)

    def _in_one(self, entries: Iterable[Entry], work: Callable[[], _T], *, spare: bool = False) -> _T:
        """Do ``work`` and write these in one transaction; ``spare`` says that the disk's reserve may be used."""
        before = [(entry, entry.noted()) for entry in entries]
        try:
            with self._store.together():
                self.ids.write()
                for entry, _ in before:
                    self._decide(entry)
                done = work()
                for entry, _ in before:
                    self._writing.write(entry)
        except BaseException as error:
            for entry, noted in before:  # what was noted of a transaction that did not happen
                entry.note(noted)
            if spare and isinstance(error, StoreFailed) and self._store.make_room():
                return self._in_one(entries, work)
            raise
        return done

    def _clear(self) -> None:
        """Remove what is forgotten, with what follows from it for others, and do what it held. Raises StoreFailed."""
        for name, (entry, gone) in list(self._gone.items()):
            with suppress(StoreLocked):  # it was destroyed under our hands
                self._remove(entry)
            del self._gone[name]
            entry.release()
            gone()

    def _decide(self, entry: Entry) -> None:
        before, self._deciding = self._deciding, True
        try:
            entry.decide()
        finally:
            self._deciding = before

    def _remove(self, entry: Entry) -> None:
        def work() -> None:
            self._decide(entry)
            self._writing.remove(entry)

        self._in_one((), work, spare=True)

    def _recovered(self) -> None:
        self._tries = 0
        if self._alarm is not None and not self._changed and not self._gone:
            self._alarm.cancel()
            self._alarm = None
        if self._failing is not None:
            self._failing = None
            note("store-state", state="open")
            self._emit("store-state", state="open")

    def _failed(self, error: Exception) -> None:
        """Keep holding, and try again; but what is over says so, whatever the disk does."""
        if not isinstance(error, WhisperdError):
            unexpected(error)
        self._troubled(error)
        for entry in [entry for entry in self._changed.values() if entry.conversation.state == ENDED]:
            if entry.nowhere or isinstance(error, StoreLocked):  # or it was wiped under our hands
                del self._changed[entry.name]
            entry.release()

    def _troubled(self, error: Exception) -> None:
        """Say that the store cannot be written, and look again when it can."""
        found = error if isinstance(error, WhisperdError) else WhisperdError()
        if not isinstance(error, StoreLocked):
            if self._failing is None:
                note("store-state", state="failing", code=found.code)
                self._emit("store-state", state="failing")
            self._failing = found
        self._set_alarm()
        outcomes, self._outcomes = self._outcomes, []
        for each in outcomes:
            if not each.called:
                each.errback(found)

    def _in_this_run(self, kept: MessageRecord) -> float | None:
        """Return the same by the clock of this run; a clock that was set back makes it no longer than it was."""
        if kept.disappears_at is None:
            return None
        return float(self._reactor.seconds() + min(kept.disappears_at - self._wall(), kept.timer))

    def _look_ahead(self, entry: Entry) -> None:
        """Look again when the next text is to disappear that the conversation may not hold any more."""
        due = min(entry.disappearing.values(), default=inf)
        if due == inf:
            return
        delay = max(0.0, due - self._wall()) + GRACE
        if self._disappearing is None or self._disappearing.getTime() > self._reactor.seconds() + delay:
            if self._disappearing is not None:
                self._disappearing.cancel()
            self._disappearing = self._reactor.callLater(delay, self._remove_due)

    def _remove_due(self) -> None:
        """Remove what the conversation does not hold any more, but for a clock that was set: then that says when."""
        self._disappearing = None
        now = self._wall()
        for entry in list(self._entries.values()):
            if due := {number for number, at in entry.disappearing.items() if at <= now}:
                due -= {message.id for message in entry.conversation.messages.held(everything=True)}
                for number in sorted(due):
                    self._emit("message-state", chat=entry.name, id=number, state="disappeared")
            if due:
                self.changed(entry.name)
            else:
                self._look_ahead(entry)

    def _sweep(self) -> None:
        """Remove what was kept for long enough, and what belongs to no conversation."""
        self._sweeping = self._reactor.callLater(SWEEP, self._sweep)
        try:
            self._writing.sweep(self._entries.values())
        except WhisperdError as error:
            self._troubled(error)


def not_begun(error: WhisperdError) -> StoreFailed:
    """Return what is said of a conversation that cannot be kept."""
    return StoreFailed(f"nothing was started, because it could not be stored: {error.message}")
