"""The channel between two cores: every payload arrives once and in order, whatever happens below."""

from __future__ import annotations

import contextlib
from collections import deque
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.peer.support import frames, pair, real_plugins, seeded
from whisperd.errors import ChannelBroken, MessageRejected
from whisperd.peer.conversation.channel import MAX_PATIENCE, PATIENCE, WINDOW, Acknowledged, Channel, Received, Sent
from whisperd.wire.envelope import ChannelFrame, Kind

AD = b"associated data"


def sessions() -> tuple[Any, Any]:
    """Return (initiator, responder) of the real ratchet."""
    ratchet = real_plugins().ratchet("double-he")
    offer, private = ratchet.offer(seeded("offer"))
    return ratchet.initiator(bytes(32), offer, seeded("a")), ratchet.responder(bytes(32), private, seeded("b"))


class Wire:
    """Two channels, and what is under way between them."""

    def __init__(self) -> None:
        initiator, responder = sessions()
        self.sides = [Channel(initiator, AD), Channel(responder, AD)]
        self.under_way: list[deque[bytes]] = [deque(), deque()]
        self.sent: list[list[bytes]] = [[], []]
        self.received: list[list[bytes]] = [[], []]
        self.confirmed = [0, 0]
        self.now = 0.0

    def do(self, side: int, effects: list[Any]) -> None:
        self.under_way[side].extend(frames(effects))
        self.received[side] += [effect.payload for effect in effects if isinstance(effect, Received)]
        self.confirmed[side] = max([self.confirmed[side], *(e.ticket for e in effects if isinstance(e, Acknowledged))])

    def connect(self) -> None:
        for side in (0, 1):
            self.under_way[side].clear()
        for side in (0, 1):
            self.do(side, self.sides[side].link_up(self.now))

    def say(self, side: int, payload: bytes) -> None:
        self.sent[side].append(payload)
        self.do(side, self.sides[side].send(1, payload, self.now)[1])

    def deliver(self, sender: int) -> None:
        if self.under_way[sender]:
            frame = self.under_way[sender].popleft()
            with contextlib.suppress(MessageRejected):
                self.do(1 - sender, self.sides[1 - sender].receive(frame, self.now))

    def settle(self) -> None:
        while any(self.under_way):
            for side in (0, 1):
                self.deliver(side)


class HostileLink(RuleBasedStateMachine):
    """Drops links, loses, doubles and reorders frames, lets time pass; then a good link has to mend everything."""

    def __init__(self) -> None:
        super().__init__()
        self.wire = Wire()
        self.up = False
        self.count = 0

    @rule()
    def connect(self) -> None:
        self.wire.connect()
        self.up = True

    @precondition(lambda self: self.up)
    @rule()
    def drop_the_link(self) -> None:
        for side in (0, 1):
            self.wire.sides[side].link_down()
            self.wire.under_way[side].clear()
        self.up = False

    @rule(side=st.integers(0, 1), many=st.integers(1, 80))
    def say(self, side: int, many: int) -> None:
        for _ in range(many):
            self.count += 1
            self.wire.say(side, str(self.count).encode())

    @rule(side=st.integers(0, 1), many=st.integers(1, 100))
    def deliver(self, side: int, many: int) -> None:
        for _ in range(many):
            self.wire.deliver(side)

    @rule(side=st.integers(0, 1), many=st.integers(1, 5))
    def lose(self, side: int, many: int) -> None:
        for _ in range(min(many, len(self.wire.under_way[side]))):
            self.wire.under_way[side].popleft()

    @rule(side=st.integers(0, 1), place=st.integers(0, 100))
    def double(self, side: int, place: int) -> None:
        under_way = self.wire.under_way[side]
        if under_way:
            under_way.append(under_way[place % len(under_way)])

    @rule(side=st.integers(0, 1), place=st.integers(-100, 100))
    def reorder(self, side: int, place: int) -> None:
        self.wire.under_way[side].rotate(place)

    @rule(seconds=st.floats(0, 100))
    def wait(self, seconds: float) -> None:
        self.wire.now += seconds
        for side in (0, 1):
            self.wire.do(side, self.wire.sides[side].tick(self.wire.now))

    @invariant()
    def nothing_is_doubled_lost_or_out_of_order(self) -> None:
        for side in (0, 1):
            received, sent = self.wire.received[side], self.wire.sent[1 - side]
            assert received == sent[:len(received)]
            assert self.wire.confirmed[1 - side] <= len(received), "only what arrived is confirmed"

    def teardown(self) -> None:
        self.wire.connect()
        self.wire.settle()
        for side in (0, 1):
            assert self.wire.received[side] == self.wire.sent[1 - side]
            assert self.wire.confirmed[1 - side] == len(self.wire.sent[1 - side])
            assert self.wire.sides[side].wake_at is None


