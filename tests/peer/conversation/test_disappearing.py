"""When texts disappear: two sides come to one timer whatever crosses, and forget a text when its time is over."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from msgspec import msgpack

from tests.peer.conversation.test_resume import Two
from tests.peer.persistence.test_write_ahead import TIMING, Persisted, opened
from tests.peer.support import events
from whisperd.errors import ChannelBroken, ConversationNotConnected, QueueFull, UsageError
from whisperd.peer.conversation.disappearing import MAX_HONOURED, MAX_OPEN, MAX_TOLD, Negotiation, seconds_of
from whisperd.peer.conversation.messages import MAX_HELD_MESSAGES
from whisperd.peer.records import TimerRecord, decode, encode
from whisperd.wire.disappearing import Timer, decode_timer, encode_timer
from whisperd.wire.envelope import MAX_TIMER, DisappearingText, Stream, Text, decode_chat, encode_chat

SIDES = ("anna", "ben")
TIMES = ("off", "30", "10m", "1d")


def other(name: str) -> str:
    return "ben" if name == "anna" else "anna"


class Agreeing(RuleBasedStateMachine):
    """Two sides, and between them two ways that keep order, on which what was not handed over can be taken back."""

    def __init__(self) -> None:
        super().__init__()
        self.sides = {name: Negotiation() for name in SIDES}
        self.queued: dict[str, dict[int, Timer]] = {name: {} for name in SIDES}
        self.under_way: dict[str, deque[Timer]] = {name: deque() for name in SIDES}
        self.confirmed: dict[str, set[tuple[int, int]]] = {name: {(0, 0)} for name in SIDES}
        self.texts: list[tuple[str, int]] = []
        self.ticket = 0

    def wish(self, name: str, word: str) -> None:
        side = self.sides[name]
        said = side.wish(word, lambda ticket: self.queued[name].pop(ticket, None) is not None)
        if said is not None:
            self.ticket += 1
            side.sent(said, self.ticket)
            self.queued[name][self.ticket] = said

    @rule(name=st.sampled_from(SIDES), word=st.sampled_from(TIMES))
    def propose(self, name: str, word: str) -> None:
        try:
            self.wish(name, word)
        except QueueFull:
            assert len(self.sides[name]._ours) >= MAX_OPEN

    @rule(name=st.sampled_from(SIDES), word=st.sampled_from(["accept", "refuse"]))
    def answer(self, name: str, word: str) -> None:
        by = self.sides[name].row()["by"]
        try:
            self.wish(name, word)
            assert by == "them" or (by == "us" and word == "refuse")
        except UsageError:
            assert by is None or (by == "us" and word == "accept")
        except QueueFull:
            pass

    @rule(name=st.sampled_from(SIDES))
    def hand_over(self, name: str) -> None:
        if self.queued[name]:
            said = self.queued[name].pop(min(self.queued[name]))
            self.confirmed[name].add((said.number, said.seconds))
            self.under_way[other(name)].append(said)

    @precondition(lambda self: any(self.under_way.values()))
    @rule(data=st.data())
    def arrive(self, data: Any) -> None:
        name = data.draw(st.sampled_from([name for name in SIDES if self.under_way[name]]))
        self.sides[name].heard(self.under_way[name].popleft())

    @rule(name=st.sampled_from(SIDES))
    def restart(self, name: str) -> None:
        self.sides[name] = Negotiation.load(decode(encode(self.sides[name].dump()), TimerRecord))

    @invariant()
    def what_is_in_force_was_confirmed_by_both(self) -> None:
        for name in SIDES:
            agreed = self.sides[name]._agreed
            waiting = {(said.number, said.seconds) for said in self.queued[name].values()}
            assert agreed in self.confirmed[name] | waiting and agreed in self.confirmed[other(name)]
            assert len(self.sides[name]._ours) <= MAX_OPEN + 1

    @invariant()
    def when_nothing_is_under_way_both_say_the_same(self) -> None:
        if any(self.queued.values()) or any(self.under_way.values()):
            return
        anna, ben = (self.sides[name].row() for name in SIDES)
        assert anna["seconds"] == ben["seconds"] and anna["proposed"] == ben["proposed"]
        assert {anna["by"], ben["by"]} in ({None}, {"us", "them"})

    def teardown(self) -> None:
        for name in SIDES:
            while self.queued[name]:
                self.hand_over(name)
        for name in SIDES:
            while self.under_way[name]:
                self.sides[name].heard(self.under_way[name].popleft())
        self.when_nothing_is_under_way_both_say_the_same()


TestAgreeing = Agreeing.TestCase
TestAgreeing.settings = settings(max_examples=200, stateful_step_count=40)


class Pair:
    """Two sides whose words arrive when ``deliver`` says so."""

    def __init__(self) -> None:
        self.anna, self.ben = Negotiation(), Negotiation()
        self.way: list[tuple[Negotiation, Timer]] = []

    def wish(self, side: Negotiation, word: str) -> None:
        said = side.wish(word, lambda ticket: False)
        if said is not None:
            side.sent(said, 1)
            self.way.append((self.ben if side is self.anna else self.anna, said))

    def deliver(self) -> None:
        for side, said in self.way:
            side.heard(said)
        self.way.clear()

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        return [tuple(side.row().values()) for side in (self.anna, self.ben)]


@pytest.fixture
def pair() -> Pair:
    return Pair()


def test_a_proposal_is_in_force_once_the_other_side_has_accepted_it(pair):
    pair.wish(pair.anna, "10m")
    assert pair.rows == [(0, 600, "us"), (0, None, None)]
    pair.deliver()
    assert pair.rows == [(0, 600, "us"), (0, 600, "them")]
    pair.wish(pair.ben, "accept")
    assert pair.rows == [(0, 600, "us"), (600, None, None)]
    pair.deliver()
    assert pair.rows == [(600, None, None)] * 2


def test_naming_what_is_proposed_accepts_it_and_another_time_proposes_that(pair):
    pair.wish(pair.anna, "10m")
    pair.deliver()
    pair.wish(pair.ben, "1d")
    pair.deliver()
    assert pair.rows == [(0, 86_400, "them"), (0, 86_400, "us")]
    pair.wish(pair.anna, "24h")
    pair.deliver()
    assert pair.rows == [(86_400, None, None)] * 2


def test_of_proposals_that_cross_the_shorter_one_stands_and_equal_ones_agree(pair):
    pair.wish(pair.anna, "1d")
    pair.wish(pair.ben, "1h")
    pair.deliver()
    assert pair.rows == [(0, 3_600, "them"), (0, 3_600, "us")]
    pair.wish(pair.anna, "accept")
    pair.deliver()
    for side in (pair.anna, pair.ben):
        pair.wish(side, "30")
    pair.deliver()
    assert pair.rows == [(30, None, None)] * 2
    pair.wish(pair.anna, "off")
    pair.wish(pair.ben, "4w")
    pair.deliver()
    assert pair.rows == [(30, MAX_TIMER, "them"), (30, MAX_TIMER, "us")]


@pytest.mark.parametrize("who", ["anna", "ben"])
def test_a_proposal_is_refused_or_taken_back_and_what_was_in_force_stays(pair, who):
    pair.wish(pair.anna, "10m")
    pair.deliver()
    pair.wish(getattr(pair, who), "refuse")
    pair.deliver()
    assert pair.rows == [(0, None, None)] * 2


def test_what_was_taken_back_while_it_was_accepted_is_in_force_and_off_is_proposed(pair):
    pair.wish(pair.anna, "10m")
    pair.deliver()
    pair.wish(pair.anna, "off")
    pair.wish(pair.ben, "accept")
    pair.deliver()
    assert pair.rows == [(600, 0, "us"), (600, 0, "them")]


def test_only_the_other_sides_proposal_can_be_accepted_and_only_one_that_is_there(pair):
    for word in ("accept", "refuse"):
        with pytest.raises(UsageError):
            pair.anna.wish(word, lambda ticket: False)
    pair.wish(pair.anna, "10m")
    with pytest.raises(UsageError):
        pair.anna.wish("accept", lambda ticket: False)


@pytest.mark.parametrize(("word", "seconds"), [
    ("off", 0), ("5", 5), ("90s", 90), ("10m", 600), ("10 m", 600), ("2h", 7_200), ("1d", 86_400), ("4w", MAX_TIMER)])
def test_a_time_is_read(word, seconds):
    assert seconds_of(word) == seconds


@pytest.mark.parametrize("word", ["", "0", "4", "-5", "1.5h", "5x", "m", "10M", "5w", "2419201", "9" * 40, "٣٠",
                                  "30\n"])
def test_another_time_is_refused(word):
    with pytest.raises(UsageError):
        seconds_of(word)


# -- what a hostile side may say --------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", [
    {"seconds": -1}, {"seconds": 1}, {"seconds": 4}, {"seconds": MAX_TIMER + 1}, {"seconds": 2**63}, {"seconds": 30.0},
    {"seconds": True}, {"seconds": None}, {"number": 0}, {"number": -1}, {"number": 2**32}, {"number": 2**64 - 1},
    {"more": 1}, {"t": "timers"}])
def test_a_payload_that_is_not_exactly_a_timer_is_refused(fields):
    assert decode_timer(encode_timer(Timer(1, 30))) == Timer(1, 30)
    with pytest.raises(ChannelBroken):
        decode_timer(msgpack.encode({"t": "timer", "number": 1, "seconds": 30, **fields}))


@pytest.mark.parametrize("seconds", [-1, 0, 4, MAX_TIMER + 1, 2**63, 30.0, True, "30"])
def test_a_text_with_no_timer_that_there_is_is_refused(seconds):
    assert decode_chat(encode_chat(DisappearingText("x", 30))) == DisappearingText("x", 30)
    with pytest.raises(ChannelBroken):
        decode_chat(msgpack.encode({"t": "disappearing", "text": "x", "seconds": seconds}))


def test_a_text_with_a_timer_is_not_longer_than_another_and_has_each_key_once():
    with pytest.raises(ChannelBroken):
        decode_chat(encode_chat(DisappearingText("x" * 16_001, 30)))
    with pytest.raises(ChannelBroken):
        decode_chat(b"\x84" + encode_chat(DisappearingText("x", 30))[1:] + b"\xa4text\xa1y")


def test_numbers_that_do_not_follow_are_not_taken_so_that_one_can_always_answer():
    side = Negotiation()
    for number in (2, 2**32 - 1):
        side.heard(Timer(number, 30))
    assert side.row()["by"] is None
    side.heard(Timer(1, 30))
    side.heard(Timer(1, 60))
    assert side.row() == {"seconds": 0, "proposed": 30, "by": "them"}
    assert side.wish("1d", lambda ticket: False) == Timer(2, 86_400)


def test_a_flood_of_proposals_is_told_a_few_times_and_takes_no_room():
    side, told = Negotiation(), 0
    for number in range(1, 10_001):
        side.heard(Timer(number, 30 + number % 2))
        told += side.loud
    assert told == MAX_TOLD and len(encode(side.dump())) < 50
    side.wish("accept", lambda ticket: False)
    side.heard(Timer(10_001, 5))
    assert side.loud


def test_proposals_that_nobody_answers_are_bounded():
    side = Negotiation()
    for number in range(MAX_OPEN):
        side.sent(side.wish(str(30 + number), lambda ticket: False), number)
    with pytest.raises(QueueFull):
        side.wish("5", lambda ticket: False)


def test_timers_that_texts_under_way_may_name_are_bounded(pair):
    for seconds in range(30, 60):
        pair.wish(pair.anna, str(seconds))
        pair.deliver()
        pair.wish(pair.ben, "accept")
        pair.deliver()
    assert pair.anna.honoured == pair.ben.honoured == list(range(60 - MAX_HONOURED, 60))


# -- in a conversation ------------------------------------------------------------------------------------------------


class Timed(Two):
    """Two connected sides, and the time."""

    def __init__(self) -> None:
        super().__init__()
        self.link_up()
        self.deliver()

    def timer(self, name: str, word: str) -> None:
        self.do(name, self.sides[name].set_timer(word, self.now))

    def agree(self, word: str) -> None:
        self.timer("anna", word)
        self.deliver()
        self.timer("ben", "accept")
        self.deliver()

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        for name, side in self.sides.items():
            while side.wake_at is not None and side.wake_at <= self.now:
                self.do(name, side.tick(self.now))

    def said(self, name: str) -> list[str]:
        return [row["text"] for row in self.sides[name].messages.written_history(0)]

    def disappeared(self) -> int:
        return sum(event["state"] == "disappeared" for event in events(self.told, "message-state"))


@pytest.fixture
def two() -> Timed:
    return Timed()


def test_both_sides_forget_a_text_when_its_time_is_over_and_no_other(two):
    two.say("anna", "stays")
    two.deliver()
    two.agree("30")
    two.say("anna", "disappears")
    two.say("ben", "so does this")
    two.deliver()
    two.pass_time(29.9)
    assert sorted(two.said("anna")) == sorted(two.said("ben")) == ["disappears", "so does this", "stays"]
    two.pass_time(0.2)
    assert two.said("anna") == two.said("ben") == ["stays"] and two.disappeared() == 4
    counts = two.sides["anna"].row()
    assert (counts["delivered"], counts["received"]) == (2, 1)


def test_it_is_told_on_both_sides_and_shown(two):
    two.timer("anna", "10m")
    two.deliver()
    two.timer("ben", "accept")
    two.deliver()
    assert [(event["chat"], event["seconds"], event["proposed"], event["by"])
            for event in events(two.told, "chat-timer")] == [
        ("anna", 0, 600, "us"), ("ben", 0, 600, "them"), ("ben", 600, None, None), ("anna", 600, None, None)]
    assert two.sides["anna"].row()["timer"] == {"seconds": 600, "proposed": None, "by": None}


def test_what_waits_does_not_count_down(two):
    two.agree("30")
    two.link_down()
    two.say("anna", "waiting")
    two.pass_time(3_600)
    assert two.said("anna") == ["waiting"]
    two.link_up()
    two.deliver()
    assert two.said("ben") == ["waiting"]
    two.pass_time(29)
    assert two.said("anna") == two.said("ben") == ["waiting"]
    two.pass_time(1)
    assert two.said("anna") == two.said("ben") == []


def test_a_text_keeps_the_timer_that_it_was_sent_under(two):
    two.agree("30")
    two.link_down()
    two.say("anna", "thirty seconds")
    two.link_up()
    two.timer("ben", "1h")
    two.deliver()
    two.timer("anna", "accept")
    two.say("anna", "an hour")
    two.say("ben", "thirty seconds too")
    two.deliver()
    two.pass_time(30)
    assert two.said("anna") == two.said("ben") == ["an hour"]


def test_a_queued_proposal_is_replaced_and_the_other_side_hears_of_the_last_only(two):
    two.link_down()
    for word in ("10m", "20m", "30m"):
        two.timer("anna", word)
    two.link_up()
    two.deliver()
    assert [event["proposed"] for event in events(two.told, "chat-timer") if event["chat"] == "ben"] == [1_800]
    assert len(two.sides["anna"].payloads()) == 0


def test_before_there_is_a_key_nothing_can_be_proposed():
    with pytest.raises(ConversationNotConnected):
        Two().sides["anna"].set_timer("10m", 0.0)


def test_a_timer_that_this_side_has_not_agreed_to_is_not_obeyed(two):
    payload = encode_chat(DisappearingText("gone at once", 5))
    two.do("ben", two.sides["ben"].use(lambda channel: channel.send(Stream.CHAT, payload, two.now)[1], two.now))
    two.deliver()
    two.pass_time(3_600)
    assert two.said("anna") == ["gone at once"]


@pytest.mark.parametrize("payload", [
    b"", b"\x80", encode_timer(Timer(5, 30)), msgpack.encode({"t": "timer", "number": 1, "seconds": 2**63}),
    msgpack.encode({"t": "timer", "number": 1, "seconds": -30}), msgpack.encode({"t": "timer", "number": 1})])
def test_a_hostile_word_about_timers_changes_nothing_and_harms_nothing(two, payload):
    two.do("ben", two.sides["ben"].use(lambda channel: channel.send_first(Stream.TIMER, payload, two.now), two.now))
    two.say("ben", "hello")
    two.deliver()
    assert two.sides["anna"].timer.row() == {"seconds": 0, "proposed": None, "by": None}
    assert events(two.told, "chat-timer") == [] and two.said("anna") == ["hello"]


def test_a_side_that_knows_no_timers_is_asked_and_gets_no_text_with_one(monkeypatch):
    two = Two()
    monkeypatch.setattr(two.sides["ben"].timer, "received", lambda payload: [])
    two.link_up()
    two.deliver()
    two.do("anna", two.sides["anna"].set_timer("30", two.now))
    two.say("anna", "hello")
    two.deliver()
    assert two.heard() == ["hello"] and two.sides["anna"].row()["delivered"] == 1
    assert two.sides["anna"].timer.row() == {"seconds": 0, "proposed": 30, "by": "us"}
    assert [row["timer"] for row in two.sides["anna"].messages.written_history(0)] == [0]


def test_what_has_ended_goes_on_disappearing(two):
    two.agree("30")
    two.say("anna", "hello")
    two.deliver()
    two.do("ben", two.sides["ben"].end(two.now))
    two.deliver()
    assert two.sides["anna"].state == "ended" and two.said("anna") == ["hello"]
    two.pass_time(30)
    assert two.said("anna") == two.said("ben") == [] and two.sides["anna"].wake_at is None


def test_the_text_itself_is_let_go_of(two):
    two.agree("30")
    message, effects = two.sides["anna"].send("secret", two.now)
    two.do("anna", effects)
    two.deliver()
    two.pass_time(30)
    assert (message.text, message.state) == ("", "disappeared") and \
        two.sides["anna"].messages.held(everything=True) == []
    assert two.sides["ben"].messages.held(everything=False) == []


def test_a_restart_keeps_the_timer_the_proposal_and_the_time(two):
    two.agree("30")
    two.say("anna", "hello")
    two.deliver()
    two.link_down()
    two.timer("ben", "1d")
    for name in SIDES:
        two.restart(name)
    two.link_up()
    two.deliver()
    assert two.sides["anna"].timer.row() == {"seconds": 30, "proposed": 86_400, "by": "them"}
    assert two.said("ben") == ["hello"]
    two.pass_time(30)
    assert two.said("ben") == []


# -- in a store -------------------------------------------------------------------------------------------------------


class PersistedTimers(Persisted):
    """Anna's side of a conversation with a timer, persisted."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        two = self.two
        two.do("anna", two.sides["anna"].set_timer("30", 0.0))
        two.deliver()
        two.do("ben", two.sides["ben"].set_timer("accept", 0.0))
        two.deliver()

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.two.now = self.clock.seconds()

    def tick(self) -> None:
        self.two.do("anna", self.two.sides["anna"].tick(self.clock.seconds()))
        self.writes.changed("c1")
        self.clock.advance(0)


