"""Which link carries the frames: two sides, relays and direct links that come and go, and what they agree on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from whisperd.peer.links.paths import ONION, PROOF, RELAY, STAGGER, ConnectPath, LeavePath, Lost, Paths, ProbePath, Use


def relays(count: int, kinds: tuple[str, ...] = (ONION, RELAY)) -> Paths:
    paths = Paths(kinds)
    for number in range(count):
        assert paths.add(f"r{number}", RELAY, number, 0) == []
    return paths


def connected(count: int = 2, kinds: tuple[str, ...] = (ONION, RELAY)) -> Paths:
    """Return paths of which the first relay is proven."""
    paths = relays(count, kinds)
    paths.start(0)
    paths.opened("r0", 0)
    paths.heard("r0", 0)
    return paths


def direct(kinds: tuple[str, ...] = (ONION, RELAY)) -> Paths:
    """Return paths that have moved to a direct link."""
    paths = connected(2, kinds)
    assert paths.add("out", ONION, 0, 0) == [ConnectPath("out")]
    assert paths.opened("out", 0) == [ProbePath("out")]
    assert paths.heard("out", 0)[0] == Use("out", heard=True)
    return paths


def test_relays_are_entered_one_after_the_other_until_one_is_proven():
    paths = relays(3)
    assert paths.start(0) == [ConnectPath("r0")] and paths.wake_at == STAGGER
    assert paths.tick(STAGGER) == [ConnectPath("r1")]
    assert paths.opened("r1", 12) == [Use("r1", heard=False)]
    assert paths.heard("r1", 13) == [LeavePath("r0")]
    assert paths.live == "r1" and paths.wake_at is None


def test_a_relay_that_cannot_be_reached_does_not_keep_the_next_waiting():
    paths = relays(2)
    paths.start(0)
    assert paths.troubled("r0", 1) == [ConnectPath("r1")]
    assert paths.troubled("r0", 2) == [], "it is tried on"


def test_the_relay_that_was_used_last_comes_first_and_the_others_after_it():
    paths = relays(3)
    paths.start(0)
    paths.tick(STAGGER)
    paths.opened("r1", 11)
    paths.heard("r1", 11)
    assert paths.closed("r1", "relay-lost", 50) == [Lost("relay-lost")]
    assert paths.tick(50 + STAGGER) == [ConnectPath("r0")] and paths.tick(50 + 2 * STAGGER) == [ConnectPath("r2")]


def test_a_relay_that_lets_nothing_through_is_given_up_for_another_that_is_open():
    paths = relays(2)
    paths.start(0)
    paths.opened("r0", 0)
    assert paths.tick(STAGGER) == [ConnectPath("r1")]
    assert paths.opened("r1", 11) == []
    assert paths.tick(PROOF) == [Use("r1", heard=False)]
    assert paths.tick(2 * PROOF) == [Use("r0", heard=False)], "and back, when that is no better"


def test_there_is_no_way_in_only_when_every_relay_has_refused():
    paths = relays(2)
    paths.start(0)
    assert paths.refused("r0", 1) == [ConnectPath("r1")] and not paths.exhausted
    assert paths.refused("r1", 2) == [] and paths.exhausted
    assert paths.opened("r0", 3) == [Use("r0", heard=False)] and not paths.exhausted, "it was asked again"
    paths.closed("r0", "relay-lost", 4)
    assert not paths.exhausted, "it may let this side in once more"


def test_the_other_side_that_came_back_anew_is_greeted_again():
    paths = connected(1)
    assert paths.opened("r0", 5) == [Use("r0", heard=False)]


def test_a_direct_link_takes_over_and_the_relay_is_kept_quietly():
    paths = direct()
    assert paths.live == "out"
    assert paths.closed("r0", "relay-lost", 10) == [], "nobody notices"
    assert paths.tick(10 + STAGGER) == [ConnectPath("r1")]
    assert paths.opened("r1", 25) == [LeavePath("r0")] and paths.live == "out"
    assert paths.closed("out", "link-lost", 30)[0] == Use("r1", heard=False)


def test_the_relay_is_left_where_it_is_not_to_carry_texts():
    paths = connected(2, (ONION,))
    paths.add("out", ONION, 0, 0)
    paths.opened("out", 0)
    assert paths.heard("out", 0) == [Use("out", heard=True), LeavePath("r0")]
    assert paths.closed("out", "link-lost", 9) == [Lost("link-lost"), ConnectPath("r0")], "to meet again"


def test_a_relay_that_is_preferred_is_used_while_it_is_there():
    paths = connected(1, (RELAY, ONION))
    paths.add("out", ONION, 0, 0)
    assert paths.opened("out", 0) == [] and paths.heard("out", 0) == []
    assert paths.closed("r0", "relay-lost", 1) == [Use("out", heard=False)]


def test_nothing_is_sent_over_a_passive_link_before_it_is_proven():
    paths = connected(1)
    assert paths.add("in", ONION, 1, 0, passive=True) == []
    assert paths.opened("in", 0) == []
    assert paths.closed("r0", "relay-lost", 1) == [Lost("relay-lost")] and paths.live is None
    assert paths.heard("in", 2) == [Use("in", heard=True)]


def test_whoever_has_the_better_service_to_wait_for_waits_and_then_connects():
    paths = connected(1)
    paths.add("in", ONION, 0, 0, passive=True)
    assert paths.add("out", ONION, 1, 0, patience=20) == [] and paths.wake_at == 20
    assert paths.tick(20) == [ConnectPath("out")]
    paths.opened("out", 21)
    paths.heard("out", 21)
    assert paths.heard("in", 22) == [Use("in", heard=True), LeavePath("out")]


def test_a_greeting_on_a_worse_link_is_followed_and_the_better_one_asked():
    paths = direct()
    assert paths.heard("r0", 5) == [], "what was on its way still"
    assert paths.heard("r0", 6, greeting=True) == [Use("r0", heard=True), ProbePath("out")]
    assert paths.heard("out", 7) == [Use("out", heard=True)]


def test_another_connection_of_the_link_in_use_takes_its_place():
    paths = connected(1)
    paths.add("in", ONION, 0, 0, passive=True)
    paths.heard("in", 1)
    assert paths.opened("in", 2) == [], "the frame that proved it is reported next"
    assert paths.heard("in", 2, greeting=True) == [Use("in", heard=True)]
    assert paths.heard("in", 3, greeting=True) == []


def test_a_link_that_is_taken_away_is_left():
    paths = direct()
    assert paths.remove("out", 5)[:2] == [LeavePath("out"), Use("r0", heard=False)]
    assert paths.remove("out", 6) == []


def test_better_relays_that_opened_before_there_was_a_key_are_greeted_when_there_is():
    paths = relays(2)
    paths.start(0)
    paths.tick(STAGGER)
    paths.opened("r1", 11)
    paths.heard("r1", 11)
    assert paths.confirmed() == [], "there is no better one"
    paths = relays(2)
    paths.start(0)
    paths.tick(STAGGER)
    paths.opened("r1", 11)
    paths.opened("r0", 12)
    assert paths.heard("r1", 13) == [Use("r1", heard=True), ProbePath("r0")], "which is not heard without a key"
    assert paths.confirmed() == [ProbePath("r0")]
    assert paths.heard("r0", 14) == [Use("r0", heard=True), LeavePath("r1")]


# -- two sides --------------------------------------------------------------------------------------------------------

MAX = 3


class Side:
    """One side: its paths, and what is open below, as the model has it."""

    def __init__(self, count: int, *, inviter: bool) -> None:
        self.paths = relays(count)
        self.inviter = inviter
        self.kept: set[str] = set()
        self.greets: list[tuple[str, bool]] = []

    def do(self, effects: list[Any]) -> None:
        for effect in effects:
            if isinstance(effect, ConnectPath):
                self.kept.add(effect.key)
            elif isinstance(effect, LeavePath):
                self.kept.discard(effect.key)
            elif isinstance(effect, Use):
                self.greets.append((effect.key, not effect.heard))
            elif isinstance(effect, ProbePath):
                self.greets.append((effect.key, True))


#: The name of one way on either side: the joiner's way out is the inviter's way in.
OTHER_END = {"out": "in", "in": "out"}


class TwoSides(RuleBasedStateMachine):
    """Ways die and live again at any time; whenever a common one has lived long enough, both sides use the same."""

    @initialize(count=st.integers(1, MAX))
    def begin(self, count: int) -> None:
        self.now = 0.0
        self.sides = [Side(count, inviter=True), Side(count, inviter=False)]
        self.alive = {f"r{number}": True for number in range(count)}
        self.direct = {"inviters": False, "joiners": False}
        self.open: set[str] = set()
        for side in self.sides:
            side.do(side.paths.start(self.now))

    def ways(self) -> dict[str, tuple[str, str]]:
        """Return every way with its key on either side."""
        both = {relay: (relay, relay) for relay in self.alive}
        return {**both, "inviters": ("in", "out"), "joiners": ("out", "in")}

    def lives(self, way: str) -> bool:
        if way in self.alive:
            return self.alive[way] and all(way in side.kept for side in self.sides)
        dialler = self.sides[1 if way == "inviters" else 0]
        return self.direct[way] and "out" in dialler.kept

    @rule(relay=st.integers(0, MAX - 1), alive=st.booleans())
    def relay_changes(self, relay: int, alive: bool) -> None:
        if f"r{relay}" in self.alive:
            self.alive[f"r{relay}"] = alive
            self.settle()

    @rule(way=st.sampled_from(["inviters", "joiners"]), alive=st.booleans())
    def direct_link_changes(self, way: str, alive: bool) -> None:
        if not any("out" in side.paths._paths for side in self.sides):
            for side in self.sides:
                better = 0 if side.inviter else 1
                side.do(side.paths.add("in", ONION, better, self.now, passive=True))
                side.do(side.paths.add("out", ONION, 1 - better, self.now, patience=20.0 if side.inviter else 0.0))
        self.direct[way] = alive
        self.settle()

    @rule(seconds=st.sampled_from([1.0, STAGGER, 25.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        for side in self.sides:
            if side.paths.wake_at is not None and side.paths.wake_at <= self.now:
                side.do(side.paths.tick(self.now))
        self.settle()

    def settle(self) -> None:
        """Have both sides see what is open, and carry their greetings and answers until there is none."""
        for _ in range(200):
            if not self.open_and_close() and not self.carry():
                return
        pytest.fail("the two sides never come to rest")

    def open_and_close(self) -> bool:
        changed = False
        for way, keys in self.ways().items():
            if self.lives(way) != (way in self.open):
                changed = True
                (self.open.discard if way in self.open else self.open.add)(way)
                for side, key in zip(self.sides, keys, strict=True):
                    if key in side.paths._paths:
                        report = side.paths.opened if way in self.open else side.paths.closed
                        side.do(report(key, *([] if way in self.open else ["lost"]), self.now))
        return changed

    def carry(self) -> bool:
        for number, side in enumerate(self.sides):
            if side.greets:
                key, greeting = side.greets.pop(0)
                way = next(way for way, keys in self.ways().items() if keys[number] == key)
                if way in self.open:
                    other = self.sides[1 - number]
                    there, before = self.ways()[way][1 - number], other.paths.live
                    other.do(other.paths.heard(there, self.now, greeting=greeting))
                    if greeting and other.paths.live == before == there:
                        other.greets.append((there, False))
                return True
        return False

    @invariant()
    def both_use_one_way_when_there_is_one(self) -> None:
        if not hasattr(self, "sides") or not self.open:
            return
        names = {keys: way for way, keys in self.ways().items()}
        used = tuple(side.paths.live for side in self.sides)
        assert used in names and names[used] in self.open
        assert all(side.paths.proven for side in self.sides)

    def teardown(self) -> None:
        """When at least one relay lives, both sides meet."""
        if hasattr(self, "sides"):
            self.alive["r0"] = True
            for _ in range(4 * MAX):
                self.time_passes(STAGGER)
            assert self.open
            self.both_use_one_way_when_there_is_one()


TestTwoSides = TwoSides.TestCase
TestTwoSides.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
