"""The rendezvous with a contact: where it waits, when it moves, who makes it ring, and who cannot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from tests.peer.support import only, real_plugins, seeded
from whisperd.errors import DialFailed, RoomFull, WhisperdError
from whisperd.peer.contacts.book import Contact
from whisperd.peer.contacts.rendezvous import Rendezvous, RendezvousTiming
from whisperd.peer.contacts.secrets import EPOCH, call_keys, epoch_of, next_secret
from whisperd.peer.effects import SendFrame
from whisperd.peer.handshake.established import Established
from whisperd.peer.handshake.handshake import InviterHandshake, JoinerHandshake, Terms
from whisperd.peer.handshake.keys import Seal
from whisperd.peer.links.link import NOT_THEIRS, Link, LinkOwner, Verdict
from whisperd.plugin.identity import MemoryIdentity
from whisperd.wire.envelope import Abort, Ring, encode_message

TIMING = RendezvousTiming()
TURN, RING_INTERVAL, MAX_JITTER = TIMING.turn, TIMING.ring, TIMING.max_jitter
OLD, NOW, OTHER = bytes(32), bytes([1]) * 32, bytes([2]) * 32
NOON = 1_000 * EPOCH + 1_800.0


class Relay:
    """Two seats a room; frames are lost while one of them is empty. ``rooms`` is all that it knows."""

    def __init__(self) -> None:
        self.rooms: dict[bytes, list[Seat]] = {}
        self.seen: list[bytes] = []

    def seat(self, room: bytes) -> Seat:
        return Seat(self, room)


class Seat:
    """A link of a line."""

    name = "relay"
    seated = True

    def __init__(self, relay: Relay, room: bytes) -> None:
        self.relay, self.room = relay, room
        self.owner: LinkOwner

    def start(self, owner: LinkOwner) -> None:
        self.owner = owner
        seats = self.relay.rooms.setdefault(self.room, [])
        seats.append(self)
        if len(seats) == 2:
            for seat in list(seats):
                seat.owner.link_up(seat)

    def send(self, frame: bytes) -> None:
        self.relay.seen.append(frame)
        for seat in self.relay.rooms.get(self.room, []):
            if seat is not self:
                seat.owner.frame_received(seat, frame).proceed()

    def rejoin(self, delay: float) -> None:
        """Nobody asks for it here."""

    def woke(self) -> None:
        self.relay.seen.append(b"woke")

    def stop(self, leave: bool = True) -> Deferred[None]:
        seats = self.relay.rooms.get(self.room, [])
        if self in seats:
            seats.remove(self)
        for seat in seats:
            seat.owner.link_down(seat, "peer-left")
        done: Deferred[None] = Deferred()
        done.callback(None)
        return done


class Side:
    """One person's line, what it told, and the handshake that answers."""

    def __init__(self, clock: Clock, *relays: Relay, secrets: Sequence[bytes] = (NOW,), first: bool,
                 answers: bool = True, slow: float = 0.0) -> None:
        self.told: list[Any] = []
        self.answers = answers
        self.held: set[bytes] = set()  # the rooms whose seats conversations hold
        self._relays = relays
        contact = Contact(name="other", secrets=tuple(secrets), first=first, relays=("127.0.0.1:80",) * len(relays),
                          access="", floor=1, seat=bytes(32))
        self.line = Rendezvous(contact, self, clock, seeded(f"line {first}"), lambda: clock.seconds() - slow, TIMING)
        terms = Terms(self.line.keys, 1, 1, real_plugins(), MemoryIdentity, seeded(f"handshake {first}"))
        self.handshake = (InviterHandshake if first else JoinerHandshake)(terms)
        self.established: list[Any] = []

    def call(self) -> None:
        self.line.start(self)
        self.line.call()

    # -- RendezvousListener --

    def seat(self, room: bytes, place: int) -> Seat:
        return self._relays[place].seat(room)

    def taken(self, rendezvous: Rendezvous) -> bool:
        return rendezvous.keys.room in self.held

    def called(self) -> None:
        self.told.append("heard")
        if self.answers:
            self.line.start(self)

    def impersonated(self) -> None:
        self.told.append("wrong")

    def troubled(self, error: WhisperdError) -> None:
        self.told.append(error.code)

    def present(self, here: bool) -> None:
        self.told.append("here" if here else "gone")

    # -- as the conversation on the line --

    def link_up(self, link: Link) -> None:
        self.told.append("up")
        if isinstance(self.handshake, JoinerHandshake):
            self._do(self.handshake.begin())

    def link_down(self, link: Link, reason: str) -> None:
        self.told.append(("down", reason))

    def frame_received(self, link: Link, frame: bytes) -> Verdict:
        effects = self.handshake.receive(frame)
        return Verdict(theirs=True, proceed=lambda: self._do(effects))

    def link_troubled(self, link: Link, error: WhisperdError) -> None:
        self.told.append(("troubled", error.code))

    def link_failed(self, link: Link, error: WhisperdError) -> None:
        self.told.append(("failed", error.code))

    def _do(self, effects: list[Any]) -> None:
        for effect in effects:
            if isinstance(effect, SendFrame):
                self.line.send(effect.frame)
            elif isinstance(effect, Established):
                self.established.append(effect)
                self.line.confirmed()


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.rightNow = NOON
    return clock


