"""Text messages: their states, their bounds, and what is kept of them."""

from __future__ import annotations

import pytest

from whisperd.errors import MessageTooLarge, QueueFull, UsageError
from whisperd.peer.conversation.messages import MAX_HELD_BYTES, MAX_HELD_MESSAGES, Chat
from whisperd.wire.envelope import Text


def states(chat: Chat) -> list[str | int]:
    return [row["state"] for row in chat.history(0)]


def test_a_message_is_queued_then_sent_then_delivered_and_each_is_told():
    chat = Chat("c1", 10)
    message, told = chat.accepted("hello", 7)
    assert [event.fields for event in told] == [
        {"chat": "c1", "id": 1, "direction": "out", "text": "hello", "timer": 0},
        {"chat": "c1", "id": 1, "state": "queued"}]
    assert [event.fields["state"] for event in [*chat.sent(7), *chat.acknowledged(7, 0.0)]] == ["sent", "delivered"]
    assert message.state == "delivered" and chat.counts() == {"queued": 0, "sent": 0, "delivered": 1, "received": 0}


def test_an_acknowledgement_covers_everything_before_it_and_is_told_once():
    chat = Chat("c1", 10)
    for seq in (1, 3, 4):
        chat.accepted("x", seq)
    assert len(chat.acknowledged(3, 0.0)) == 2 and chat.acknowledged(3, 0.0) == []
    assert states(chat) == ["delivered", "delivered", "queued"]


def test_what_was_not_delivered_at_the_end_has_failed():
    chat = Chat("c1", 10)
    chat.accepted("a", 1)
    chat.accepted("b", 2)
    chat.acknowledged(1, 0.0)
    assert [event.fields["id"] for event in chat.fail()] == [2] and states(chat) == ["delivered", "failed"]
    assert chat.fail() == []


def test_both_directions_share_one_numbering():
    chat = Chat("c1", 10)
    chat.accepted("a", 1)
    (told,) = chat.received(Text("b\x1b[2J"), 0.0)
    assert told.fields == {"chat": "c1", "id": 2, "direction": "in", "text": "b\x1b[2J", "timer": 0}
    assert chat.history(1) == [{"id": 2, "direction": "in", "text": "b\x1b[2J", "state": "received", "timer": 0}]


def test_frames_of_other_streams_are_not_messages():
    chat = Chat("c1", 10)
    assert chat.sent(5) == [] and chat.acknowledged(5, 0.0) == []


@pytest.mark.parametrize(("text", "error"), [
    ("", UsageError), ("\ud800", UsageError), ("x" * 16_001, MessageTooLarge), ("é" * 8_001, MessageTooLarge)])
def test_a_text_that_cannot_be_sent_is_refused(text, error):
    with pytest.raises(error):
        Chat("c1", 10).check(text)


def test_the_longest_text_is_accepted():
    Chat("c1", 10).check("é" * 8_000)


def test_the_queue_is_bounded_by_what_was_not_delivered():
    chat = Chat("c1", 2)
    for seq in (1, 2):
        chat.check("x")
        chat.accepted("x", seq)
    with pytest.raises(QueueFull):
        chat.check("x")
    chat.acknowledged(1, 0.0)
    chat.check("x")


def test_history_is_bounded_in_messages_and_in_bytes():
    chat = Chat("c1", 10)
    for _ in range(MAX_HELD_MESSAGES + 5):
        chat.received(Text("x"), 0.0)
    assert len(chat.history(0)) == MAX_HELD_MESSAGES and chat.history(0)[0]["id"] == 6
    for _ in range(100):
        chat.received(Text("é" * 8_000), 0.0)
    assert sum(len(str(row["text"]).encode()) for row in chat.history(0)) <= MAX_HELD_BYTES


def test_what_was_read_is_forgotten_before_what_was_not():
    chat = Chat("c1", 10)
    for _ in range(MAX_HELD_MESSAGES):
        chat.received(Text("x"), 0.0)
    chat.seen(20, 11)
    for ticket in range(5):
        chat.accepted("mine", ticket)
    chat.acknowledged(4, 0.0)
    for _ in range(5):
        chat.received(Text("y"), 0.0)
    unread = {*range(1, 11), *range(21, MAX_HELD_MESSAGES + 1), *range(MAX_HELD_MESSAGES + 6, MAX_HELD_MESSAGES + 11)}
    assert chat.unread == unread <= {row["id"] for row in chat.history(0)}
    for _ in range(MAX_HELD_MESSAGES):
        chat.received(Text("z"), 0.0)
    assert len(chat.history(0)) == MAX_HELD_MESSAGES == len(chat.unread) and chat.history(0)[-1]["text"] == "z"


def test_what_waits_for_delivery_is_kept_whatever_else_is_said():
    chat = Chat("c1", 100)
    for ticket in range(100):
        chat.accepted("x" * 16_000, ticket)
    for _ in range(MAX_HELD_MESSAGES + 5):
        chat.received(Text("y"), 0.0)
    assert [row["id"] for row in chat.history(0)][:100] == list(range(1, 101))
    assert len(chat.messages(everything=False)) >= 100
    assert {event.fields["state"] for event in chat.acknowledged(99, 0.0)} == {"delivered"}
    assert sum(len(str(row["text"]).encode()) for row in chat.history(0)) <= MAX_HELD_BYTES


def test_whatever_waits_goes_on_waiting_after_a_restart():
    chat, again = Chat("c1", 100), Chat("c1", 100)
    for ticket in range(100):
        chat.accepted("x" * 16_000, ticket)
    again.load(chat.dump(), chat.messages(everything=True))
    with pytest.raises(QueueFull):
        again.check("x")
    assert len(again.acknowledged(99, 0.0)) == 100 and again.counts()["delivered"] == 100


def test_nothing_is_forgotten_before_it_is_written():
    chat = Chat("c1", 100)
    chat.keep_until_written()
    for _ in range(MAX_HELD_MESSAGES + 5):
        chat.received(Text("x"), 0.0)
    assert len(chat.history(0)) == MAX_HELD_MESSAGES + 5
    chat.written()
    assert len(chat.history(0)) == MAX_HELD_MESSAGES


def test_wiping_forgets_what_was_said():
    chat = Chat("c1", 10)
    chat.accepted("x", 1)
    chat.wipe()
    assert chat.history(0) == [] and chat.fail() == []
