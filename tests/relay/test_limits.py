"""Limits: what is let in, what is refused or slowed down and with which code, and a model that decides the same."""

from __future__ import annotations

import gc
import math

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.relay.kit import bounds
from whisperd.relay.admission import MAX_REMEMBERED, SPARE_SOCKETS, ConnectionLimits
from whisperd.relay.limits import CODES, Denial, RelayLimits
from whisperd.wire.relay_errors import ERRORS


class World:
    def __init__(self, **changes: int) -> None:
        self.limits = RelayLimits(bounds(**changes))
        self.sockets = ConnectionLimits(self.limits)
        self.listener = self.sockets.new_listener()

    def source(self, circuit: object = None, now: float = 0.0):
        return self.sockets.source(self.listener, circuit, now)


def test_connections_beyond_the_cap_are_refused_counted_and_possible_again_later() -> None:
    world = World(max_connections=2)
    first = world.source()
    refused = Denial("too-many-connections", 30)
    assert [world.sockets.connect(source, 0) for source in (first, world.source(), world.source())] == [
        None, None, refused]
    assert world.limits.refused == {"too-many-connections": 1}
    world.sockets.disconnect(first)
    assert world.sockets.connect(world.source(), 0) is None


def test_some_sockets_more_than_connections_are_let_in_and_no_more_than_these() -> None:
    limits = World(max_connections=2).sockets
    assert [limits.socket_opened() for _ in range(2 + SPARE_SOCKETS)] == [True] * (2 + SPARE_SOCKETS)
    assert not limits.socket_opened()
    limits.socket_closed()
    assert limits.socket_opened()


def test_rooms_are_allowed_up_to_the_cap_and_those_that_are_there_can_be_joined() -> None:
    world = World(max_rooms=2, max_waiting=1)
    source = world.source()
    assert world.limits.join(source, 0, opens=True) is None
    source.add(1, 1)
    assert world.limits.join(source, 0, opens=True) == Denial("too-many-waiting", 30)
    source.add(0, -1)
    assert world.limits.join(source, 0, opens=True) is None
    source.add(1, 0)
    assert world.limits.join(source, 0, opens=True) == Denial("too-many-rooms", 30)
    assert world.limits.join(source, 0, opens=False) is None
    source.add(-2, 0)
    assert world.limits.join(source, 0, opens=True) is None


def test_one_circuit_cannot_use_up_what_is_there_for_all() -> None:
    world = World(circuit_connections=2, circuit_rooms=1)
    greedy, modest = world.source(7), world.source(8)
    assert world.source(7) is greedy
    assert [world.sockets.connect(greedy, 0) for _ in range(3)] == [None, None, Denial("too-many-connections", 30)]
    assert world.sockets.connect(modest, 0) is None
    greedy.add(1, 1)
    assert world.limits.join(greedy, 0, opens=True) == Denial("too-many-rooms", 30)
    assert world.limits.join(modest, 0, opens=True) is None
    assert world.limits.circuit.refused == {"connections": 1, "rooms": 1}


def test_a_listener_has_its_share_of_everything() -> None:
    world = World(max_connections=4, listener_share=50)
    other = world.sockets.new_listener()
    assert [world.sockets.connect(world.source(), 0) for _ in range(3)] == [
        None, None, Denial("too-many-connections", 30)]
    assert world.sockets.connect(world.sockets.source(other, None, 0), 0) is None
    assert world.limits.listener.refused == {"connections": 1}


def test_joins_come_in_bursts_and_then_at_their_rate_with_the_time_to_wait() -> None:
    world = World(join_rate=2, burst=3)
    source = world.source()
    assert [world.limits.join(source, 10, opens=False) for _ in range(6)] == [None] * 6
    assert world.limits.join(source, 10, opens=False) == Denial("too-many-joins", 1)
    assert world.limits.join(source, 10.5, opens=False) is None
    assert world.limits.join(source, 10.5, opens=False) == Denial("too-many-joins", 1)
    assert [world.limits.join(source, 99, opens=False) for _ in range(7)][-2:] == [None, Denial("too-many-joins", 1)]


