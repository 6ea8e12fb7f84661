"""The core of files: what a hostile other side may say, and what it never gets."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.peer.support import events
from whisperd.errors import FileFailed, FileTooLarge, FileUnknown, TooLate, TooManyFiles
from whisperd.peer.effects import DropFile, FinishFile, Post, ReadFile, WriteFile
from whisperd.peer.files.chunk_sender import FIRST_WINDOW, MAX_DIRECT, MAX_WINDOW, MIN_WINDOW
from whisperd.peer.files.offers import MAX_ANSWERS, Files
from whisperd.peer.files.transfers import MAX_CLOSED
from whisperd.wire.files import (
    CHUNK,
    CREDIT,
    MAX,
    Accept,
    Chunk,
    Done,
    FileOffer,
    FileRefuse,
    FileWithdraw,
    More,
    Pause,
    decode_file,
)

HASH = bytes(32)


def made(**bounds: int) -> Files:
    return Files("c1", **({"max_size": 10**9, "max_open": 4} | bounds))


def said(effects: list[Any]) -> list[Any]:
    return [decode_file(effect.payload) for effect in effects if isinstance(effect, Post)]


def kinds(effects: list[Any], kind: type) -> list[Any]:
    return [effect for effect in effects if isinstance(effect, kind)]


def offered(files: Files, size: int = 10 * CHUNK, number: int = 1, name: str = "x") -> list[Any]:
    return files.received(FileOffer(number, name, size, HASH), 0)


def moving(files: Files, size: int = 10 * CHUNK) -> None:
    offered(files, size)
    files.accept("f1")


def states(files: Files) -> list[tuple[str, str]]:
    return [(row["state"], row["reason"]) for row in files.rows()]


def sending(files: Files, size: int = 100 * CHUNK, limit: int = MAX) -> list[Any]:
    files.offer("x", size, HASH)
    return files.received(Accept(1, 0, limit), 0)


class Carrier:
    """Reads for a sender and lets the channel carry what it posts."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.tickets = 0
        self.now = 0.0
        self.carried: list[Chunk] = []

    def do(self, effects: list[Any]) -> None:
        for effect in effects:
            if isinstance(effect, Post):
                self.tickets += 1
                self.files.posted(self.tickets, effect, self.now)
                message = decode_file(effect.payload)
                self.carried += [message] if isinstance(message, Chunk) else []
            elif isinstance(effect, ReadFile):
                self.do(self.files.read(effect.number, effect.offset, bytes(effect.size)))

    def acknowledge(self) -> None:
        self.do(self.files.acknowledged(self.tickets, self.now))


def test_an_offer_is_shown_and_nothing_is_written_before_it_is_accepted():
    files = made()
    effects = offered(files, name="../../x\x1b[2J")
    assert events(effects, "file-state")[0]["filename"] == "x[2J" and len(effects) == 1
    assert files.received(Chunk(1, 0, b"early"), 0) == []
    assert said(files.accept("f1")) == [Accept(1, 0, 10 * CHUNK)]


def test_a_file_too_large_is_refused_and_the_user_hears_of_it():
    files = made(max_size=100)
    effects = offered(files, MAX)
    assert said(effects) == [FileRefuse(1, "file-too-large")] and states(files) == [("refused", "file-too-large")]
    with pytest.raises(FileTooLarge):
        files.offer("x", 101, HASH)


def test_ten_thousand_offers_cost_next_to_nothing():
    files, told, answers = made(), 0, 0
    for number in range(1, 10_001):
        effects = offered(files, number=number)
        told += len(events(effects, "file-state"))
        for effect in kinds(effects, Post):
            answers += 1
            files.posted(answers, effect, 0)
    assert told == 4 and len(files.rows()) == 4 and answers == MAX_ANSWERS


def test_offers_that_are_withdrawn_again_are_not_kept_for_ever():
    files = made()
    for number in range(1, 1_001):
        offered(files, number=number)
        files.received(FileWithdraw(number, "cancelled"), 0)
    assert len(files.rows()) <= MAX_CLOSED + 4


def test_an_offer_whose_number_was_there_before_is_dropped():
    files = made()
    offered(files, number=5)
    assert offered(files, number=5) == offered(files, number=4) == [] and len(files.rows()) == 1