def pair(clock: Clock, relay: Relay, **more: Any) -> tuple[Side, Side]:
    return Side(clock, relay, first=True, **more), Side(clock, relay, first=False, **more)


@pytest.mark.parametrize("caller", [0, 1])
def test_whoever_calls_is_answered_by_whoever_listens(clock, caller):
    relay = Relay()
    sides = pair(clock, relay)
    sides[1 - caller].line.begin()
    sides[caller].call()
    one, other = (only(side.established, Established) for side in sides)
    assert one.keys.words() == other.keys.words()
    assert "heard" in sides[1 - caller].told and "heard" not in sides[caller].told


def test_two_who_only_listen_say_nothing(clock):
    relay = Relay()
    sides = pair(clock, relay)
    for side in sides:
        side.line.begin()
    clock.advance(RING_INTERVAL)
    assert relay.seen == [] and [side.told for side in sides] == [["here"], ["here"]]


def test_an_inviter_rings_until_it_is_heard(clock):
    relay = Relay()
    caller, listener = pair(clock, relay)
    listener.answers = False
    listener.line.begin()
    caller.call()
    clock.advance(RING_INTERVAL)
    assert listener.told == ["here", "heard", "heard"] and len(relay.seen) == 2
    assert len({len(frame) for frame in relay.seen}) == 1 and relay.seen[0] != relay.seen[1]
    listener.answers = True
    clock.advance(RING_INTERVAL)
    assert caller.established
    count = len(relay.seen)
    clock.advance(EPOCH * 2)
    assert len(relay.seen) == count and list(relay.rooms) == [call_keys(NOW, 1_000).room], "the seat stays"


@settings(max_examples=20, deadline=None)
@given(st.integers(0, EPOCH - 1), st.integers(1, 4))
def test_rooms_change_with_every_epoch_and_nothing_is_left_behind(start, epochs):
    clock, relay = Clock(), Relay()
    clock.rightNow = 1_000 * EPOCH + start
    side = Side(clock, relay, first=True)
    side.line.begin()
    clock.pump([MAX_JITTER] * round(epochs * EPOCH / MAX_JITTER + 1))
    last = 1_000 + epochs
    rooms = {call_keys(NOW, epoch).room for epoch in range(1_000, last + 1)}
    assert set(relay.rooms) == rooms | ({side.line.keys.room} if start + 2 * MAX_JITTER >= EPOCH else set())
    assert [room for room, seats in relay.rooms.items() if seats] == [side.line.keys.room]


def test_two_whose_clocks_differ_meet_in_the_next_epoch_at_the_latest(clock):
    relay = Relay()
    early, late = Side(clock, relay, first=True), Side(clock, relay, first=False, slow=100.0)
    clock.rightNow = 1_001 * EPOCH + 10.0
    late.line.begin()
    early.call()
    assert early.established == []
    clock.advance(100.0 + MAX_JITTER)
    assert early.established and late.established


def test_a_line_that_moves_while_somebody_is_there_gives_them_time_first(clock):
    relay = Relay()
    caller, squatter = pair(clock, relay)
    squatter.answers = False
    squatter.line.begin()
    caller.call()
    clock.advance(EPOCH / 2 + MAX_JITTER)
    assert ("down", "moved") not in caller.told
    clock.advance(TURN)
    assert ("down", "moved") in caller.told or ("down", "peer-left") in caller.told