def test_a_rate_of_less_than_one_in_a_burst_still_lets_one_through() -> None:
    world = World(connection_rate=1, burst=1)
    assert [world.sockets.connect(world.source(), now) for now in (0, 0.5, 1)] == [
        None, Denial("too-many-connections", 1), None]


def test_who_sends_too_fast_is_slowed_and_who_sends_far_too_fast_is_refused() -> None:
    world = World(circuit_frame_rate=10, burst=5)
    source = world.source()
    assert world.limits.spend(source, 50, 0, 0) == 0
    assert world.limits.spend(source, 10, 0, 0) == 1
    assert world.limits.spend(source, 10, 0, 2) == 0
    assert world.limits.spend(source, 60, 0, 2) == Denial("too-many-frames", 6)
    assert world.limits.circuit.slowed == {"frame_rate": 1}
    assert world.limits.circuit.refused == {"frame_rate": 1}
    assert world.limits.spend(world.source(), 50, 0, 2) == 0


def test_bytes_have_a_rate_of_their_own() -> None:
    world = World(circuit_byte_rate=100, burst=1)
    assert world.limits.spend(world.source(), 1, 150, 0) == 0.5
    assert world.limits.spend(world.source(), 1, 250, 0) == Denial("too-many-bytes", 2)


def test_when_all_together_are_too_fast_those_are_slowed_who_send_much_and_nobody_else() -> None:
    world = World(frame_rate=10, circuit_frame_rate=8, burst=1)
    loud, loud_too, modest = world.source(), world.source(), world.source()
    assert world.limits.spend(loud, 8, 0, 0) == 0
    assert world.limits.spend(loud_too, 8, 0, 0) == pytest.approx(0.6)
    assert world.limits.spend(modest, 1, 0, 0) == 0
    assert world.limits.total.limits.slowed == {"frame_rate": 1}


def test_the_further_all_together_are_beyond_their_rate_the_less_is_fair_but_a_little_always_is() -> None:
    world = World(frame_rate=32, circuit_frame_rate=320, burst=1)
    flood, modest = [world.source() for _ in range(9)], world.source()
    assert [world.limits.spend(source, 20, 0, 0) for source in flood] == [0, 0, 0, 0, 2, 2, 2, 2, 2]
    assert world.limits.spend(modest, 10, 0, 0) == 0
    assert world.limits.spend(modest, 1, 0, 0) == 2


def test_without_a_rate_of_their_own_everybody_can_be_slowed() -> None:
    world = World(byte_rate=10, burst=1)
    assert world.limits.spend(world.source(), 1, 20, 0) == 1


@pytest.mark.parametrize("then", [5, 2_000_000])
def test_a_clock_that_jumps_opens_buckets_and_closes_none(then: int) -> None:
    world = World(circuit_frame_rate=1, join_rate=1, burst=2)
    source = world.source()
    assert world.limits.spend(source, 3, 0, 1_000_000) == 1
    assert [world.limits.join(source, 1_000_000, opens=False) is None for _ in range(3)] == [True, True, False]
    assert world.limits.spend(source, 1, 0, then) == 0
    assert world.limits.join(source, then, opens=False) is None


def test_draining_refuses_new_rooms_only() -> None:
    world = World()
    world.limits.drain(True)
    assert world.limits.join(world.source(), 0, opens=True) == Denial("draining", 60)
    assert world.limits.join(world.source(), 0, opens=False) is None


def test_new_bounds_are_in_force_at_once_and_close_nothing() -> None:
    world = World(max_connections=2)
    sources = [world.source() for _ in range(3)]
    assert [world.sockets.connect(source, 0) for source in sources[:2]] == [None, None]
    world.limits.apply(bounds(max_connections=1, circuit_join_rate=1, burst=1))
    assert world.sockets.connections == 2
    assert world.sockets.connect(sources[2], 0) == Denial("too-many-connections", 30)
    assert [world.limits.join(sources[0], 0, opens=False) for _ in range(2)] == [None, Denial("too-many-joins", 1)]


