"""Text messages: their states, their bounds, and what is kept of them."""

from __future__ import annotations

import pytest

from whisperd.errors import MessageTooLarge, QueueFull, UsageError
from whisperd.peer.conversation.messages import MAX_HELD_BYTES, MAX_HELD_MESSAGES, Messages
from whisperd.wire.envelope import Text


def states(messages: Messages) -> list[str | int]:
    return [row["state"] for row in messages.history(0)]


def test_a_message_is_queued_then_sent_then_delivered_and_each_is_told():
    messages = Messages("c1", 10)
    message, told = messages.accepted("hello", 7)
    assert [event.fields for event in told] == [
        {"chat": "c1", "id": 1, "direction": "out", "text": "hello", "timer": 0},
        {"chat": "c1", "id": 1, "state": "queued"}]
    told = [*messages.sent(7), *messages.acknowledged(7, 0.0)]
    assert [event.fields["state"] for event in told] == ["sent", "delivered"]
    assert message.state == "delivered" and messages.counts() == {"queued": 0, "sent": 0, "delivered": 1, "received": 0}


def test_an_acknowledgement_covers_everything_before_it_and_is_told_once():
    messages = Messages("c1", 10)
    for seq in (1, 3, 4):
        messages.accepted("x", seq)
    assert len(messages.acknowledged(3, 0.0)) == 2 and messages.acknowledged(3, 0.0) == []
    assert states(messages) == ["delivered", "delivered", "queued"]


def test_what_was_not_delivered_at_the_end_has_failed():
    messages = Messages("c1", 10)
    messages.accepted("a", 1)
    messages.accepted("b", 2)
    messages.acknowledged(1, 0.0)
    assert [event.fields["id"] for event in messages.fail()] == [2] and states(messages) == ["delivered", "failed"]
    assert messages.fail() == []


def test_both_directions_share_one_numbering():
    messages = Messages("c1", 10)
    messages.accepted("a", 1)
    (told,) = messages.received(Text("b\x1b[2J"), 0.0)
    assert told.fields == {"chat": "c1", "id": 2, "direction": "in", "text": "b\x1b[2J", "timer": 0}
    assert messages.history(1) == [{"id": 2, "direction": "in", "text": "b\x1b[2J", "state": "received", "timer": 0}]


def test_frames_of_other_streams_are_not_messages():
    messages = Messages("c1", 10)
    assert messages.sent(5) == [] and messages.acknowledged(5, 0.0) == []


@pytest.mark.parametrize(("text", "error"), [
    ("", UsageError), ("\ud800", UsageError), ("x" * 16_001, MessageTooLarge), ("é" * 8_001, MessageTooLarge)])
def test_a_text_that_cannot_be_sent_is_refused(text, error):
    with pytest.raises(error):
        Messages("c1", 10).check(text)


def test_the_longest_text_is_accepted():
    Messages("c1", 10).check("é" * 8_000)


def test_the_queue_is_bounded_by_what_was_not_delivered():
    messages = Messages("c1", 2)
    for seq in (1, 2):
        messages.check("x")
        messages.accepted("x", seq)
    with pytest.raises(QueueFull):
        messages.check("x")
    messages.acknowledged(1, 0.0)
    messages.check("x")


def test_history_is_bounded_in_messages_and_in_bytes():
    messages = Messages("c1", 10)
    for _ in range(MAX_HELD_MESSAGES + 5):
        messages.received(Text("x"), 0.0)
    assert len(messages.history(0)) == MAX_HELD_MESSAGES and messages.history(0)[0]["id"] == 6
    for _ in range(100):
        messages.received(Text("é" * 8_000), 0.0)
    assert sum(len(str(row["text"]).encode()) for row in messages.history(0)) <= MAX_HELD_BYTES


def test_what_was_read_is_forgotten_before_what_was_not():
    messages = Messages("c1", 10)
    for _ in range(MAX_HELD_MESSAGES):
        messages.received(Text("x"), 0.0)
    messages.seen(20, 11)
    for ticket in range(5):
        messages.accepted("mine", ticket)
    messages.acknowledged(4, 0.0)
    for _ in range(5):
        messages.received(Text("y"), 0.0)
    unread = {*range(1, 11), *range(21, MAX_HELD_MESSAGES + 1), *range(MAX_HELD_MESSAGES + 6, MAX_HELD_MESSAGES + 11)}
    assert messages.unread == unread <= {row["id"] for row in messages.history(0)}
    for _ in range(MAX_HELD_MESSAGES):
        messages.received(Text("z"), 0.0)
    assert len(messages.history(0)) == MAX_HELD_MESSAGES == len(messages.unread)
    assert messages.history(0)[-1]["text"] == "z"


def test_what_waits_for_delivery_is_kept_whatever_else_is_said():
    messages = Messages("c1", 100)
    for ticket in range(100):
        messages.accepted("x" * 16_000, ticket)
    for _ in range(MAX_HELD_MESSAGES + 5):
        messages.received(Text("y"), 0.0)
    assert [row["id"] for row in messages.history(0)][:100] == list(range(1, 101))
    assert len(messages.held(everything=False)) >= 100
    assert {event.fields["state"] for event in messages.acknowledged(99, 0.0)} == {"delivered"}
    assert sum(len(str(row["text"]).encode()) for row in messages.history(0)) <= MAX_HELD_BYTES


def test_whatever_waits_goes_on_waiting_after_a_restart():
    messages, again = Messages("c1", 100), Messages("c1", 100)
    for ticket in range(100):
        messages.accepted("x" * 16_000, ticket)
    again.load(messages.dump(), messages.held(everything=True))
    with pytest.raises(QueueFull):
        again.check("x")
    assert len(again.acknowledged(99, 0.0)) == 100 and again.counts()["delivered"] == 100


def test_nothing_is_forgotten_before_it_is_written():
    messages = Messages("c1", 100)
    messages.written()
    for _ in range(MAX_HELD_MESSAGES + 5):
        messages.received(Text("x"), 0.0)
    assert len(messages.history(0)) == MAX_HELD_MESSAGES + 5
    messages.written()
    assert len(messages.history(0)) == MAX_HELD_MESSAGES


def test_wiping_forgets_what_was_said():
    messages = Messages("c1", 10)
    messages.accepted("x", 1)
    messages.wipe()
    assert messages.history(0) == [] and messages.fail() == []
