"""The core of files that go on after a restart: what both sides agree on again, and what a hostile one may say."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.peer.files.test_offers import Carrier, kinds, said, states
from tests.peer.support import events
from whisperd.errors import ChannelBroken, FileChanged, FileFailed, NoDownloads, TooLate
from whisperd.peer.effects import DropFile, FinishFile, Post, ReadFile, WriteFile
from whisperd.peer.files.chunk_sender import FIRST_WINDOW
from whisperd.peer.files.offers import Files
from whisperd.peer.files.transfer import CHECKING, OnDisk
from whisperd.peer.records import FilesRecord, decode, encode
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
    encode_file,
)

HASH = bytes(32)


def made() -> Files:
    return Files("c1", max_size=10**9, max_open=4)


def again(files: Files) -> Files:
    """Return what a store gives back of it, in another run."""
    found = made()
    assert found.load(decode(encode(files.dump()), FilesRecord)) == []
    return found


def sending(size: int = 100 * CHUNK) -> tuple[Files, Carrier]:
    """Return a sender with its first chunks under way."""
    files = made()
    files.offer("x", size, HASH, "/home/x")
    carrier = Carrier(files)
    carrier.do(files.received(Accept(1, 0, MAX), 0))
    return files, carrier


def receiving(size: int = 100 * CHUNK, written: int = CHUNK, sure: int = CHUNK) -> Files:
    """Return a receiver that has written some."""
    files = made()
    files.received(FileOffer(1, "x", size, HASH), 0)
    files.accept("f1", OnDisk("partial", 0, b""))
    for begin in range(0, written, CHUNK):
        files.received(Chunk(1, begin, bytes(min(CHUNK, written - begin))), 0)
    files.written(1, written, 0, OnDisk("partial", sure, HASH))
    return files


# -- the sender ---------------------------------------------------------------------------------------------------


def test_a_sender_goes_on_from_the_first_byte_that_may_be_missing_once_the_file_is_known_to_be_the_same():
    files, carrier = sending()
    carrier.acknowledge()
    files = again(files)
    carrier = Carrier(files)
    assert files.rows()[0]["reason"] == CHECKING and files.rows()[0]["moved"] == FIRST_WINDOW * CHUNK
    carrier.do(files.received(More(1, MAX), 0))
    assert carrier.carried == [], "not before"
    effects = files.sound(1)
    assert events(effects, "file-state")[0]["reason"] == ""
    carrier.do(effects)
    assert carrier.carried[0].offset == FIRST_WINDOW * CHUNK and files.left()[0].on_disk.place == "/home/x"


def test_an_offer_waits_for_its_check_also_when_it_is_accepted_meanwhile():
    files = made()
    files.offer("x", 5, HASH, "/home/x")
    files = again(files)
    assert not kinds(files.received(Accept(1, 0, 5), 0), ReadFile) and states(files) == [("moving", CHECKING)]
    assert kinds(files.sound(1), ReadFile) == [ReadFile(1, 0, 5)]


def test_a_file_that_changed_is_withdrawn_with_that_reason():
    files = again(sending()[0])
    effects = files.disk_failed(1, FileChanged())
    assert said(effects) == [FileWithdraw(1, "file-changed")] and kinds(effects, DropFile)
    assert states(files) == [("failed", "file-changed")] and events(effects, "chat-error")[0]["code"] == "file-changed"
    other = receiving()
    other.received(FileWithdraw(1, "file-changed"), 0)
    assert states(other) == [("failed", "file-changed")]


def test_who_has_all_that_was_sent_before_the_restart_is_believed_and_nobody_else():
    files, carrier = sending(3 * CHUNK)
    assert len(carrier.carried) == 3
    files = again(files)
    files.received(Done(1), 0)
    assert states(files) == [("done", "")]
    files = again(sending()[0])
    assert files.received(Done(1), 0) == [] and states(files) == [("moving", CHECKING)]


@pytest.mark.parametrize("message", [
    Accept(1, 100 * CHUNK + 1, MAX), Accept(1, 5, 4), Accept(2, 0, 1), Accept(MAX, 0, 1), More(2, 1), Pause(7),
    Done(2), FileRefuse(2, "x")])
def test_a_hostile_place_to_go_on_from_changes_nothing(message):
    files = again(sending()[0])
    before = files.dump()
    assert files.received(message, 0) == [] and files.dump() == before


@pytest.mark.parametrize("place", [-1, 2**53, 2**64 - 1, 1.5, "1", None])
def test_a_place_that_is_none_is_no_message(place):
    payload = encode_file(Accept(1, 0, 1)).replace(b"\xa6offset\x00", b"\xa6offset" + msgspec.msgpack.encode(place))
    with pytest.raises(ChannelBroken):
        decode_file(payload)


def test_a_place_that_is_named_twice_is_gone_on_from_twice():
    files = again(sending()[0])
    carrier = Carrier(files)
    carrier.do(files.sound(1))
    for _ in range(2):
        carrier.carried.clear()
        carrier.do(files.received(Accept(1, 7, MAX), 0))
        carrier.acknowledge()
        assert carrier.carried[0].offset == 7


# -- the receiver -------------------------------------------------------------------------------------------------


def test_a_receiver_says_where_to_go_on_once_it_knows_what_it_has():
    files = again(receiving(written=10 * CHUNK, sure=4 * CHUNK))
    assert states(files) == [("moving", CHECKING)] and files.left()[0].on_disk == OnDisk("partial", 4 * CHUNK, HASH)
    assert files.received(Chunk(1, 4 * CHUNK, b"early"), 0) == []
    effects = files.found(1, OnDisk("partial", 4 * CHUNK, HASH))
    assert said(effects) == [Accept(1, 4 * CHUNK, 4 * CHUNK + CREDIT)] and states(files) == [("moving", "")]
    assert kinds(files.received(Chunk(1, 4 * CHUNK, b"in time"), 0), WriteFile)


def test_what_is_there_already_is_not_written_twice():
    files = receiving()
    assert files.received(Chunk(1, 0, bytes(CHUNK)), 0) == []
    (write,) = kinds(files.received(Chunk(1, CHUNK - 2, b"abcde"), 0), WriteFile)
    assert write.data == b"cde"
    assert files.received(Chunk(1, CHUNK - 2, b"abcde"), 0) == []


def test_a_file_that_begins_anew_lets_no_more_come_than_can_wait_and_ends_only_what_was_never_allowed():
    files = receiving(10 * CREDIT, 2 * CREDIT // CHUNK * CHUNK // 2, CREDIT)
    for begin in range(CREDIT, CREDIT + CREDIT // 2, CHUNK):
        files.received(Chunk(1, begin, bytes(CHUNK)), 0)
    files.written(1, CREDIT + CREDIT // 2, 0, OnDisk("partial", CREDIT, HASH))
    files = again(files)
    assert said(files.found(1, OnDisk("other", 0, b""))) == [Accept(1, 0, CREDIT)]
    assert files.received(Chunk(1, CREDIT + 5, b"of before the restart"), 0) == []
    for begin in range(0, CREDIT, CHUNK):
        assert files.received(Chunk(1, begin, bytes(CHUNK)), 0)
    assert files.received(Chunk(1, CREDIT, b"too early"), 0) == [] and states(files) == [("moving", "")]
    assert said(files.received(Chunk(1, 9 * CREDIT, b"x"), 0)) == [FileRefuse(1, "beyond-window")]


def test_a_file_that_was_whole_is_kept_after_the_restart():
    files = again(receiving(3, 3, 0))
    effects = files.found(1, OnDisk("partial", 3, HASH))
    assert said(effects) == [Accept(1, 3, 3)] and len(kinds(effects, FinishFile)) == 1
    assert said(files.placed(1, "x")) == [Done(1)]


@pytest.mark.parametrize("error", [FileFailed(), NoDownloads()])
def test_a_disk_that_is_not_there_halts_the_file_over_restarts_until_it_is_accepted(error):
    files = again(receiving())
    assert said(files.disk_failed(1, error)) == [Pause(1)]
    files = again(files)
    assert states(files) == [("halted", error.code)] and files.received(Chunk(1, CHUNK, b"x"), 0) == []
    assert said(files.accept("f1", OnDisk("partial", CHUNK, HASH))) == [Accept(1, CHUNK, CHUNK + CREDIT)]


@pytest.mark.parametrize("close", [
    lambda files: files.cancel("f1"), lambda files: files.received(FileWithdraw(1, "cancelled"), 0),
    lambda files: files.end()], ids=["cancelled", "withdrawn", "ended"])
def test_what_the_disk_tells_of_a_file_that_is_over_changes_nothing(close):
    files = again(receiving())
    assert kinds(close(files), DropFile) == [DropFile(1)]
    before = states(files)
    assert files.found(1, OnDisk("partial", CHUNK, HASH)) == files.placed(1, "x") == files.written(1, 5, 0) == []
    assert files.disk_failed(1, FileFailed()) == [] and states(files) == before
    with pytest.raises(TooLate):
        files.accept("f1")


def test_files_of_a_version_that_kept_only_their_numbers_have_failed():
    files = made()
    posts = files.load(decode(encode(FilesRecord(3, 2, 1, [("out", 1), ("in", 2)])), FilesRecord))
    assert said(posts) == [FileWithdraw(1, "file-failed"), FileRefuse(2, "file-failed")] and files.rows() == []
    assert files.offer("x", 1, HASH)[0].label == "f4"


# -- both ---------------------------------------------------------------------------------------------------------


class Side:
    """One side, its disk, and what it has sent and the other has not taken yet, in the order of the channel."""

    def __init__(self, content: bytes) -> None:
        self.files = made()
        self.content = content
        self.written = bytearray()
        self.sure = 0
        self.name = ""
        self.queue: deque[tuple[int, bytes]] = deque()
        self.tickets = 0

    def do(self, effects: list[Any]) -> None:
        for effect in effects:
            if isinstance(effect, Post):
                self.tickets += 1
                self.queue.append((self.tickets, effect.payload))
                self.files.posted(self.tickets, effect, 0)
            elif isinstance(effect, ReadFile):
                data = self.content[effect.offset:effect.offset + effect.size]
                self.do(self.files.read(effect.number, effect.offset, data))
            elif isinstance(effect, WriteFile):
                self.written += effect.data
                self.do(self.files.written(1, len(self.written), 0, self.on_disk()))
            elif isinstance(effect, FinishFile):
                assert hashlib.sha256(self.written).digest() == effect.digest
                self.name = effect.name
                self.do(self.files.placed(1, effect.name))

    def on_disk(self) -> OnDisk:
        return OnDisk("partial", self.sure, HASH)

    def deliver(self, other: Side) -> None:
        """Have the other side take the next payload, and acknowledge it."""
        if self.queue:
            ticket, payload = self.queue.popleft()
            if payload:
                other.do(other.files.received(decode_file(payload), 0))
            self.do(self.files.acknowledged(ticket, 0))

    def flush(self) -> None:
        """What is written is sure to stay."""
        self.sure = len(self.written)
        if self.files.rows() and self.files.rows()[0]["state"] == "moving":
            self.do(self.files.written(1, self.sure, 0, self.on_disk()))

    def restart(self) -> None:
        """Chunks that nobody acknowledged are not kept, and what was not flushed is not there."""
        self.files = again(self.files)
        self.queue = deque((ticket, b"" if len(payload) > 4_096 else payload) for ticket, payload in self.queue)

    def check(self, *, lost: bool = False) -> None:
        """Compare the disk with what the store has, if that was not done in this run."""
        for transfer in self.files.left():
            if transfer.checking and transfer.direction == "out":
                self.do(self.files.sound(1))
            elif transfer.checking:
                self.sure = 0 if lost else transfer.on_disk.size
                del self.written[self.sure:]
                self.do(self.files.found(1, self.on_disk()))


STEPS = st.sampled_from(["there", "there", "back", "back", "flush", "sender restarts", "receiver restarts", "check",
                         "check after a loss"])


@settings(max_examples=150, deadline=None)
@given(size=st.integers(0, 90 * CHUNK), steps=st.lists(STEPS, max_size=120))
def test_whoever_restarts_and_whenever_the_file_arrives_once_and_as_it_was(size, steps):
    content = os.urandom(size)
    sender, receiver = Side(content), Side(b"")
    _, effects = sender.files.offer("x", size, hashlib.sha256(content).digest(), "/home/x")
    sender.do(effects)
    sender.deliver(receiver)
    receiver.do(receiver.files.accept("f1", OnDisk("partial", 0, HASH)))
    doing = {"there": lambda: sender.deliver(receiver), "back": lambda: receiver.deliver(sender),
             "flush": receiver.flush, "sender restarts": sender.restart, "receiver restarts": receiver.restart,
             "check": lambda: (sender.check(), receiver.check()),
             "check after a loss": lambda: receiver.check(lost=True)}
    for step in steps:
        doing[step]()
    sender.check()
    receiver.check()
    while sender.queue or receiver.queue:
        sender.deliver(receiver)
        receiver.deliver(sender)
    assert receiver.name == "x" and receiver.written == content
    assert {state for side in (sender, receiver) for state, _ in states(side.files)} <= {"done"}