def test_a_side_with_two_secrets_finds_the_other_by_either(clock):
    for held in (OLD, NOW):
        relay = Relay()
        unsure = Side(clock, relay, secrets=(NOW, OLD), first=False)
        sure = Side(clock, relay, secrets=(held,), first=True)
        sure.line.begin()
        unsure.call()
        clock.advance(TURN)
        assert unsure.established and unsure.line.secret == held


# -- somebody else ----------------------------------------------------------------------------------------------------


def bridged(relay: Relay, here: bytes, there: bytes) -> None:
    """Let a hostile relay put two rooms together."""
    relay.rooms[here] = relay.rooms[there] = [*relay.rooms.get(here, []), *relay.rooms.get(there, [])]
    for seat in relay.rooms[here]:
        seat.room = here
        seat.owner.link_up(seat)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("calling", [True, False])
def test_a_thief_with_the_secret_before_the_last_call_is_told_of_and_gets_nothing(clock, first, calling):
    """Even where the relay helps: their frames do not open, and no conversation begins or ends."""
    relay = Relay()
    victim, thief = Side(clock, relay, first=first), Side(clock, relay, secrets=(OLD,), first=not first)
    victim.call() if calling else victim.line.begin()
    thief.call()
    room, stale = victim.line.keys.room, thief.line.keys.room
    assert room != stale
    bridged(relay, room, stale)
    thief.line.send(encoded(thief, Abort("chat-ended")))
    assert victim.told.count("wrong") == 1 and "heard" not in victim.told
    assert victim.established == thief.established == []
    thief.line.stop()
    real = Side(clock, relay, first=not first)
    real.call()
    assert real.established and victim.established


def encoded(side: Side, message: Any) -> bytes:
    first = isinstance(side.handshake, InviterHandshake)
    return Seal.for_role(side.line.keys, inviter=first).close(encode_message(message), seeded("forged"))


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.binary(max_size=400), st.binary(max_size=400).map(lambda body: b"\x01" + body)))
def test_whatever_a_relay_makes_up_starts_nothing(frame):
    clock, relay = Clock(), Relay()
    clock.rightNow = NOON
    side = Side(clock, relay, first=True)
    side.line.begin()
    relay.rooms[side.line.keys.room][0].owner.frame_received(None, frame).proceed()
    assert side.told == (["wrong"] if frame[:1] == b"\x01" else [])


def test_frames_of_an_earlier_room_are_worth_nothing_in_a_later_one(clock):
    """Replayed in another epoch, and after a call."""
    relay = Relay()
    caller, listener = pair(clock, relay)
    listener.line.begin()
    caller.call()
    assert caller.established
    recorded = list(relay.seen)
    for secret, later in ((NOW, EPOCH), (next_secret(NOW, OTHER), 0)):
        clock.advance(later)
        for first in (True, False):
            side = Side(clock, Relay(), secrets=(secret,), first=first)
            side.line.begin()
            for frame in recorded:
                side.line.frame_received(None, frame)
            assert side.told in (["wrong"], [])
            assert "heard" not in side.told


def test_a_ring_that_is_replayed_in_its_own_room_brings_the_two_together_and_nobody_else(clock):
    relay = Relay()
    caller, listener = pair(clock, relay)
    caller.call()
    ring = encoded(caller, Ring())
    listener.answers = False
    listener.line.begin()
    listener.line.frame_received(None, ring)
    assert listener.told.count("heard") == 2 and listener.established == []


def test_one_s_own_frames_thrown_back_are_not_the_contact_s(clock):
    relay = Relay()
    caller, _ = pair(clock, relay)
    caller.call()
    caller.line.frame_received(None, encoded(caller, Ring()))
    assert caller.told == ["wrong"]


# -- what goes wrong --------------------------------------------------------------------------------------------------


def test_trouble_is_told_once_until_it_is_over(clock):
    relay = Relay()
    side = Side(clock, relay, first=True)
    side.line.begin()
    side.line.link_troubled(None, DialFailed())
    side.line.link_troubled(None, DialFailed())
    side.line.link_failed(None, RoomFull())
    assert side.told == ["dial-failed", "room-full"]