def test_a_circuit_is_forgotten_when_its_buckets_are_full_again_and_not_before() -> None:
    world = World(circuit_join_rate=1, burst=1)
    world.limits.join(world.source(7), 0, opens=False)
    gc.collect()
    assert world.limits.join(world.source(7, 0.5), 0.5, opens=False) == Denial("too-many-joins", 1)
    world.sockets.forget(4)
    gc.collect()
    assert len(world.sockets.circuits) == 0


def test_circuits_without_number_leave_nothing_but_the_last_few_thousand() -> None:
    world = World()
    for circuit in range(3 * MAX_REMEMBERED):
        world.sockets.connect(source := world.source(circuit), 0)
        world.sockets.disconnect(source)
    del source
    gc.collect()
    assert len(world.sockets.circuits) == MAX_REMEMBERED
    held = world.source(1)
    world.sockets.forget(100)
    gc.collect()
    assert list(world.sockets.circuits.values()) == [held]


def test_every_refusal_of_the_limits_has_a_code_that_closes_and_a_time() -> None:
    for code in CODES.values():
        assert ERRORS[code].fatal
        assert ERRORS[code].retry_after


class Bucket:
    """The model of one rate: tokens, which may run into debt, in the way in which textbooks have it."""

    def __init__(self, rate: int, burst: int) -> None:
        self.rate, self.most, self.burst = rate, rate * burst, burst
        self.tokens, self.then = float(self.most), 0.0

    def fill(self, now: float) -> None:
        self.tokens = min(self.most, self.tokens + self.rate * (now - self.then))
        self.then = now

    def missing(self, now: float) -> float:
        """Return the seconds until there is a whole token."""
        self.fill(now)
        return max(1 - self.tokens, 0) / self.rate if self.rate else 0.0

    def take(self, amount: int, now: float) -> float:
        """Return how many seconds of the rate are used up then."""
        if not self.rate:
            return 0.0
        self.fill(now)
        self.tokens = max(self.tokens - amount, -2 * self.most)
        return (self.most - self.tokens) / self.rate


class Counted:
    """The model of one circuit, one listener or the whole relay."""

    def __init__(self, most: dict[str, int], rates: dict[str, int], burst: int) -> None:
        self.most, self.used = most, dict.fromkeys(most, 0)
        self.rates = {name: Bucket(rate, burst) for name, rate in rates.items()}


# Rates are powers of two and times multiples of 1/16, so that both sides compute exactly.
BURST = 4
NUMBERS = {"connections": (3, 5), "rooms": (2, 4), "waiting": (1, 3)}
PER_SECOND = {"connection_rate": (1, 2), "join_rate": (1, 4), "frame_rate": (4, 8), "byte_rate": (16, 0)}
CODE = {"connections": "too-many-connections", "rooms": "too-many-rooms", "waiting": "too-many-waiting",
        "connection_rate": "too-many-connections", "join_rate": "too-many-joins", "frame_rate": "too-many-frames",
        "byte_rate": "too-many-bytes"}
SOURCES = st.integers(0, 3)