@pytest.mark.parametrize("message", [
    Accept(1, 0, 9), More(1, 9), Pause(1), Done(1), FileRefuse(1, "refused"), FileWithdraw(1, "x"), Chunk(1, 0, b"x")])
def test_what_is_said_of_files_that_are_not_there_is_dropped(message):
    files = made()
    assert files.received(message, 0) == [] and files.rows() == []


def test_a_chunk_beyond_the_window_ends_the_file():
    files = made()
    moving(files, 10 * CREDIT)
    effects = files.received(Chunk(1, CREDIT - 1, b"xx"), 0)
    assert said(effects) == [FileRefuse(1, "beyond-window")] and kinds(effects, DropFile)
    assert states(files) == [("failed", "beyond-window")]


def test_a_chunk_beyond_the_end_of_the_file_ends_it():
    files = made()
    moving(files, 10)
    assert said(files.received(Chunk(1, 0, bytes(11)), 0)) == [FileRefuse(1, "beyond-window")]


def test_a_chunk_at_another_place_is_dropped():
    files = made()
    moving(files)
    assert files.received(Chunk(1, 5, b"x"), 0) == []
    assert kinds(files.received(Chunk(1, 0, b"x"), 0), WriteFile) and files.received(Chunk(1, 0, b"x"), 0) == []


