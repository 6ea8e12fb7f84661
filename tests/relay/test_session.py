"""Sessions of both dialects, with a wire that writes down what it is told."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.relay import kit
from whisperd.relay.access_codes import AccessCodes
from whisperd.relay.admission import ConnectionLimits
from whisperd.relay.expiry import expire
from whisperd.relay.limits import RelayLimits
from whisperd.relay.session import Relay, Session, WhisperdSession
from whisperd.relay.wh15p3r_session import Wh15p3rSession

ROOM, ANNA, BEN, CARL = ("A" * 43, "E" * 43, "I" * 43, "M" * 43)


class Recorder:
    def __init__(self) -> None:
        self.sent: list[tuple[bytes, bool]] = []
        self.closed: tuple[int, str] | None = None
        self.held = 0.0
        self.asked: list = []

    def send(self, payload: bytes, binary: bool) -> None:
        if self.closed is None:
            self.sent.append((payload, binary))

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)

    def hold(self, seconds: float) -> None:
        self.held = seconds

    def probe(self, answer) -> None:
        self.asked.append(answer)

    def types(self) -> list[str]:
        found = [json.loads(payload) for payload, binary in self.sent if not binary]
        self.sent = []
        return [frame.get("code") or frame["type"] for frame in found]


class World:
    def __init__(self, **bounds: int) -> None:
        self.now = 0.0
        self.limits = RelayLimits(kit.bounds(**bounds))
        self.access = AccessCodes(os.urandom)
        self.sockets = ConnectionLimits(self.limits)
        self.listener = self.sockets.new_listener()
        self.refused: list[str] = []
        self.relay = self.another(b"salt")

    def another(self, salt: bytes) -> Relay:
        """Return a relay with these limits and codes."""
        return Relay(self.limits, lambda code, source: self.access.admit(code, source, self.now), salt,
                     lambda: self.now, self.refused.append)

    def session(self, dialect: type[Session] = WhisperdSession) -> tuple[Session, Recorder]:
        wire = Recorder()
        return dialect(self.relay, wire, self.sockets.source(self.listener, None, self.now)), wire

    def joined(self, token: str, room: str = ROOM) -> tuple[Session, Recorder]:
        session, wire = self.session()
        session.received(join(room, token), False)
        return session, wire


def join(room: str, token: str) -> bytes:
    return json.dumps({"type": "join", "room": room, "token": token}).encode()


def whisper(kind: str, **fields: object) -> bytes:
    return json.dumps({"type": kind, **fields}).encode()


def test_joined_tells_the_seat_the_peer_and_the_limits() -> None:
    _, wire = World().joined(ANNA)
    assert json.loads(wire.sent[0][0]) == {
        "type": "joined", "seat": 0, "peer": False, "limits": {"frame": 1024, "expiry": 600}}


def test_binary_frames_are_the_same_object_on_the_other_side() -> None:
    world = World()
    anna, _ = world.joined(ANNA)
    _, at_ben = world.joined(BEN)
    payload = b"\x00\xff opaque"
    anna.received(payload, True)
    assert at_ben.sent[-1][0] is payload
    assert at_ben.sent[-1][1] is True


def test_the_relay_keeps_no_token_but_a_salted_digest() -> None:
    world = World()
    world.joined(ANNA)
    kept = repr([(room.tokens, room.name) for room in world.relay.rooms._rooms.values()])
    assert ANNA not in kept
    assert world.relay.digest(ANNA) != world.another(b"another").digest(ANNA)


@pytest.mark.parametrize(("frame", "binary", "code", "close"), [
    (b"opaque", True, "not-joined", None),
    (b'{"type":"leave"}', False, "not-joined", None),
    (b"no json", False, "bad-json", 4005),
    (b"[" * 10_000, False, "bad-frame", 4004),
    (b'{"type":"join","room":"short","token":"short"}', False, "bad-frame", 4004),
    (b'{"type":"subscribe"}', False, "unknown-type", None),
    (b'{"type":"leave","type":"join"}', False, "bad-frame", 4004),
])
def test_what_an_unjoined_client_gets_for_a_wrong_frame(frame: bytes, binary: bool, code: str, close: int) -> None:
    session, wire = World().session()
    session.received(frame, binary)
    told = json.loads(wire.sent[0][0])
    assert (told["code"], told["fatal"]) == (code, close is not None)
    assert wire.closed == ((close, code) if close else None)


def test_a_fatal_error_frees_nothing_but_tells_the_partner_that_the_connection_is_lost() -> None:
    world = World()
    _, at_anna = world.joined(ANNA)
    ben, at_ben = world.joined(BEN)
    ben.received(b"{", False)
    assert at_ben.closed == (4005, "bad-json")
    assert json.loads(at_anna.sent[-1][0]) == {"type": "peer-left", "reason": "lost"}
    _, at_ben_again = world.joined(BEN)
    assert at_ben_again.types() == ["joined", "ready"]


def test_leaving_is_told_and_the_same_connection_may_join_again() -> None:
    world = World()
    _, at_anna = world.joined(ANNA)
    ben, at_ben = world.joined(BEN)
    ben.received(b'{"type":"leave"}', False)
    assert json.loads(at_anna.sent[-1][0]) == {"type": "peer-left", "reason": "left"}
    assert at_ben.closed is None
    ben.received(join(ROOM, BEN), False)
    assert at_ben.types() == ["joined", "ready", "joined", "ready"]


def test_expiry_is_told_to_whoever_waits() -> None:
    world = World()
    _, wire = world.joined(ANNA)
    world.now = 600
    expire(world.relay)
    assert wire.types() == ["joined", "expired"]
    assert wire.closed == (4002, "expired")


def test_rooms_beyond_the_cap_are_refused_with_a_time_and_rooms_that_are_there_still_take_a_second_one() -> None:
    world = World(max_rooms=1)
    world.joined(ANNA)
    _, refused = world.joined(CARL, "Q" * 43)
    told = json.loads(refused.sent[0][0])
    assert (told["code"], told["retry_after"], refused.closed) == ("too-many-rooms", 30, (4008, "too-many-rooms"))
    _, at_ben = world.joined(BEN)
    assert at_ben.types() == ["joined", "ready"]
    assert world.limits.refused == {"too-many-rooms": 1}


def test_the_other_dialect_forwards_the_received_bytes_and_says_nothing_but_ready() -> None:
    world = World()
    anna, at_anna = world.session(Wh15p3rSession)
    ben, at_ben = world.session(Wh15p3rSession)
    anna.received(whisper("join", sessionCode="CODE", isInitiator=True), False)
    assert at_anna.sent == []
    ben.received(whisper("join", sessionCode="CODE", isInitiator=False), False)
    assert (at_anna.sent, at_ben.sent) == ([(b'{"type":"ready"}', False)], [(b'{"type":"ready"}', False)])
    odd = b' {"offer" : {"sdp":"\\u0061",  "z":1, "a":2.50}, "sessionCode":"CODE","extra":null,"type":"offer"} \n'
    anna.received(odd, False)
    assert at_ben.sent[-1] == (odd, False)
    ben.lost()
    assert len(at_anna.sent) == 1


def test_the_other_dialect_has_its_own_rooms_and_errors() -> None:
    world = World()
    world.joined(ANNA, ROOM)
    session, wire = world.session(Wh15p3rSession)
    session.received(whisper("join", sessionCode=ROOM, isInitiator=False), False)
    assert (wire.sent, len(world.relay.rooms)) == ([], 2)
    session.received(whisper("offer", sessionCode=ROOM, offer=1), False)
    assert json.loads(wire.sent[-1][0]) == {
        "type": "error", "code": "peer-absent", "message": "the other seat is empty; the frame was dropped"}
    session.received(b"\x00", True)
    assert wire.closed == (4004, "bad-frame")


def test_in_the_other_dialect_nobody_speaks_in_a_room_that_is_not_theirs() -> None:
    world = World()
    wires = {}
    for code in ("ONE", "TWO"):
        for initiator in (True, False):
            session, wire = world.session(Wh15p3rSession)
            session.received(whisper("join", sessionCode=code, isInitiator=initiator), False)
            wires[code, initiator] = session, wire
    mallory, at_mallory = wires["ONE", True]
    mallory.received(b'{"type":"answer","sessionCode":"TWO","answer":1}', False)
    assert at_mallory.types() == ["ready", "not-joined"]
    twice = b'{"type":"answer","sessionCode":"ONE","answer":1,"sessionCode":"TWO"}'
    mallory.received(twice, False)
    assert at_mallory.types() == ["not-joined"]
    assert all(wires[key][1].types() == ["ready"] for key in (("TWO", True), ("TWO", False), ("ONE", False)))


@given(st.sampled_from([WhisperdSession, Wh15p3rSession]), st.lists(st.tuples(st.one_of(
    st.binary(max_size=40),
    st.sampled_from([join(ROOM, ANNA), b'{"type":"leave"}', whisper("join", sessionCode="C", isInitiator=True),
                     whisper("offer", sessionCode="C", offer=None), b'{"type":"error"}', b"null", b'{"type":[]}'])),
    st.booleans()), max_size=8))
def test_whatever_comes_in_a_session_answers_with_a_known_code_or_not_at_all(
        dialect: type[Session], messages: list[tuple[bytes, bool]]) -> None:
    world = World()
    session, wire = world.session(dialect)
    for payload, binary in messages:
        session.received(payload, binary)
    session.lost()
    assert all(json.loads(payload)["type"] in ("joined", "error") for payload, _ in wire.sent)


def test_who_takes_no_seat_in_time_is_told_and_closed_and_leaving_starts_the_time_anew() -> None:
    world = World(join_timeout=60)
    _, idle = world.session()
    anna, at_anna = world.joined(ANNA)
    world.now = 50
    anna.received(b'{"type":"leave"}', False)
    world.now = 60
    expire(world.relay)
    assert idle.types() == ["join-timeout"]
    assert idle.closed == (4014, "join-timeout")
    anna.received(b'{"type":"leave"}', False)
    world.now = 110
    expire(world.relay)
    assert at_anna.types() == ["joined", "not-joined", "join-timeout"]
    assert world.relay.seatless == {}


def test_a_third_party_who_is_refused_holds_nothing() -> None:
    world = World()
    world.joined(ANNA)
    world.joined(BEN)
    _, refused = world.joined(CARL)
    assert refused.types() == ["room-full"]
    assert (len(world.relay.rooms), world.limits.total.used[1:], world.relay.seatless) == (1, [1, 0], {})


def test_a_flood_is_held_back_first_and_closed_with_the_time_to_wait_when_it_goes_on() -> None:
    world = World(circuit_frame_rate=64, burst=1)
    _, at_anna = world.joined(ANNA)
    ben, at_ben = world.joined(BEN)
    for _ in range(95):
        ben.received(b"x", True)
    assert (at_ben.held, at_ben.closed) == (0.5, None)
    for _ in range(64):
        ben.received(b"x", True)
    assert at_ben.closed == (4011, "too-many-frames")
    told = json.loads(at_ben.sent[-1][0])
    assert (told["code"], told["fatal"], told["retry_after"]) == ("too-many-frames", True, 2)
    assert json.loads(at_anna.sent[-1][0]) == {"type": "peer-left", "reason": "lost"}
    assert world.limits.refused["too-many-frames"] == 1


def test_frames_that_were_not_charged_yet_are_charged_at_the_end() -> None:
    world = World(frame_rate=10)
    anna, _ = world.joined(ANNA)
    anna.lost()
    anna.lost()
    assert world.limits.total.until[2] == pytest.approx(0.1)


def test_the_seconds_to_wait_are_told_in_the_other_dialect_too() -> None:
    world = World(join_rate=1, burst=1)
    for expected in ([], ["too-many-joins"]):
        session, wire = world.session(Wh15p3rSession)
        session.received(whisper("join", sessionCode="CODE", isInitiator=True), False)
        assert [json.loads(payload)["code"] for payload, _ in wire.sent] == expected
    assert json.loads(wire.sent[0][0]) == {
        "type": "error", "code": "too-many-joins", "message": "too many joins at the moment",
        "retry_after": 1}


def test_a_relay_that_drains_opens_no_room_and_lets_those_finish_who_have_one() -> None:
    world = World()
    world.joined(ANNA)
    world.limits.drain(True)
    _, refused = world.joined(CARL, "Q" * 43)
    assert refused.closed == (4016, "draining")
    _, at_ben = world.joined(BEN)
    assert at_ben.types() == ["joined", "ready"]


def coded(token: str, code: object, room: str = ROOM) -> bytes:
    return json.dumps({"type": "join", "room": room, "token": token, "code": code}).encode()


class ClosedWorld(World):
    def __init__(self, uses: int) -> None:
        super().__init__()
        self.access.apply(required=True, guesses=0, circuit_guesses=0)
        self.code = self.access.issue(uses, 1, 0)["code"]

    def entered(self, token: str, code: object) -> tuple[Session, Recorder]:
        session, wire = self.session()
        session.received(coded(token, code), False)
        return session, wire

    @property
    def left(self) -> list[object]:
        return [row["left"] for row in self.access.list(0)]


def test_each_seat_costs_a_join_of_a_code_and_a_refused_one_costs_none() -> None:
    world = ClosedWorld(3)
    assert world.joined(ANNA)[1].closed == (4017, "code-needed")
    assert world.entered(ANNA, "WRONG")[1].closed == (4018, "code-refused")
    assert world.entered(ANNA, world.code)[1].types() == ["joined"]
    assert world.entered(BEN, world.code)[1].types() == ["joined", "ready"]
    assert world.left == [1]
    assert world.entered(CARL, world.code)[1].types() == ["room-full"]
    assert world.left == [1]


def test_a_seat_is_taken_back_without_a_code_and_not_after_it_was_left() -> None:
    world = ClosedWorld(1)
    anna, _ = world.entered(ANNA, world.code)
    anna.lost()
    again, at_anna = world.joined(ANNA)
    assert at_anna.types() == ["joined"]
    again.received(b'{"type":"leave"}', False)
    assert world.joined(ANNA)[1].types() == ["code-needed"]


def test_the_other_dialect_has_codes_too() -> None:
    world = ClosedWorld(1)
    for fields, expected in (({}, ["code-needed"]), ({"accessCode": "x" * 65}, ["bad-frame"]),
                             ({"accessCode": world.code}, []), ({"accessCode": world.code}, ["code-refused"])):
        session, wire = world.session(Wh15p3rSession)
        session.received(whisper("join", sessionCode="CODE", isInitiator=True, **fields), False)
        assert wire.types() == expected


def test_a_code_that_was_used_up_while_the_holder_of_a_seat_was_asked_gets_no_seat() -> None:
    world = ClosedWorld(2)
    holder, at_holder = world.session(Wh15p3rSession)
    late, at_late = world.session(Wh15p3rSession)
    for session in (holder, late):
        session.received(whisper("join", sessionCode="C", isInitiator=True, accessCode=world.code), False)
    other, _ = world.session(Wh15p3rSession)
    other.received(whisper("join", sessionCode="D", isInitiator=True, accessCode=world.code), False)
    assert world.left == []
    holder.lost()
    at_holder.asked[0](False)
    assert at_late.types() == ["code-refused"]


def test_where_everybody_may_join_a_code_is_ignored() -> None:
    world = World()
    session, wire = world.session()
    session.received(coded(ANNA, "whatever"), False)
    assert wire.types() == ["joined"]