class LimitsAgainstModel(RuleBasedStateMachine):
    """Two listeners with two circuits each, and half of everything for a listener."""

    @initialize()
    def begin(self) -> None:
        config = {f"max_{name}": most for name, (_, most) in NUMBERS.items()}
        config |= {f"circuit_{name}": own for name, (own, _) in (NUMBERS | PER_SECOND).items()}
        config |= {name: rate for name, (_, rate) in PER_SECOND.items()}
        self.limits = RelayLimits(bounds(**config, burst=BURST, listener_share=50))
        self.sockets = ConnectionLimits(self.limits)
        self.now = 0.0
        listeners = [self.sockets.new_listener(), self.sockets.new_listener()]
        self.real = [self.sockets.source(listeners[number // 2], number, 0) for number in range(4)]

        def counted(place: int, share: int) -> Counted:
            return Counted({name: math.ceil(pair[place] / share) for name, pair in NUMBERS.items()},
                           {name: math.ceil(pair[place] / share) for name, pair in PER_SECOND.items()}, BURST)

        total, halves = counted(1, 1), [counted(1, 2), counted(1, 2)]
        self.model = [[counted(0, 1), halves[number // 2], total] for number in range(4)]

    def verdict(self, source: int, rate: str, gauges: list[str]) -> Denial | None:
        """Return what a connection or a join should be told, and count it if nothing is against it."""
        chain = self.model[source]
        for gauge in gauges if rate == "connection_rate" else []:
            if any(scope.used[gauge] >= scope.most[gauge] for scope in chain):
                return Denial(CODE[gauge], ERRORS[CODE[gauge]].retry_after)
        for scope in chain:
            if missing := scope.rates[rate].missing(self.now):
                return Denial(CODE[rate], math.ceil(missing))
        for scope in chain:
            scope.rates[rate].take(1, self.now)
        for gauge in gauges if rate == "join_rate" else []:
            if any(scope.used[gauge] >= scope.most[gauge] for scope in chain):
                return Denial(CODE[gauge], ERRORS[CODE[gauge]].retry_after)
        return None

    def count(self, source: int, gauge: str, by: int) -> None:
        for scope in self.model[source]:
            scope.used[gauge] += by

    @rule(source=SOURCES)
    def connect(self, source: int) -> None:
        expected = self.verdict(source, "connection_rate", ["connections"])
        assert self.sockets.connect(self.real[source], self.now) == expected
        if expected is None:
            self.count(source, "connections", 1)

    @rule(source=SOURCES)
    def disconnect(self, source: int) -> None:
        if self.model[source][0].used["connections"]:
            self.sockets.disconnect(self.real[source])
            self.count(source, "connections", -1)

    @rule(source=SOURCES, opens=st.booleans(), pairs=st.booleans())
    def join(self, source: int, opens: bool, pairs: bool) -> None:
        expected = self.verdict(source, "join_rate", ["rooms", "waiting"] if opens else [])
        assert self.limits.join(self.real[source], self.now, opens=opens) == expected
        if opens and expected is None:
            self.real[source].add(1, 0 if pairs else 1)
            self.count(source, "rooms", 1)
            self.count(source, "waiting", 0 if pairs else 1)

    @rule(source=SOURCES)
    def forget_a_room(self, source: int) -> None:
        used = self.model[source][0].used
        if used["rooms"]:
            waiting = min(used["waiting"], 1)
            self.real[source].add(-1, -waiting)
            self.count(source, "rooms", -1)
            self.count(source, "waiting", -waiting)

    @rule(source=SOURCES, frames=st.integers(1, 24), size=st.integers(0, 90))
    def spend(self, source: int, frames: int, size: int) -> None:
        chain, hold = self.model[source], 0.0
        expected: Denial | None = None
        for rate, amount in (("frame_rate", frames), ("byte_rate", size)):
            own = chain[0].rates[rate].take(amount, self.now)
            if own > 2 * BURST:
                expected = Denial(CODE[rate], math.ceil(own - BURST))
                break
            spent = [own, *(scope.rates[rate].take(amount, self.now) for scope in chain[1:])]
            for over in (seconds - BURST for seconds in spent):
                if over > 0 and own > BURST * max((1 - over / BURST / 2) / 2, 1 / 32):
                    hold = max(hold, over)
        result = self.limits.spend(self.real[source], frames, size, self.now)
        assert result == (expected or hold)

    @rule(sixteenths=st.integers(0, 64))
    def time_passes(self, sixteenths: int) -> None:
        self.now += sixteenths / 16

    @invariant()
    def counts_agree(self) -> None:
        for real, model in zip(self.real, self.model, strict=True):
            for scope, counted in zip(real, model, strict=True):
                assert scope.used == list(counted.used.values())


def test_limits_do_what_the_model_says_whatever_happens_in_whatever_order() -> None:
    run_state_machine_as_test(LimitsAgainstModel, settings=settings(max_examples=80, stateful_step_count=50,
                                                                    deadline=None))
