"""A whole conversation between two cores: states, errors, ends, and what is wiped."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest

from tests.peer.support import conversation, events, frames, only, terms
from whisperd.errors import (
    ConversationEnded,
    ConversationNotConnected,
    DialFailed,
    DialRefused,
    QueueFull,
    RelayRefused,
    RoomFull,
    WhisperdError,
)
from whisperd.peer.conversation.conversation import END_PATIENCE, Conversation
from whisperd.peer.conversation.opening import HANDSHAKE_PATIENCE, MAX_FAILURES, MAX_REJOIN_DELAY
from whisperd.peer.conversation.states import (
    ENDED,
    LINK_DOWN,
    LINK_UP,
    OVER,
    SHOWN,
    TABLE,
    UP,
    ImpossibleEvent,
    Status,
    following,
)
from whisperd.peer.effects import Confirmed, Ended, Rejoin, SendFrame
from whisperd.wire.invite import CLOCK_SKEW

EXPIRES = 10_000.0


class Two:
    """An inviter and a joiner, with a link between them that keeps order."""

    def __init__(self, *, max_queue: int = 10, **joiner: Any) -> None:
        self.inviter = conversation("c1", terms("inviter"), inviter=True, expires=EXPIRES, max_queue=max_queue)
        self.joiner = conversation("c1", terms("joiner", **joiner), inviter=False, expires=EXPIRES,
                                   max_queue=max_queue)
        self.done: dict[str, list[Any]] = {"inviter": [], "joiner": []}
        self.under_way: deque[tuple[Conversation, bytes]] = deque()
        self.now = 0.0

    def do(self, side: Conversation, effects: list[Any]) -> list[Any]:
        self.done[side.role] += effects
        other = self.joiner if side is self.inviter else self.inviter
        self.under_way.extend((other, frame) for frame in frames(effects))
        return effects

    def up(self) -> None:
        for side in (self.inviter, self.joiner):
            self.do(side, side.link_up(self.now))

    def down(self, reason: str = "relay-lost") -> None:
        self.under_way.clear()
        for side in (self.inviter, self.joiner):
            self.do(side, side.link_down(reason, self.now))

    def step(self) -> None:
        receiver, frame = self.under_way.popleft()
        self.do(receiver, receiver.frame_received(frame, self.now))

    def settle(self) -> None:
        while self.under_way:
            self.step()

    def say(self, side: Conversation, text: str) -> None:
        self.do(side, side.send(text, self.now)[1])

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        for side in (self.inviter, self.joiner):
            while side.wake_at is not None and side.wake_at <= self.now:
                self.do(side, side.tick(self.now))

    def states(self, role: str) -> list[tuple[str, str]]:
        return [(fields["state"], fields["reason"]) for fields in events(self.done[role], "chat-state")]

    def heard(self, side: Conversation) -> list[str]:
        return [str(row["text"]) for row in side.messages.history(0) if row["direction"] == "in"]


@pytest.fixture
def two() -> Two:
    return Two()


@pytest.fixture
def talking(two: Two) -> Two:
    two.up()
    two.settle()
    return two


def test_every_state_can_be_reached_and_ends_and_nothing_follows_the_end():
    reached, states = {"waiting", *TABLE.values()}, {state for state, _ in TABLE}
    assert states == reached - {ENDED} and states >= UP | set(SHOWN)
    assert {state for state, event in TABLE if event == OVER} == states
    assert {state for state, event in TABLE if event == LINK_UP and TABLE[state, event] in UP} == states


def test_what_has_no_row_in_the_table_is_a_bug_and_ends_no_conversation(production):
    status = Status("c1", "invited")
    assert status.turn(LINK_DOWN, "lost") == [] and status.state == "waiting"
    assert "ImpossibleEvent" in production.getvalue()
    status.turn(OVER, "ended")
    assert status.turn(LINK_UP, "peer-here") == [] and status.state == ENDED
    with pytest.raises(ImpossibleEvent):
        following("connected", "restored")


def test_two_sides_meet_and_talk(talking: Two):
    talking.say(talking.inviter, "hello")
    talking.say(talking.joiner, "and hello to you")
    talking.settle()
    assert talking.heard(talking.joiner) == ["hello"] and talking.heard(talking.inviter) == ["and hello to you"]
    assert talking.inviter.comparison() == talking.joiner.comparison()
    for role in ("inviter", "joiner"):
        assert talking.states(role) == [("handshake", "peer-here"), ("connected", "confirmed")]
        assert only(talking.done[role], Confirmed)


def test_before_the_key_is_confirmed_nothing_can_be_sent_or_compared(two: Two):
    for side in (two.inviter, two.joiner):
        with pytest.raises(ConversationNotConnected):
            side.send("early", 0)
        with pytest.raises(ConversationNotConnected):
            side.comparison()
        assert side.row()["level"] is None and side.row()["suite"] == {"kex": None, "ratchet": None}


@pytest.mark.parametrize("steps", range(7))
def test_a_link_that_breaks_at_any_step_of_the_handshake_only_delays_it(two: Two, steps: int):
    two.up()
    for _ in range(steps):
        if two.under_way:
            two.step()
    two.down()
    two.up()
    two.settle()
    two.say(two.inviter, "hello")
    two.settle()
    assert two.heard(two.joiner) == ["hello"]
    assert two.inviter.comparison()["words"] == two.joiner.comparison()["words"]


def test_a_handshake_without_an_answer_begins_anew(two: Two):
    two.up()
    two.under_way.clear()
    two.pass_time(HANDSHAKE_PATIENCE)
    two.settle()
    assert two.joiner.state == two.inviter.state == "connected"


def test_messages_wait_while_the_other_side_is_away_and_arrive_once(talking: Two):
    talking.down()
    for number in range(5):
        talking.say(talking.inviter, f"message {number}")
    assert talking.inviter.row()["queued"] == 5 and talking.inviter.state == "away"
    talking.up()
    assert talking.inviter.state == "away", "a relay's word alone does not count"
    talking.settle()
    assert talking.heard(talking.joiner) == [f"message {number}" for number in range(5)]
    assert talking.inviter.row()["delivered"] == 5
    assert talking.states("inviter")[-2:] == [("away", "relay-lost"), ("connected", "resumed")]


def test_the_queue_is_bounded_and_the_end_gets_through_all_the_same(two: Two):
    two.up()
    two.settle()
    two.down()
    for _ in range(10):
        two.say(two.inviter, "x")
    with pytest.raises(QueueFull):
        two.inviter.send("x", two.now)
    two.do(two.inviter, two.inviter.end(two.now))
    two.up()
    two.settle()
    assert two.inviter.state == two.joiner.state == "ended" and len(two.heard(two.joiner)) == 10


def test_ending_tells_the_other_side_and_destroys_the_keys_on_both(talking: Two):
    sessions = [talking.inviter._session, talking.joiner._session]
    talking.say(talking.inviter, "bye")
    talking.do(talking.inviter, talking.inviter.end(talking.now))
    talking.settle()
    assert talking.states("inviter")[-1] == ("ended", "ended")
    assert talking.states("joiner")[-1] == ("ended", "peer-ended")
    for side, role, session in zip((talking.inviter, talking.joiner), ("inviter", "joiner"), sessions, strict=True):
        assert isinstance(talking.done[role][-1], Ended) and side.wake_at is None
        assert session is not None and not any(session._keys.verification) and not any(side._opening.terms.keys.psk)
        with pytest.raises(ValueError, match="wiped"):
            session.channel._session.encrypt(b"", b"")
        for use in (lambda side=side: side.send("x", 0), lambda side=side: side.comparison(),
                    lambda side=side: side.end(0)):
            with pytest.raises(ConversationEnded):
                use()
    assert talking.heard(talking.joiner) == ["bye"], "what was said last can still be read"
    talking.joiner.forget()
    assert talking.joiner.messages.history(0) == []


def test_an_end_that_nobody_hears_takes_five_seconds_and_fails_what_waited(talking: Two):
    talking.down()
    talking.say(talking.inviter, "never")
    talking.do(talking.inviter, talking.inviter.end(talking.now))
    with pytest.raises(ConversationEnded):
        talking.inviter.send("more", talking.now)
    with pytest.raises(ConversationEnded):
        talking.inviter.end(talking.now)
    talking.pass_time(END_PATIENCE - 0.1)
    assert talking.inviter.state == "away"
    talking.pass_time(0.1)
    assert talking.inviter.state == "ended" and talking.inviter.messages.history(0)[0]["state"] == "failed"
    assert talking.joiner.state == "away"


@pytest.mark.parametrize("before", [True, False])
def test_a_relay_that_says_the_other_side_left_ends_nothing(talking: Two, before: bool):
    if before:
        talking.down("peer-left")
    talking.do(talking.inviter, talking.inviter.end(talking.now))
    talking.down("peer-left")
    assert talking.inviter.state == "away"
    talking.pass_time(END_PATIENCE - 0.1)
    talking.up()
    talking.settle()
    assert talking.states("inviter")[-1] == ("ended", "ended")
    assert talking.states("joiner")[-1] == ("ended", "peer-ended")


def test_both_may_end_at_once(talking: Two):
    for side in (talking.inviter, talking.joiner):
        talking.do(side, side.end(talking.now))
    talking.settle()
    assert talking.inviter.state == talking.joiner.state == "ended"


def test_an_end_in_the_handshake_is_told_too(two: Two):
    two.up()
    two.do(two.inviter, two.inviter.end(two.now))
    two.settle()
    assert two.states("joiner")[-1] == ("ended", "chat-ended")
    assert events(two.done["joiner"], "chat-error")[0]["code"] == "chat-ended"


def test_a_wrong_secret_ends_the_joiner_and_leaves_the_invite_to_the_right_one():
    two = Two(secret=bytes(32))
    two.up()
    two.settle()
    assert two.states("joiner")[-1] == ("ended", "wrong-secret") and two.inviter.state == "waiting"
    assert [fields["code"] for fields in events(two.done["inviter"], "chat-error")] == ["wrong-secret"]
    assert only(two.done["inviter"], Rejoin).delay == 1
    two.joiner = conversation("c2", terms("right"), inviter=False, expires=EXPIRES, max_queue=10)
    two.under_way.clear()
    two.up()
    two.settle()
    assert two.inviter.state == two.joiner.state == "connected"


def test_a_floor_that_is_not_met_is_named_on_both_sides():
    two = Two(floor=3)
    two.up()
    two.settle()
    for role in ("inviter", "joiner"):
        assert [fields["code"] for fields in events(two.done[role], "chat-error")] == ["floor-not-met"]
    assert two.inviter.state != "ended" and two.joiner.state == "ended"


def test_an_inviter_comes_back_ever_later_and_gives_up_at_last(two: Two):
    delays = []
    for attempt in range(MAX_FAILURES):
        assert two.inviter.state == "waiting", attempt
        two.do(two.inviter, two.inviter.link_up(two.now))
        effects = two.do(two.inviter, two.inviter.frame_received(b"\1" + bytes(300), two.now))
        delays += [effect.delay for effect in effects if isinstance(effect, Rejoin)]
    assert delays == [min(2.0**power, MAX_REJOIN_DELAY) for power in range(MAX_FAILURES - 1)]
    assert two.states("inviter")[-1] == ("ended", "wrong-secret")


@pytest.mark.parametrize("frame", [b"", b"\0", b"\3x", b"\2" + bytes(400), b"\2"])
def test_frames_that_belong_to_nothing_are_dropped(two: Two, frame: bytes):
    two.up()
    for side in (two.inviter, two.joiner):
        assert side.frame_received(frame, two.now) == []
    two.settle()
    assert two.inviter.frame_received(frame, two.now) == two.inviter.frame_received(b"\1" + bytes(300), 0) == []
    assert two.inviter.state == "connected"


def test_an_invite_that_nobody_takes_ends_at_its_expiry(two: Two):
    assert two.inviter.wake_at == EXPIRES
    two.pass_time(EXPIRES)
    assert two.inviter.state == "ended"
    assert events(two.done["inviter"], "chat-error")[0]["code"] == "invite-expired"


def test_a_joiner_whom_nobody_meets_gives_up_a_little_later(two: Two):
    two.pass_time(EXPIRES + CLOCK_SKEW - 1)
    assert two.joiner.state == "waiting"
    two.pass_time(1)
    assert two.states("joiner")[-1] == ("ended", "invite-expired")


def test_a_conversation_outlives_its_invite(talking: Two):
    talking.pass_time(EXPIRES + CLOCK_SKEW + 1)
    assert talking.inviter.state == talking.joiner.state == "connected"


def test_trouble_of_the_link_is_told_once_until_it_is_up(two: Two):
    assert events(two.inviter.link_troubled(DialFailed()), "chat-error")
    assert two.inviter.link_troubled(DialFailed()) == []
    assert events(two.inviter.link_troubled(RelayRefused()), "chat-error")
    assert two.inviter.link_troubled(DialFailed()) == two.inviter.link_troubled(RelayRefused()) == []
    two.inviter.link_up(0)
    two.inviter.link_down("relay-lost", 0)
    assert events(two.inviter.link_troubled(DialFailed()), "chat-error")


@pytest.mark.parametrize("error", [RoomFull(), RelayRefused(), DialRefused(), WhisperdError()])
def test_no_refusal_ends_a_conversation_that_has_a_key(talking: Two, error: WhisperdError):
    for side in (talking.inviter, talking.joiner):
        side.link_down("relay-lost", 0)
        told = events(side.link_troubled(error, refused=True), "chat-error")
        assert [(one["code"], "tries again" in one["remedy"]) for one in told] == [(error.code, True)]
        assert side.state == "away" and side.link_troubled(error, refused=True) == []
        side.send("this waits", 0)


def test_a_refusal_ends_an_invite(two: Two):
    effects = two.joiner.link_troubled(RoomFull(), refused=True)
    assert events(effects, "chat-error")[0]["code"] == "room-full" and two.joiner.state == "ended"
    assert two.joiner.link_troubled(RoomFull(), refused=True) == two.joiner.link_up(0) == \
        two.joiner.link_troubled(RoomFull()) == []


def test_payloads_of_a_newer_version_are_acknowledged_and_dropped(talking: Two):
    session = talking.inviter._session
    assert session is not None
    for stream, payload in ((0, b"\x81\xa1t\xa3new"), (1, b"nonsense"), (2, b"a file"), (200, b"")):
        sent = session.channel.send(stream, payload, talking.now)[1]
        talking.under_way.extend((talking.joiner, effect.frame) for effect in sent if isinstance(effect, SendFrame))
    talking.settle()
    talking.say(talking.inviter, "after")
    talking.settle()
    assert talking.heard(talking.joiner) == ["after"] and talking.inviter.row()["delivered"] == 1


def test_verification_is_marked_when_it_is_confirmed(talking: Two):
    assert talking.inviter.comparison()["verified"] is False
    undo = talking.inviter.mark_verified()
    assert talking.inviter.comparison()["verified"] is True
    assert talking.inviter.row()["verified"] and not talking.joiner.row()["verified"]
    undo()
    assert not talking.inviter.verified
    assert talking.inviter.comparison()["level"] == talking.inviter.row()["level"] == "enhanced"


def test_events_name_the_level_in_force_once_the_key_is_confirmed(talking: Two):
    for done in talking.done.values():
        told = [(fields["state"], fields["level"]) for fields in events(done, "chat-state")]
        assert told[-2:] == [("handshake", None), ("connected", "enhanced")]


def test_a_second_joiner_with_the_link_cannot_push_the_confirmed_one_out(talking: Two):
    second = conversation("c9", terms("second"), inviter=False, expires=EXPIRES, max_queue=10)
    for frame in frames(second.link_up(0)):
        assert talking.inviter.frame_received(frame, 0) == []
    assert talking.inviter.state == "connected"
