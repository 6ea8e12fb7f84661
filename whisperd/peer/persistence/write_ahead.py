"""Write-ahead persistence: at most one transaction per reactor turn, committed before its effects are carried out.

An edge between the drivers and a durable Store. What a conversation wants done is held until the state that it comes
from is on the disk; so a key that was used once is known to be used, whatever happens, and what was acknowledged is
there. While the store cannot be written, nothing goes out. [whisperd-security(7), SEALED STORE]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from whisperd.errors import StoreBusy, StoreDamaged, StoreFailed, StoreLocked, WhisperdError
from whisperd.interfaces import Store
from whisperd.logs import note, unexpected
from whisperd.peer.conversation.states import ENDED
from whisperd.peer.persistence.aging import Aging, AgingTiming
from whisperd.peer.persistence.clocks import Clocks
from whisperd.peer.persistence.entries import CONVERSATIONS, MESSAGES, OUTGOING, Entry, Writing
from whisperd.peer.persistence.ids import Ids
from whisperd.timers import OneShot

#: What must not be in two places, because keys would be used twice.
MOVING = (CONVERSATIONS, OUTGOING)
#: What goes along when these are moved.
MOVED = (*MOVING, MESSAGES)
#: What a store says that cannot be written.
_TROUBLES = (StoreBusy, StoreDamaged, StoreFailed)
_T = TypeVar("_T")


@dataclass(frozen=True)
class StoreTiming:
    """In seconds: after which a store that could not be written is tried again, twice as long each time up to the
    maximum; and how texts age."""

    retry: float = 5.0
    max_retry: float = 60.0
    aging: AgingTiming = AgingTiming()  # noqa: RUF009 (a frozen value)


class WriteAhead:
    """Persists conversations in ``store`` by ``writing``; a store that is not durable gets nothing. ``emit(name,
    **fields)`` takes events."""

    def __init__(self, store: Store, ids: Ids, writing: Writing, clocks: Clocks, emit: Callable[..., object],
                 timing: StoreTiming) -> None:
        #: Whether anything is persisted at all.
        self.durable = store.durable
        self._store = store
        self._ids = ids
        self._writing = writing
        self._clocks = clocks
        self._emit = emit
        self._timing = timing
        self._aging = Aging(self, writing, clocks, emit, timing.aging)
        self._entries: dict[str, Entry] = {}
        self._changed: dict[str, Entry] = {}
        #: What is forgotten and may be on the disk yet, and who hears when it is not.
        self._gone: dict[str, tuple[Entry, Callable[[], object]]] = {}
        self._waiting: list[tuple[str, Deferred[None]]] = []
        self._outcomes: list[Deferred[None]] = []
        self._flush_timer = OneShot(clocks.reactor, self._wake)
        self._failing: WhisperdError | None = None
        self._deciding = False
        self._tries = 0

    # -- conversations --------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Remove what is too old, now and every so often; what the store has was read and is persisted again."""
        if self.durable:
            self._aging.sweep()

    def new_id(self) -> str:
        """Return the id of a conversation that begins; it is never given again. Raises StoreFailed."""
        if not self.durable:
            return self._ids.take(lambda: None)
        try:
            return self._ids.take(lambda: self.atomically(self._ids.write))
        except StoreFailed as error:
            raise not_begun(error) from None

    def persist(self, entry: Entry) -> None:
        """Persist this conversation from now on, or, if it is ``confirmed_only``, once its key is confirmed."""
        if self.durable:
            self._entries[entry.name] = entry
            entry.conversation.written()
            self._aging.expect_next(entry)

    def persists(self, name: str) -> bool:
        """Return whether this conversation goes on after a restart."""
        entry = self._entries.get(name)
        return entry is not None and entry.conversation.resumable and not entry.nowhere

    def entries(self) -> list[Entry]:
        """Return the conversations that are persisted."""
        return list(self._entries.values())

    def changed(self, name: str) -> None:
        """Write this conversation before this turn is over."""
        if name not in self._entries:
            return
        self._changed[name] = self._entries[name]
        if self._failing and self._entries[name].conversation.state == ENDED:  # which is not to wait for long
            self._clocks.reactor.callLater(0, self._flush)
        else:
            self._flush_later()

    def at_once(self, name: str) -> bool:
        """Write this conversation now; return whether that worked."""
        with suppress(WhisperdError):
            self.atomically(lambda: None, name)
            return True
        return False

    def atomically(self, work: Callable[[], _T], *names: str) -> _T:
        """Do ``work()`` and return what it returns. What it changes is on the disk then, together with these
        conversations, or has not happened: it gives the store, or ``undo``, what takes it back. As a part of what is
        being written it is committed with that.

        Raises StoreFailed, and what ``work`` raises."""
        if self._deciding:
            return work()
        entries = [self._entries[name] for name in names if name in self._entries]
        try:
            done = self._in_one(entries, work)
        except _TROUBLES as error:
            self.troubled(error)
            raise
        for entry in entries:
            entry.conversation.written()
        self._recovered()
        return done

    def pending(self, name: str) -> bool:
        """Return whether something of this conversation waits to be on the disk, or to be removed from it."""
        return name in self._changed or name in self._gone

    def undo(self, step: Callable[[], None]) -> None:
        """Have ``step()`` called if what is being written now is not committed."""
        self._store.undo(step)

    def forget(self, name: str, gone: Callable[[], object] = lambda: None) -> None:
        """Remove all that the store has of a conversation, now or as soon as that can be done; ``gone()`` hears of it.
        """
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
            self.troubled(error)

    def check_forgotten(self, name: str) -> None:
        """Raise StoreFailed while the store has something of a conversation that was to be forgotten."""
        if name in self._gone:
            why = f": {self._failing.message}" if self._failing else ""
            raise StoreFailed(f"the conversation has ended, but its keys are deleted only from memory so far{why}",
                              remedy="Free some space on the disk of the store. The keys are then deleted from the "
                                     "store, and the other side is told. If the daemon is killed before that, the "
                                     "conversation comes back; end it again then.")

    def drop(self, name: str) -> None:
        """Persist nothing more of a conversation that is not on the disk."""
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
        return None if entry is None else self._writing.history(entry, after)

    def stop(self) -> None:
        """Write how everything stands, and persist nothing any more."""
        self._changed = {**self._entries}
        if self._changed or self._gone:
            self._flush()
        self._flush_timer.cancel()
        self._aging.stop()
        self._entries.clear()
        self._changed.clear()
        self._gone.clear()

    def troubled(self, error: Exception) -> None:
        """Say that the store cannot be written, and look again when it can."""
        found = error if isinstance(error, WhisperdError) else WhisperdError()
        if not isinstance(error, StoreLocked):
            if self._failing is None:
                note("store-state", state="failing", code=found.code)
                self._emit("store-state", state="failing")
            self._failing = found
        self._flush_later()
        outcomes, self._outcomes = self._outcomes, []
        for each in outcomes:
            if not each.called:
                each.errback(found)

    # -- inside ---------------------------------------------------------------------------------------------------

    def _flush_later(self) -> None:
        """Write at the end of this turn, or, while the store cannot be written, when it is tried again."""
        if not self._flush_timer:
            delay = min(self._timing.retry * 2 ** min(self._tries, 16), self._timing.max_retry)
            self._flush_timer.start(delay if self._failing else 0)

    def _wake(self) -> None:
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
            self._aging.expect_next(entry)
        for name, each in waiting:
            if trouble is None or name in done:
                each.callback(None)
            else:
                each.errback(trouble if isinstance(trouble, WhisperdError) else WhisperdError())

    def _commit(self, changed: dict[str, Entry], done: dict[str, Entry]) -> None:
        """Write these, and note in ``done`` what was. What is over is removed first, and from a full disk, too."""
        over = {name: entry for name, entry in changed.items() if not entry.conversation.resumable}
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
                self._ids.write()
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
        if not self._changed and not self._gone:
            self._flush_timer.cancel()
        if self._failing is not None:
            self._failing = None
            note("store-state", state="open")
            self._emit("store-state", state="open")

    def _failed(self, error: Exception) -> None:
        """Go on holding, and try again; but what is over says so, whatever the disk does."""
        if not isinstance(error, WhisperdError):
            unexpected(error)
        self.troubled(error)
        for entry in [entry for entry in self._changed.values() if entry.conversation.state == ENDED]:
            if entry.nowhere or isinstance(error, StoreLocked):  # or it was wiped under our hands
                del self._changed[entry.name]
            entry.release()


def not_begun(error: WhisperdError) -> StoreFailed:
    """Return what is said of a conversation that cannot be persisted."""
    return StoreFailed(f"nothing was started, because it could not be stored: {error.message}")