def test_what_has_disappeared_is_not_in_the_history_any_more():
    kept = PersistedTimers()
    kept.say("hello")
    kept.advance(0)
    assert kept.store.keys("message") == ["c1/1"] and kept.texts() == ["hello"]
    kept.advance(29)
    assert kept.texts() == ["hello"]
    kept.advance(1)
    assert kept.texts() == [], "its time is over, whether it was removed yet or not"
    kept.tick()
    assert kept.store.keys("message") == []
    assert kept.events == []


def test_without_history_an_unread_text_disappears_too():
    kept = PersistedTimers(history=False)
    kept.say("hello")
    kept.advance(0)
    assert kept.store.keys("message") == ["c1/1"]
    kept.advance(30)
    kept.tick()
    assert kept.store.keys("message") == []


def test_what_memory_holds_no_more_is_removed_from_the_store_in_time_and_told():
    kept = PersistedTimers()
    kept.say("hello")
    kept.advance(0)
    anna = kept.two.sides["anna"]
    for number in range(MAX_HELD_MESSAGES):
        anna.messages.received(Text(str(number)), 0.0)
    kept.writes.changed("c1")
    kept.advance(0)
    assert len(kept.store.keys("message")) == MAX_HELD_MESSAGES + 1
    kept.advance(30 + TIMING.aging.grace)
    kept.advance(0)
    assert "c1/1" not in kept.store.keys("message") and len(kept.store.keys("message")) == MAX_HELD_MESSAGES
    assert kept.events == ["disappeared"]