def test_more_is_let_come_only_as_the_disk_writes():
    files = made()
    moving(files, 10 * CREDIT)
    for place in range(CREDIT // CHUNK):
        assert said(files.received(Chunk(1, place * CHUNK, bytes(CHUNK)), 0)) == []
    assert said(files.written(1, CHUNK, 0)) == []
    assert said(files.written(1, CREDIT // 2, 0)) == [More(1, CREDIT // 2 + CREDIT)]


def test_a_whole_file_is_kept_and_its_sender_told_only_then():
    files = made()
    moving(files, 3)
    files.received(Chunk(1, 0, b"abc"), 0)
    (keep,) = kinds(files.written(1, 3, 0), FinishFile)
    assert keep.digest == HASH
    with pytest.raises(TooLate):
        files.cancel("f1")
    assert files.received(FileWithdraw(1, "cancelled"), 0) == []
    assert said(files.placed(1, "x (1)")) == [Done(1)] and files.rows()[0]["filename"] == "x (1)"


def test_a_disk_that_fails_halts_the_file_until_it_is_accepted_again():
    files = made()
    moving(files)
    files.received(Chunk(1, 0, bytes(CHUNK)), 0)
    files.received(Chunk(1, CHUNK, bytes(CHUNK)), 0)
    files.written(1, CHUNK, 0)
    assert said(files.disk_failed(1, FileFailed())) == [Pause(1)] and states(files) == [("halted", "file-failed")]
    assert files.received(Chunk(1, 2 * CHUNK, bytes(CHUNK)), 0) == []
    assert said(files.accept("f1"))[0].offset == CHUNK
    assert files.received(Chunk(1, 2 * CHUNK, bytes(CHUNK)), 0) == [], "on its way since before the halt"
    assert kinds(files.received(Chunk(1, CHUNK, bytes(CHUNK)), 0), WriteFile)


def test_a_sender_goes_on_where_the_receiver_says():
    files = made()
    carrier = Carrier(files)
    carrier.do(sending(files))
    files.received(Pause(1), 0)
    assert states(files) == [("halted", "peer-halted")]
    carrier.carried.clear()
    carrier.acknowledge()
    assert carrier.carried == []
    carrier.do(files.received(Accept(1, 7, MAX), 0))
    assert carrier.carried[0].offset == 7


def test_a_sender_keeps_within_the_receiver_s_window():
    files = made()
    carrier = Carrier(files)
    carrier.do(sending(files, limit=3 * CHUNK + 5))
    for _ in range(5):
        carrier.acknowledge()
    assert carrier.carried[-1].offset + len(carrier.carried[-1].data) == 3 * CHUNK + 5
    carrier.do(files.received(More(1, 4 * CHUNK), 0))
    assert carrier.carried[-1].offset + len(carrier.carried[-1].data) == 4 * CHUNK


def test_what_is_under_way_grows_on_a_quick_link_and_shrinks_on_a_slow_one():
    files = made()
    carrier = Carrier(files)
    carrier.do(sending(files, 10_000 * CHUNK))
    assert len(carrier.carried) == FIRST_WINDOW
    seen = []
    for delay in (0.1,) * 10 + (5,) * 20:
        carrier.now += delay
        carrier.carried.clear()
        carrier.acknowledge()
        seen.append(len(carrier.carried))
    assert max(seen) == MAX_WINDOW and seen[-1] == MIN_WINDOW


def test_more_is_under_way_on_a_direct_link_and_no_more_than_a_relay_takes_when_it_is_lost():
    files = made()
    files.link_moved(direct=True)
    carrier = Carrier(files)
    carrier.do(sending(files, 10_000 * CHUNK))
    seen = []
    for move in (True,) * 12 + (False,) * 3:
        files.link_moved(direct=move)
        carrier.now += 0.1
        carrier.carried.clear()
        carrier.acknowledge()
        seen.append(len(carrier.carried))
    assert seen[11] == MAX_DIRECT and seen[12:] == [MAX_WINDOW] * 3


def test_nobody_is_believed_to_have_what_was_not_sent():
    files = made()
    carrier = Carrier(files)
    carrier.do(sending(files))
    assert files.received(Done(1), 0) == [] and states(files) == [("moving", "")]
    assert files.received(Accept(1, 101 * CHUNK, MAX), 0) == []


def test_two_files_share_the_way():
    files = made()
    carrier = Carrier(files)
    carrier.do(sending(files))
    files.offer("y", 100 * CHUNK, HASH)
    carrier.do(files.received(Accept(2, 0, MAX), 0))
    for _ in range(6):
        carrier.acknowledge()
    assert {chunk.id for chunk in carrier.carried} == {1, 2}


def test_progress_has_a_rate_and_the_time_that_remains():
    files = made()
    moving(files, 10_000)
    for at, upto in ((0.0, 0), (0.2, 100), (1.0, 1_000), (2.0, 2_000)):
        effects = files.written(1, upto, at)
    (fields,) = events(effects, "file-progress")
    assert (fields["moved"], fields["rate"], fields["remaining"]) == (2_000, 1_000, 8.0)
    files.link_down()
    assert files.rows()[0]["rate"] == 0 and files.rows()[0]["remaining"] is None


def test_own_offers_are_bounded_and_the_end_closes_them_all():
    files = made()
    for _ in range(4):
        files.offer("x", 1, HASH)
    with pytest.raises(TooManyFiles):
        files.offer("x", 1, HASH)
    assert len(kinds(files.end(), DropFile)) == 4 and {state for state, _ in states(files)} == {"failed"}


class AnyTalk(RuleBasedStateMachine):
    """Whatever the other side says, and whatever the user does with it, the core holds its bounds."""

    def __init__(self) -> None:
        super().__init__()
        self.files = made()
        self.carrier = Carrier(self.files)

    @rule(message=st.one_of(
        st.builds(FileOffer, st.integers(1, 9), st.text(max_size=9), st.integers(0, 99), st.just(HASH)),
        st.builds(Accept, st.integers(1, 4), st.integers(0, 99), st.integers(0, MAX)),
        st.builds(More, st.integers(1, 4), st.integers(0, MAX)),
        st.builds(Chunk, st.integers(1, 9), st.integers(0, 99), st.binary(min_size=1, max_size=99)),
        st.builds(Pause, st.integers(1, 4)), st.builds(Done, st.integers(1, 4)),
        st.builds(FileRefuse, st.integers(1, 4), st.just("x")),
        st.builds(FileWithdraw, st.integers(1, 9), st.just("x"))))
    def hear(self, message: Any) -> None:
        self.carrier.do(self.files.received(message, 0))

    @rule(label=st.sampled_from(["f1", "f2", "f3", "f4"]), act=st.sampled_from(["accept", "refuse", "cancel"]))
    def ask(self, label: str, act: str) -> None:
        with contextlib.suppress(FileUnknown, TooLate):
            self.carrier.do(getattr(self.files, act)(label))

    @rule()
    def offer(self) -> None:
        with contextlib.suppress(TooManyFiles):
            self.carrier.do(self.files.offer("x", 50, HASH)[1])

    @rule()
    def acknowledge(self) -> None:
        self.carrier.acknowledge()

    def teardown(self) -> None:
        assert all(0 <= row["moved"] <= row["size"] for row in self.files.rows())
        self.files.end()
        assert not any(row["state"] in ("offered", "moving", "halted") for row in self.files.rows())


AnyTalk.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestAnyTalk = AnyTalk.TestCase