def test_a_line_that_a_relay_keeps_out_moves_with_the_epochs_all_the_same(clock):
    side = Side(clock, Relay(), first=True)
    side.line.begin()
    before = side.line.keys.room
    for _ in range(round((EPOCH + MAX_JITTER) / 30) + 1):
        side.line.link_failed(None, RoomFull())
        clock.advance(30)
    assert side.line.keys.room != before


def test_trouble_of_a_call_is_the_conversation_s(clock):
    side = Side(clock, Relay(), first=True)
    side.call()
    side.line.link_troubled(None, DialFailed())
    side.line.link_failed(None, RoomFull())
    assert side.told == [("troubled", "dial-failed"), ("failed", "room-full")]


class Unreachable(Relay):
    """A relay that does not answer."""

    def seat(self, room: bytes) -> Seat:
        seat = Seat(self, room)
        seat.seated = False
        self.seen.append(room)
        seat.start = lambda owner: owner.link_troubled(seat, DialFailed())  # type: ignore[method-assign]
        return seat


def test_where_the_first_relay_is_gone_the_two_meet_at_the_next_and_come_back_with_the_epoch(clock):
    gone, there = Unreachable(), Relay()
    sides = [Side(clock, gone, there, first=first) for first in (True, False)]
    sides[1].line.begin()
    sides[0].line.begin()
    assert sides[1].told == ["dial-failed"]
    clock.advance(TURN)
    assert sides[0].line.place == sides[1].line.place == 1 and "here" in sides[1].told
    clock.pump([MAX_JITTER] * 70)
    assert set(gone.seen) == {call_keys(NOW, epoch).room for epoch in (1_000, 1_001)}, "each epoch begins at the first"
    sides[0].call()
    assert sides[0].established and sides[1].established


def test_a_relay_that_came_back_in_time_is_not_left(clock):
    relay = Relay()
    side = Side(clock, relay, relay, first=True)
    side.line.begin()
    side.line.link_troubled(None, DialFailed())
    clock.advance(TURN)
    assert side.line.place == 0 and len(next(iter(relay.rooms.values()))) == 1


def test_a_line_that_is_stopped_leaves_its_room_and_plans_nothing(clock):
    relay = Relay()
    side = Side(clock, relay, first=True)
    side.call()
    side.line.woke()
    assert side.line.stop().called
    assert [seats for seats in relay.rooms.values() if seats] == [] and clock.getDelayedCalls() == []
    assert relay.seen == [b"woke"]


def test_keys_that_are_gone_before_the_line_is_told_take_nobody_for_somebody_else(clock):
    """What a durable store has to write first holds back that the two have met, or that a call was given up."""
    relay = Relay()
    inviter, joiner = pair(clock, relay, answers=False)
    joiner.line.begin()
    inviter.call()
    inviter.line.keys.wipe()
    inviter.frame_received = lambda link, frame: NOT_THEIRS  # type: ignore[method-assign]
    room, sent = inviter.line.keys.room, len(relay.seen)
    joiner.line.send(Seal.for_role(joiner.line.keys, inviter=False).close(encode_message(Abort("chat-ended")),
                                                                          seeded("abort")))
    clock.advance(EPOCH)
    assert "wrong" not in inviter.told and "wrong" not in joiner.told
    assert inviter.line.keys.room == room and relay.rooms[room] != []
    assert [frame for frame in relay.seen[sent:] if frame != relay.seen[sent]] == []


def test_a_room_in_which_a_conversation_has_the_seat_is_left_to_it(clock):
    relay = Relay()
    side = Side(clock, relay, first=True)
    side.held = {call_keys(NOW, epoch_of(NOON)).room}
    side.line.begin()
    assert relay.rooms == {} and not side.line.seated
    clock.advance(EPOCH)
    assert [len(seats) for seats in relay.rooms.values()] == [1]


def test_a_line_that_was_stopped_sets_no_alarm_when_its_link_fails_later(clock):
    side = Side(clock, Relay(), first=True)
    side.line.begin()
    link = side.line._link
    side.line.stop()
    side.line.link_failed(link, RoomFull())
    assert clock.getDelayedCalls() == []
