"""A conversation that is written down and goes on, without a network: what is asked, answered, held and refused."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from msgspec import structs
from whisperd_plugins.double_he import DoubleHeaderEncrypted

from tests.peer.support import conversation, events, frames, terms
from whisperd.errors import ChannelBroken, ConversationEnded, PluginUnknown
from whisperd.peer.conversation.conversation import Conversation
from whisperd.peer.conversation.opening import invite_keys
from whisperd.peer.conversation.origin import Bounds
from whisperd.peer.conversation.resume import MAX_HELD, PATIENCE, Resuming
from whisperd.peer.conversation.states import AWAY, CONNECTED, ENDED
from whisperd.peer.effects import Heard, SendFrame
from whisperd.peer.handshake.suites import Suites
from whisperd.peer.persistence.restore import Found, restored
from whisperd.peer.records import BindingRecord, ConversationRecord, ConversationSnapshot, Route, decode, encode
from whisperd.plugin.identity import MemoryIdentity
from whisperd.wire.envelope import CHANNEL_FRAME
from whisperd.wire.resume import RESUME_FRAME, Counters

BOUNDS = Bounds(64)


class Two:
    """Two sides and the frames between them; what one side keeps it can begin again from."""

    def __init__(self) -> None:
        self.now = 0.0
        self.restarts = 0
        self.sides = {name: conversation(name, terms(name), inviter=name == "anna")
                      for name in ("anna", "ben")}
        self.way: dict[str, list[bytes]] = {"anna": [], "ben": []}
        self.sent: dict[str, list[bytes]] = {"anna": [], "ben": []}
        self.told: list[Any] = []

    def do(self, name: str, effects: list[Any]) -> list[Any]:
        """Put the frames on their way, and remember the events."""
        other = "ben" if name == "anna" else "anna"
        self.way[other] += frames(effects)
        self.sent[name] += frames(effects)
        self.told += effects
        return effects

    def link_up(self) -> None:
        for name, side in self.sides.items():
            self.do(name, side.link_up(self.now))

    def link_down(self) -> None:
        for name, side in self.sides.items():
            self.way[name].clear()
            self.do(name, side.link_down("peer-lost", self.now))

    def deliver(self) -> None:
        """Carry frames until none is on its way."""
        while any(self.way.values()):
            for name, side in self.sides.items():
                while self.way[name]:
                    self.do(name, side.frame_received(self.way[name].pop(0), self.now))

    def say(self, name: str, text: str) -> None:
        self.do(name, self.sides[name].send(text, self.now)[1])

    def heard(self) -> list[str]:
        return [event["text"] for event in events(self.told, "chat-message") if event["direction"] == "in"]

    def kept(self, name: str) -> tuple[bytes, list[Any], dict[int, bytes]]:
        side = self.sides[name]
        return (encode(side.dump()), side.messages.held(everything=False),
                {ticket: payload for ticket, (_, payload) in side.payloads().items()})

    def restart(self, name: str, kept: tuple[bytes, list[Any], dict[int, bytes]] | None = None) -> None:
        """Forget one side, and begin again from what it kept, now or earlier."""
        data, messages, payloads = kept or self.kept(name)
        value = decode(data, ConversationRecord)
        self.restarts += 1
        back = replace(terms(f"{name} {self.restarts}"), keys=invite_keys(value))
        self.sides[name] = Conversation.load(name, value, back, messages, payloads, BOUNDS)


class Ratchets:
    """The plug-ins of ``registry``, with this in the place of its ratchets."""

    def __init__(self, registry: Any, ratchet: Any) -> None:
        self.kex, self.offers_kex, self.offers_ratchet = registry.kex, registry.offers_kex, registry.offers_ratchet
        self.ratchet = ratchet


class SecondVersion(DoubleHeaderEncrypted):
    version = 2


class FallsOverDumps(DoubleHeaderEncrypted):
    def load(self, dump: bytes, random: Any) -> Any:
        raise KeyError("no such field")


def nobody(plugin_id: str) -> Any:
    raise PluginUnknown


@pytest.fixture
def two():
    two = Two()
    two.link_up()
    two.deliver()
    assert {side.state for side in two.sides.values()} == {CONNECTED}
    return two


def kinds(sent: list[bytes]) -> set[int]:
    return {frame[0] for frame in sent}


def test_who_comes_back_asks_before_it_uses_the_ratchet(two):
    two.link_down()
    two.restart("anna")
    assert (two.sides["anna"].state, two.sides["anna"].status.reason) == (AWAY, "restarted")
    two.say("anna", "waiting")
    effects = two.sides["anna"].link_up(two.now)
    assert kinds(frames(effects)) == {RESUME_FRAME}
    assert two.sides["anna"].greeting(two.now) == []


def test_a_question_is_answered_where_it_came_from_and_shows_nothing(two):
    two.link_down()
    two.restart("anna")
    question, = frames(two.do("anna", two.sides["anna"].link_up(two.now)))
    two.do("ben", two.sides["ben"].link_up(two.now))
    two.deliver()
    for _ in range(3):  # who has seen it go by may send it again
        effects = two.sides["ben"].frame_received(question, two.now)
        assert [type(effect) for effect in effects] == [SendFrame] and effects[0].reply
    assert {side.state for side in two.sides.values()} == {CONNECTED}


def test_what_is_sent_after_the_answer_shows_that_the_other_side_is_there(two):
    two.link_down()
    two.restart("anna")
    question, = frames(two.sides["anna"].link_up(two.now))
    two.sides["ben"].link_up(two.now)
    answer, = frames(two.sides["ben"].frame_received(question, two.now))
    greeting, = frames(two.sides["anna"].frame_received(answer, two.now))
    assert [effect for effect in two.sides["ben"].frame_received(greeting, two.now)
            if isinstance(effect, Heard)] == [Heard(True)]


def test_both_go_on_and_what_was_held_is_taken(two):
    two.link_down()
    two.say("ben", "one")
    two.say("anna", "two")
    two.restart("anna")
    two.link_up()
    two.deliver()
    assert {side.state for side in two.sides.values()} == {CONNECTED} and sorted(two.heard()) == ["one", "two"]


def test_both_can_come_back_at_once(two):
    two.link_down()
    two.say("ben", "one")
    two.restart("anna")
    two.restart("ben")
    two.link_up()
    two.deliver()
    assert {side.state for side in two.sides.values()} == {CONNECTED} and two.heard() == ["one"]


@pytest.mark.parametrize(("ratchet", "change", "reason"), [
    (nobody, lambda session: session, "plugin-unknown"),
    (lambda plugin_id: SecondVersion(), lambda session: session, "plugin-unknown"),
    (lambda plugin_id: DoubleHeaderEncrypted(), lambda session: session[:-1] + bytes((session[-1] ^ 1,)),
     "plugin-unknown"),
    (lambda plugin_id: FallsOverDumps(), lambda session: session, "plugin-refused"),
], ids=["missing", "another version", "a damaged dump", "a ratchet that fails"])
def test_a_conversation_whose_ratchet_is_not_to_be_had_comes_back_as_ended_and_says_why(two, ratchet, change, reason):
    data, messages, payloads = two.kept("anna")
    value = decode(data, ConversationRecord)
    session = change(value.agreed.channel.session)
    agreed = structs.replace(value.agreed, channel=structs.replace(value.agreed.channel, session=session))
    found = ConversationSnapshot(structs.replace(value, agreed=agreed), Route(bytes(32), []), b"", 0.0,
                                 BindingRecord("", False))
    suites = Suites(Ratchets(terms("anna").plugins, ratchet), MemoryIdentity, os.urandom)
    side = restored(Found("anna", found, messages, payloads, (set(), {}, {})), suites, BOUNDS)
    assert (side.state, side.status.reason) == (ENDED, reason)
    with pytest.raises(ConversationEnded):
        side.send("too late", 0.0)


def test_a_lost_question_is_asked_again_and_an_old_answer_does_not_count(two):
    two.link_down()
    two.restart("anna")
    anna, ben = two.sides["anna"], two.sides["ben"]
    ben.link_up(0.0)
    (first,) = frames(anna.link_up(0.0))
    (late,) = frames(ben.frame_received(first, 0.0))
    assert anna.wake_at == PATIENCE
    (second,) = frames(anna.tick(PATIENCE))
    assert anna.frame_received(late, PATIENCE) == [] and kinds([second]) == {RESUME_FRAME}
    (answer,) = frames(ben.frame_received(second, PATIENCE))
    assert kinds(frames(anna.frame_received(answer, PATIENCE))) == {CHANNEL_FRAME}
    assert anna.frame_received(answer, PATIENCE) == []


@pytest.mark.parametrize("victim", ["anna", "ben"])
@pytest.mark.parametrize("speaker", ["anna", "ben"])
def test_an_older_state_ends_it_on_both_sides_and_no_key_is_used_again(two, victim, speaker):
    two.say(speaker, "one")
    two.deliver()
    older = two.kept(victim)
    two.say(speaker, "two")
    two.deliver()
    two.link_down()
    two.restart(victim, older)
    two.sent[victim].clear()
    two.link_up()
    two.deliver()
    assert {side.state for side in two.sides.values()} == {ENDED}
    errors = [event["code"] for event in events(two.told, "chat-error")]
    assert errors == ["state-rolled-back"] * 2
    assert kinds(two.sent[victim]) == {RESUME_FRAME}


def test_an_old_question_of_the_other_side_harms_nothing(two):
    two.link_down()
    two.restart("anna")
    (old,) = frames(two.sides["anna"].link_up(0.0))
    two.sides["ben"].link_up(0.0)
    two.way["ben"].append(old)
    two.deliver()
    for number in range(3):
        two.say("anna", f"text {number}")
    two.deliver()
    assert kinds(frames(two.sides["ben"].frame_received(old, 0.0))) == {RESUME_FRAME}
    assert two.sides["ben"].state == CONNECTED


def test_what_comes_meanwhile_is_held_within_bounds(two):
    two.link_down()
    two.restart("anna")
    anna = two.sides["anna"]
    anna.link_up(0.0)
    for number in range(MAX_HELD + 50):
        assert anna.frame_received(bytes([CHANNEL_FRAME, number % 256]), 0.0) == []
    assert len(anna._resumption._held) == MAX_HELD
    anna.link_down("peer-lost", 0.0)
    assert anna._resumption._held == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["anna says", "ben says", "deliver", "anna restarts", "ben restarts", "link"]),
                max_size=25))
def test_whatever_happens_each_text_is_heard_once_and_in_order(steps):
    two = Two()
    two.link_up()
    two.deliver()
    said: dict[str, list[str]] = {"anna": [], "ben": []}
    for number, step in enumerate(steps):
        who = step.split()[0]
        if step.endswith("says"):
            said[who].append(f"{who} {number}")
            two.say(who, said[who][-1])
        elif step == "deliver":
            two.deliver()
        else:
            two.link_down()
            if step.endswith("restarts"):
                two.restart(who)
            two.link_up()
    two.link_down()
    two.link_up()
    two.deliver()
    assert [text for text in two.heard() if text.startswith("anna")] == said["anna"]
    assert [text for text in two.heard() if text.startswith("ben")] == said["ben"]


@given(st.binary(max_size=400))
def test_garbage_is_no_resume_frame(data):
    sealer = Resuming(bytes(32), bytes(32), inviter=True, random=bytes)
    with pytest.raises(ChannelBroken):
        sealer.open(bytes([RESUME_FRAME]) + data)


def test_a_flipped_bit_and_one_s_own_frame_are_refused():
    anna, ben = (Resuming(bytes(32), bytes(32), inviter=inviter, random=bytes) for inviter in (True, False))
    asked = anna.ask(Counters(1, 2, 3, 4))
    with pytest.raises(ChannelBroken):
        anna.open(asked)
    for place in range(1, len(asked), 13):
        broken = bytearray(asked)
        broken[place] ^= 1
        with pytest.raises(ChannelBroken):
            ben.open(bytes(broken))
    assert ben.open(asked).counters == Counters(1, 2, 3, 4)