def test_one_of_ours_that_waited_while_much_was_said_goes_from_memory_and_store_in_its_time():
    kept = PersistedTimers()
    anna = kept.two.sides["anna"]
    kept.two.link_down()
    kept.two.say("anna", "waiting")
    for number in range(MAX_HELD_MESSAGES):
        anna.messages.received(Text(str(number)), 0.0)
    kept.writes.changed("c1")
    kept.advance(0)
    assert "c1/1" in kept.store.keys("message")
    kept.two.link_up()
    kept.two.deliver()
    kept.writes.changed("c1")
    kept.advance(0)
    assert kept.writes.history("c1", 0)[0]["state"] == "delivered"
    kept.advance(30)
    kept.tick()
    assert "c1/1" not in kept.store.keys("message") and anna.messages.written_history(0)[0]["id"] > 1


def test_a_full_disk_delays_it_and_no_more():
    kept = PersistedTimers()
    kept.say("hello")
    kept.advance(0)
    kept.store.full = True
    kept.advance(30)
    kept.tick()
    assert kept.store.keys("message") == ["c1/1"] and kept.texts() == []
    kept.store.full = False
    kept.advance(10)
    assert kept.store.keys("message") == []


@pytest.mark.parametrize(("away", "left"), [(-1e6, 30.0), (0.0, 30.0), (10.0, 20.0), (1e6, 30.0 - 1e6)])
def test_in_the_next_run_the_time_goes_on_by_the_clock_on_the_wall(away, left):
    kept = PersistedTimers()
    kept.say("hello")
    kept.advance(0)
    kept.writes.stop()
    _, reading = opened(kept.store, kept.clock, print, wall=lambda: kept.clock.seconds() + away)
    (found,) = reading.read()
    assert [(message.timer, message.disappears_at) for message in found.messages] == [(30, kept.clock.seconds() + left)]


def test_records_from_before_there_were_timers_are_read():
    two = Two()
    value: list[Any] = msgpack.decode(encode(two.sides["anna"].dump()))
    kept = SimpleNamespace(old=msgpack.encode(value[:-1]))
    two.restart("anna", (kept.old, [], {}))
    assert two.sides["anna"].timer.row() == {"seconds": 0, "proposed": None, "by": None}