HostileLink.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestHostileLink = HostileLink.TestCase


def connected() -> Wire:
    wire = Wire()
    wire.connect()
    wire.settle()
    return wire


def test_the_responder_greets_once_it_can():
    wire = Wire()
    wire.connect()
    assert [len(under_way) for under_way in wire.under_way] == [1, 0]
    wire.deliver(0)
    assert len(wire.under_way[1]) == 1 and wire.sides[1].heard
    wire.settle()
    assert wire.sides[0].heard


def test_nothing_but_the_greeting_is_sent_before_the_other_side_was_heard():
    wire = Wire()
    wire.connect()
    wire.say(0, b"early")
    assert len(wire.under_way[0]) == 1
    wire.settle()
    assert wire.received[1] == [b"early"]


def test_no_more_than_the_window_is_in_flight():
    wire = connected()
    for number in range(WINDOW + 20):
        wire.say(0, b"%d" % number)
    assert len(wire.under_way[0]) == WINDOW
    wire.deliver(0)
    wire.deliver(1)
    assert len(wire.under_way[0]) == WINDOW, "each acknowledgement lets one more out"


def test_a_lost_frame_is_sent_again_after_a_while_and_alone():
    wire = connected()
    for number in range(10):
        wire.say(0, b"%d" % number)
    wire.under_way[0].clear()
    wire.now += PATIENCE - 1
    wire.do(0, wire.sides[0].tick(wire.now))
    assert not wire.under_way[0]
    wire.now += 1
    wire.do(0, wire.sides[0].tick(wire.now))
    assert len(wire.under_way[0]) == 1
    wire.settle()
    assert wire.received[1] == [b"%d" % number for number in range(10)]


def test_a_silent_peer_costs_the_ratchet_one_key_at_a_time_and_ever_more_rarely():
    wire = connected()
    for number in range(200):
        wire.say(0, b"%d" % number)
    used = len(wire.under_way[0])
    assert used == WINDOW
    while wire.now < 86_400:
        wire.now = wire.sides[0].wake_at or 1e9
        wire.do(0, wire.sides[0].tick(wire.now))
    assert len(wire.under_way[0]) - used <= 86_400 / MAX_PATIENCE + 10
    wire.under_way[0].clear()
    wire.connect()
    wire.settle()
    assert len(wire.received[1]) == 200


def test_a_greeting_that_was_lost_is_repeated_and_answered():
    wire = Wire()
    wire.connect()
    wire.under_way[0].clear()
    wire.now = PATIENCE
    wire.do(0, wire.sides[0].tick(wire.now))
    wire.settle()
    wire.say(1, b"hello")
    wire.settle()
    assert wire.received[0] == [b"hello"]


def test_a_greeting_whose_answer_was_lost_is_answered_again():
    wire = Wire()
    wire.connect()
    wire.deliver(0)
    wire.under_way[1].clear()
    wire.now = PATIENCE
    wire.do(0, wire.sides[0].tick(wire.now))
    wire.settle()
    assert wire.sides[0].heard


