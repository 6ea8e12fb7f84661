"""Write-ahead persistence of conversations, on a clock that the test turns: batches, retention, failure."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from tests.peer.conversation.test_resume import Two
from whisperd.errors import StoreFailed
from whisperd.peer.persistence.aging import AgingTiming
from whisperd.peer.persistence.clocks import Clocks
from whisperd.peer.persistence.entries import Entry, Retention, Writing
from whisperd.peer.persistence.ids import Given, Ids
from whisperd.peer.persistence.restore import Reading
from whisperd.peer.persistence.write_ahead import StoreTiming, WriteAhead
from whisperd.peer.records import BindingRecord, Route
from whisperd.store.memory import MemoryStore

DAY = 86_400.0
RETRY, SWEEP = 5.0, 3_600.0
TIMING = StoreTiming(retry=RETRY, aging=AgingTiming(sweep=SWEEP))


class Durable(MemoryStore):
    """A store in memory that says that it is durable, counts its transactions, and can be full."""

    durable = True

    def __init__(self) -> None:
        super().__init__()
        self.transactions = 0
        self.full = False

    @contextmanager
    def together(self) -> Any:
        self.transactions += 1
        if self.full:
            raise StoreFailed
        yield


class Short(MemoryStore):
    """A durable store whose disk is full when a transaction ends, but for what is held back for deletions."""

    durable = True
    full = False

    @contextmanager
    def together(self) -> Any:
        with super().together():
            yield
            if self.full:
                raise StoreFailed

    def make_room(self) -> bool:
        was, self.full = self.full, False
        return was


def opened(store: Any, clock: Clock, emit: Any, *, history: bool = True, days: int = 30,
           wall: Any = None) -> tuple[WriteAhead, Reading]:
    """What writes into a store, and what reads from it; the clock on the wall is the same if none is given."""
    clocks, ids = Clocks(clock, wall or clock.seconds), Ids(store, Given())
    writing = Writing(store, ids, clocks, Retention(history, days))
    return WriteAhead(store, ids, writing, clocks, emit, TIMING), Reading(store, ids, writing, clocks)


class Persisted:
    """Anna's side of a conversation, persisted."""

    def __init__(self, store: Any = None, **settings: Any) -> None:
        self.clock, self.store, self.two = Clock(), store or Durable(), Two()
        self.two.link_up()
        self.two.deliver()
        self.events: list[str] = []
        self.released = 0
        self.writes, reading = opened(self.store, self.clock,
                                      lambda name, **fields: self.events.append(fields["state"]), **settings)
        assert list(reading.read()) == []
        self.writes.start()
        anna = self.two.sides["anna"]
        anna.name = "c1"
        self.writes.persist(Entry(anna, lambda: Route(bytes(32), []), lambda: BindingRecord("", False), self._release,
                                  self.clock.seconds()))

    def _release(self) -> None:
        self.released += 1

    def say(self, text: str) -> None:
        self.two.say("ben", text)
        self.two.deliver()
        self.writes.changed("c1")

    def texts(self) -> list[str]:
        return [row["text"] for row in self.writes.history("c1", 0) or []]


def test_a_turn_is_one_transaction_and_what_was_held_is_let_go_after_it():
    kept = Persisted()
    before = kept.store.transactions
    for number in range(5):
        kept.say(str(number))
    assert (kept.released, kept.store.transactions) == (0, before)
    kept.clock.advance(0)
    assert (kept.released, kept.store.transactions) == (1, before + 1)
    assert kept.texts() == ["0", "1", "2", "3", "4"]


def test_a_payload_and_a_text_are_written_once():
    kept = Persisted()
    kept.say("one")
    kept.clock.advance(0)
    puts: list[tuple[str, str]] = []
    put = kept.store.put
    kept.store.put = lambda collection, key, value: (puts.append((collection, key)), put(collection, key, value))
    kept.say("two")
    kept.clock.advance(0)
    assert puts == [("conversation", "c1"), ("message", "c1/2")]


def test_what_is_older_than_its_time_is_removed_but_not_what_nobody_has_read():
    kept = Persisted(days=2)
    kept.say("old and read")
    kept.clock.advance(0)
    kept.two.sides["anna"].messages.seen(1)
    kept.say("old and unread")
    kept.clock.advance(0)
    for _ in range(50):
        kept.clock.advance(SWEEP)
    assert kept.texts() == ["old and unread"]
    kept.two.sides["anna"].messages.seen(2)
    kept.say("new")
    kept.clock.advance(0)
    kept.clock.advance(SWEEP)
    assert kept.texts() == ["new"]


