"""One timer for many: each is due when it is due, whoever else comes and goes, and whatever the delay becomes."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from twisted.internet.task import Clock

from whisperd.relay.deadlines import Deadlines

DELAY = 10


class Many(RuleBasedStateMachine):
    """Deadlines beside a dictionary of who waits since when."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.due: list[int] = []
        self.since: dict[int, float] = {}
        self.deadlines = Deadlines(self.clock, DELAY, self.due.append)

    @rule(who=st.integers(0, 5))
    def add(self, who: int) -> None:
        self.deadlines.discard(who)
        self.deadlines.add(who)
        self.since[who] = self.clock.seconds()

    @rule(who=st.integers(0, 5))
    def discard(self, who: int) -> None:
        self.deadlines.discard(who)
        self.since.pop(who, None)

    @rule(seconds=st.integers(0, 25))
    def time_passes(self, seconds: int) -> None:
        self.due.clear()
        for _ in range(seconds):
            self.clock.advance(1)
        over = [who for who, since in self.since.items() if self.clock.seconds() - since >= DELAY]
        assert sorted(self.due) == sorted(over)
        for who in over:
            del self.since[who]
        assert [who for who in range(6) if who in self.deadlines] == sorted(self.since)

    @rule()
    def one_timer_at_most(self) -> None:
        assert len(self.clock.getDelayedCalls()) <= 1


TestMany = Many.TestCase


def test_a_shorter_delay_holds_for_those_who_wait_once_the_timer_is_over() -> None:
    clock, due = Clock(), []
    deadlines = Deadlines(clock, 10, due.append)
    for who in ("a", "b"):
        deadlines.add(who)
        clock.advance(4)
    deadlines.apply(5)
    clock.advance(2)
    assert due == ["a", "b"]


def test_nothing_is_planned_after_a_stop() -> None:
    clock, due = Clock(), []
    deadlines = Deadlines(clock, 10, due.append)
    deadlines.add("a")
    deadlines.stop()
    clock.advance(11)
    assert due == []
    assert clock.getDelayedCalls() == []