def test_sent_is_told_once_and_acknowledged_when_it_arrived():
    wire = connected()
    seq, effects = wire.sides[0].send(1, b"x", 0)
    assert [effect for effect in effects if isinstance(effect, Sent)] == [Sent(seq)]
    wire.connect()
    effects = wire.sides[0].receive(frames(wire.sides[1].link_up(0))[0], 0)
    assert len(frames(effects)) == 1 and Sent(seq) not in effects
    wire.do(1, wire.sides[1].receive(wire.under_way[0].popleft(), 0))
    wire.do(1, wire.sides[1].receive(frames(effects)[0], 0))
    assert wire.received[1] == [b"x"]


@pytest.mark.parametrize("frame", [b"\2", b"\2" + bytes(400), b"\2" + bytes(96)])
def test_a_frame_that_does_not_decrypt_changes_nothing(frame):
    wire = connected()
    with pytest.raises(MessageRejected):
        wire.sides[0].receive(frame, 0)
    wire.say(1, b"after")
    wire.settle()
    assert wire.received[0] == [b"after"]


@pytest.mark.parametrize("plaintext", [
    b"short", bytes(256), ChannelFrame(Kind.ACK, ack=1).encode(), ChannelFrame(Kind.DATA, ack=2**63, seq=1).encode(),
])
def test_a_frame_of_the_other_side_that_breaks_the_protocol_is_dropped(plaintext):
    wire = connected()
    frame = b"\2" + wire.sides[0]._session.encrypt(plaintext, AD)
    with pytest.raises(ChannelBroken):
        wire.sides[1].receive(frame, 0)
    wire.say(0, b"after")
    wire.settle()
    assert wire.received[1] == [b"after"]


def test_a_gap_is_dropped_and_a_number_far_away_too():
    wire = connected()
    for seq in (2, 2**64 - 1):
        plaintext = ChannelFrame(Kind.DATA, ack=0, seq=seq, stream=1, payload=b"x").encode()
        wire.do(1, wire.sides[1].receive(b"\2" + wire.sides[0]._session.encrypt(plaintext, AD), 0))
    assert wire.received[1] == []


def test_frames_of_any_text_have_few_sizes():
    wire = connected()
    for length in (0, 1, 50, 100, 200):
        wire.say(0, bytes(length))
    assert len({len(frame) for frame in wire.under_way[0]}) == 1


def test_wiping_destroys_the_ratchet_and_what_waits():
    wire = connected()
    wire.say(0, b"secret")
    wire.sides[0].wipe()
    assert not wire.sides[0]._unacknowledged and wire.sides[0].wake_at is None
    with pytest.raises(ValueError, match="wiped"):
        wire.sides[0]._session.encrypt(b"", AD)


def test_it_works_on_what_the_handshake_gives():
    inviter, joiner = pair()
    answer = inviter.receive(frames(joiner.begin())[0])
    done = inviter.receive(frames(joiner.receive(frames(answer)[0]))[0])
    ours, theirs = done[1], joiner.receive(frames(done)[0])[0]
    channels = [Channel(each.session, each.keys.associated_data) for each in (ours, theirs)]
    channels[0].link_up(0)
    assert channels[0].receive(frames(channels[1].link_up(0))[0], 0)


def test_what_was_not_sent_yet_can_be_taken_back_and_leaves_no_gap():
    wire = connected()
    for side in wire.sides:
        side.link_down()
    tickets = [wire.sides[0].send(1, payload, 0)[0] for payload in (b"a", b"b", b"c")]
    assert wire.sides[0].cancel(tickets[1]) and not wire.sides[0].cancel(tickets[1])
    wire.connect()
    wire.settle()
    assert wire.received[1] == [b"a", b"c"] and wire.confirmed[0] == tickets[2]
    assert not wire.sides[0].cancel(tickets[0]), "it was sent"