def test_a_full_store_holds_back_tries_again_and_says_so():
    kept = Persisted()
    kept.store.full = True
    kept.say("one")
    settled: list[Any] = []
    Deferred.fromCoroutine(kept.writes.settled()).addBoth(settled.append)
    kept.clock.advance(0)
    assert kept.released == 0 and kept.events == ["failing"] and settled[0].check(StoreFailed)
    with pytest.raises(StoreFailed):
        kept.writes.check()
    assert not kept.writes.at_once("c1")
    kept.store.full = False
    kept.clock.advance(RETRY)
    assert kept.released == 1 and kept.events == ["failing", "open"] and kept.texts() == ["one"]
    kept.writes.check()


def test_what_has_ended_is_let_go_though_the_store_is_full():
    kept = Persisted()
    kept.store.full = True
    kept.two.do("anna", kept.two.sides["anna"].end(0.0))
    kept.two.deliver()
    assert kept.two.sides["anna"].state == "ended"
    kept.writes.changed("c1")
    kept.clock.advance(0)
    assert kept.released == 1


def test_what_could_not_be_forgotten_is_forgotten_as_soon_as_that_can_be_written():
    kept = Persisted()
    kept.say("one")
    kept.clock.advance(0)
    gone: list[bool] = []
    kept.store.full = True
    kept.writes.forget("c1", lambda: gone.append(True))
    with pytest.raises(StoreFailed, match="only from memory"):
        kept.writes.check_forgotten("c1")
    assert kept.store.keys("conversation") == ["c1"] and not gone and kept.events == ["failing"]
    kept.clock.advance(RETRY)
    assert not gone
    kept.store.full = False
    kept.clock.advance(2 * RETRY)
    assert gone and kept.store.keys("conversation") == kept.store.keys("message") == []
    assert kept.events == ["failing", "open"] and kept.released == 2
    kept.writes.check_forgotten("c1")


def test_what_is_forgotten_is_removed_whole_though_the_first_attempt_finds_no_room():
    kept = Persisted(Short())
    kept.say("one")
    kept.two.link_down()
    kept.two.say("anna", "two")
    kept.writes.changed("c1")
    kept.clock.advance(0)
    assert kept.store.keys("message") and kept.store.keys("outgoing")
    kept.store.full = True
    kept.writes.forget("c1")
    assert not kept.store.full
    assert [kept.store.keys(each) for each in ("conversation", "message", "outgoing")] == [[], [], []]


def test_what_is_done_at_once_is_kept_or_has_not_happened():
    kept = Persisted()
    done: list[bool] = []
    kept.store.full = True
    with pytest.raises(StoreFailed):
        kept.writes.atomically(lambda: done.append(True), "c1")
    assert not done
    assert kept.events == ["failing"]
    kept.store.full = False
    kept.clock.advance(RETRY)
    assert kept.events == ["failing", "open"]  # though nothing waited to be written


def test_a_store_that_is_not_durable_gets_nothing():
    store = MemoryStore()
    writes, reading = opened(store, Clock(), print)
    assert list(reading.read()) == []
    writes.start()
    writes.changed("c1")
    writes.forget("c1")
    writes.stop()
    assert writes.history("c1", 0) is None


def test_records_without_a_conversation_are_removed_at_the_start():
    store = Durable()
    store.put("message", "c7/1", b"left over")
    store.put("outgoing", "c7/1", b"left over")
    writes, reading = opened(store, Clock(), print, history=False)
    assert list(reading.read()) == []
    writes.start()
    assert store.keys("message") == store.keys("outgoing") == []


def test_the_history_says_that_much_was_delivered_however_long_it_had_waited():
    kept = Persisted()
    kept.two.link_down()
    for _ in range(64):
        kept.two.say("ben", "y" * 16_000)
        kept.two.say("anna", "x" * 16_000)
    kept.writes.changed("c1")
    kept.clock.advance(0)
    kept.two.link_up()
    kept.two.deliver()
    kept.writes.changed("c1")
    kept.clock.advance(0)
    rows = kept.writes.history("c1", 0)
    assert [row["state"] for row in rows] == ["delivered"] * 64 + ["received"] * 64
