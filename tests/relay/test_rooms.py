"""Rooms: what each call returns, and a state machine that compares them with a plain model."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.relay.kit import bounds
from whisperd.relay.limits import LimitScope, ScopeLimits
from whisperd.relay.rooms import Paired, PartnerGone, Refuse, Rooms, Seated


def paired_rooms() -> Rooms:
    rooms = Rooms()
    rooms.join("anna", "room", 0, token=b"a")
    rooms.join("ben", "room", 0, token=b"b")
    return rooms


def test_the_first_gets_seat_0_and_the_second_seat_1_and_both_are_told_ready() -> None:
    rooms = Rooms()
    assert rooms.join("anna", "room", 0, token=b"a") == [Seated("anna", 0, False)]
    assert rooms.join("ben", "room", 0, token=b"b") == [Seated("ben", 1, True), Paired("ben"), Paired("anna")]
    assert (len(rooms), rooms.waiting) == (1, 0)


def test_a_third_token_is_refused_and_nothing_else_changes() -> None:
    rooms = paired_rooms()
    assert rooms.join("carl", "room", 1, token=b"c") == [Refuse("carl", "room-full")]
    assert rooms.partner("anna") == "ben"
    assert rooms.partner("carl") == Refuse("carl", "not-joined")


def test_a_third_token_is_refused_while_a_seat_is_kept_for_one_who_dropped() -> None:
    rooms = paired_rooms()
    rooms.lost("ben", 1)
    assert rooms.join("carl", "room", 2, token=b"c") == [Refuse("carl", "room-full")]


def test_the_same_token_takes_its_seat_again_after_a_loss() -> None:
    rooms = paired_rooms()
    assert rooms.lost("anna", 1) == [PartnerGone("ben", "lost")]
    assert rooms.partner("ben") == Refuse("ben", "peer-absent")
    assert rooms.join("anna again", "room", 2, token=b"a") == [
        Seated("anna again", 0, True), Paired("anna again"), Paired("ben")]


def test_the_same_token_replaces_its_own_older_connection() -> None:
    rooms = paired_rooms()
    assert rooms.join("anna again", "room", 1, token=b"a") == [
        Refuse("anna", "replaced"), Seated("anna again", 0, True), Paired("anna again"), Paired("ben")]
    assert rooms.lost("anna", 2) == []
    assert rooms.partner("ben") == "anna again"


def test_leaving_frees_the_seat_and_the_token_is_worth_nothing_any_more() -> None:
    rooms = paired_rooms()
    assert rooms.leave("ben", 1) == [PartnerGone("anna", "left")]
    assert rooms.join("carl", "room", 2, token=b"c") == [Seated("carl", 1, True), Paired("carl"), Paired("anna")]
    assert rooms.join("ben again", "room", 3, token=b"b") == [Refuse("ben again", "room-full")]


def test_a_room_that_both_have_left_is_gone() -> None:
    rooms = paired_rooms()
    rooms.leave("anna", 1)
    assert rooms.leave("ben", 1) == []
    assert (len(rooms), rooms.waiting) == (0, 0)


def test_one_connection_holds_one_seat() -> None:
    rooms = paired_rooms()
    assert rooms.join("anna", "another", 1, token=b"a") == [Refuse("anna", "already-joined")]
    assert len(rooms) == 1
    assert rooms.seated("anna")
    assert "another" not in rooms


class Tally:
    def __init__(self) -> None:
        self.rooms = self.waiting = 0

    def add(self, rooms: int, waiting: int) -> None:
        self.rooms += rooms
        self.waiting += waiting


def test_a_room_counts_for_whoever_opened_it_until_it_is_forgotten() -> None:
    rooms, opener, other = Rooms(), Tally(), Tally()
    rooms.join("anna", "room", 0, token=b"a", owner=opener)
    assert (opener.rooms, opener.waiting) == (1, 1)
    rooms.join("ben", "room", 0, token=b"b", owner=other)
    assert (opener.rooms, opener.waiting) == (1, 0)
    rooms.lost("anna", 1)
    assert (opener.rooms, opener.waiting) == (1, 1)
    rooms.expire(601, 600)
    assert (opener.rooms, opener.waiting, other.rooms) == (0, 0, 0)


def test_whoever_has_no_seat_can_neither_leave_nor_send() -> None:
    rooms = Rooms()
    assert rooms.leave("anna", 0) == [Refuse("anna", "not-joined")]
    assert rooms.partner("anna") == Refuse("anna", "not-joined")
    assert rooms.lost("anna", 0) == []


def test_a_sender_has_to_hold_a_seat_of_the_room_it_names() -> None:
    rooms = Rooms()
    rooms.join("anna", "one", 0, seat=0)
    rooms.join("ben", "two", 0, seat=1)
    rooms.join("carl", "one", 0, seat=1)
    assert rooms.partner("ben", "one") == Refuse("ben", "not-joined")
    assert rooms.partner("anna", "one") == "carl"


def test_a_numbered_seat_is_taken_once_and_free_again_when_its_holder_is_gone() -> None:
    rooms = Rooms()
    rooms.join("anna", "room", 0, seat=0)
    assert rooms.join("thief", "room", 1, seat=0) == [Refuse("thief", "room-full")]
    rooms.join("ben", "room", 1, seat=1)
    rooms.lost("anna", 2)
    assert rooms.join("anna again", "room", 3, seat=0) == [
        Seated("anna again", 0, True), Paired("anna again"), Paired("ben")]


def test_who_waits_alone_is_told_when_the_room_expires() -> None:
    rooms = Rooms()
    rooms.join("anna", "room", 0, token=b"a")
    assert rooms.expire(599, 600) == []
    assert rooms.expire(600, 600) == [Refuse("anna", "expired")]
    assert len(rooms) == 0
    assert rooms.partner("anna") == Refuse("anna", "not-joined")


def test_a_paired_room_never_expires_and_ages_from_the_loss_on() -> None:
    rooms = paired_rooms()
    assert rooms.expire(1_000_000, 600) == []
    rooms.lost("ben", 1_000_000)
    assert rooms.expire(1_000_599, 600) == []
    assert rooms.expire(1_000_600, 600) == [Refuse("anna", "expired")]


def test_a_room_that_both_have_dropped_is_kept_for_their_tokens_until_it_expires() -> None:
    rooms = paired_rooms()
    rooms.lost("anna", 1)
    rooms.lost("ben", 2)
    assert rooms.join("carl", "room", 3, token=b"c") == [Refuse("carl", "room-full")]
    assert rooms.expire(602, 600) == []
    assert len(rooms) == 0


def test_the_room_that_was_deserted_first_is_given_up_first_and_one_with_somebody_in_it_never() -> None:
    limits = ScopeLimits("total", bounds())
    total = LimitScope(limits)
    here, there = LimitScope(limits, total), LimitScope(limits, total)
    rooms = Rooms()
    for number, (name, owner) in enumerate([("first", here), ("second", there), ("third", here), ("alive", here)]):
        rooms.join(f"in {name}", name, number, token=b"t", owner=LimitScope(limits, owner))
    for number, name in enumerate(["first", "second", "third"]):
        rooms.lost(f"in {name}", 10 + number)
    assert (total.used, here.used) == ([0, 4, 4], [0, 3, 3])
    rooms.join("back", "first", 20, token=b"t")
    assert rooms.give_up(here) and "third" not in rooms and "second" in rooms
    assert not rooms.give_up(here)
    assert rooms.give_up(total) and not rooms.give_up(total)
    assert len(rooms) == 2 and (total.used, here.used, there.used) == ([0, 2, 2], [0, 2, 2], [0, 0, 0])


CLIENTS = st.sampled_from([f"client {number}" for number in range(6)])
NAMES = st.sampled_from(["red", "green"])
TOKENS = st.sampled_from([b"1", b"2", b"3"])


class RoomsAgainstModel(RuleBasedStateMachine):
    """The model: for each room a list of two seats, each None or [token, client or None], and the time of use."""

    @initialize()
    def begin(self) -> None:
        self.rooms = Rooms()
        self.now = 0.0
        self.model: dict[str, tuple[list, float]] = {}

    def place(self, client: str) -> tuple[str, int] | None:
        for name, (seats, _) in self.model.items():
            for number, seat in enumerate(seats):
                if seat and seat[1] == client:
                    return name, number
        return None

    def store(self, name: str, seats: list) -> None:
        if seats == [None, None]:
            self.model.pop(name, None)
        else:
            self.model[name] = (seats, self.now)

    def partner(self, name: str, number: int) -> str | None:
        seat = self.model[name][0][1 - number] if name in self.model else None
        return seat[1] if seat else None

    @rule(client=CLIENTS, name=NAMES, token=TOKENS)
    def join(self, client: str, name: str, token: bytes) -> None:
        effects = self.rooms.join(client, name, self.now, token=token)
        if self.place(client):
            assert effects == [Refuse(client, "already-joined")]
            return
        seats = self.model.get(name, ([None, None], 0))[0]
        held = [number for number in (0, 1) if seats[number] and seats[number][0] == token]
        choice = (held or [number for number in (0, 1) if not seats[number]] or [None])[0]
        if choice is None:
            assert effects == [Refuse(client, "room-full")]
            return
        expected: list = [Refuse(seats[choice][1], "replaced")] if seats[choice] and seats[choice][1] else []
        seats[choice] = [token, client]
        self.store(name, seats)
        partner = self.partner(name, choice)
        expected.append(Seated(client, choice, partner is not None))
        assert effects == expected + ([Paired(client), Paired(partner)] if partner else [])

    @rule(client=CLIENTS, keep=st.booleans())
    def go(self, client: str, keep: bool) -> None:
        effects = self.rooms.lost(client, self.now) if keep else self.rooms.leave(client, self.now)
        place = self.place(client)
        if place is None:
            assert effects == ([] if keep else [Refuse(client, "not-joined")])
            return
        name, number = place
        seats = self.model[name][0]
        partner = self.partner(name, number)
        seats[number] = [seats[number][0], None] if keep else None
        self.store(name, seats)
        assert effects == ([PartnerGone(partner, "lost" if keep else "left")] if partner else [])

    @rule(client=CLIENTS)
    def forward(self, client: str) -> None:
        found = self.rooms.partner(client)
        place = self.place(client)
        if place is None:
            assert found == Refuse(client, "not-joined")
        else:
            assert found == (self.partner(*place) or Refuse(client, "peer-absent"))

    @rule(seconds=st.floats(0, 70))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        effects = self.rooms.expire(self.now, 100)
        told = set()
        for name, (seats, used) in list(self.model.items()):
            if not all(seat and seat[1] for seat in seats) and self.now - used >= 100:
                told |= {seat[1] for seat in seats if seat and seat[1]}
                del self.model[name]
        assert {effect.client for effect in effects} == told
        assert all(effect == Refuse(effect.client, "expired") for effect in effects)

    @invariant()
    def counts_agree(self) -> None:
        unpaired = [seats for seats, _ in self.model.values() if not all(seat and seat[1] for seat in seats)]
        assert (len(self.rooms), self.rooms.waiting) == (len(self.model), len(unpaired))


def test_rooms_do_what_the_model_says_whatever_happens_in_whatever_order() -> None:
    run_state_machine_as_test(RoomsAgainstModel, settings=settings(max_examples=60, stateful_step_count=40,
                                                                   deadline=None))
