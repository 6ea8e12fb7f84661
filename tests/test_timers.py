"""One-shot timers are set, set again and undone; only a clock that jumped is sleep."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from whisperd.timers import CHECK_SECONDS, LATE_SECONDS, OneShot, Repeating, SleepDetector


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def calls() -> list[float]:
    return []


@pytest.fixture
def timer(clock, calls) -> OneShot:
    return OneShot(clock, lambda: calls.append(clock.seconds()))


def test_it_calls_once(clock, calls, timer):
    timer.start(5.0)
    assert timer and timer.due == 5.0
    clock.pump([5.0, 5.0])
    assert calls == [5.0] and not timer and timer.due is None


def test_what_is_set_again_forgets_what_was_set_before(clock, calls, timer):
    timer.start(5.0)
    timer.start(10.0)
    clock.pump([5.0, 5.0, 5.0])
    assert calls == [10.0]


def test_it_may_be_set_again_by_what_it_calls(clock):
    calls: list[float] = []

    def again() -> None:
        calls.append(clock.seconds())
        timer.start(1.0)

    timer = OneShot(clock, again)
    timer.start(1.0)
    clock.pump([1.0] * 3)
    assert calls == [1.0, 2.0, 3.0]


def test_what_is_cancelled_is_not_called_and_may_be_cancelled_again(clock, calls, timer):
    timer.cancel()
    timer.start(5.0)
    timer.cancel()
    timer.cancel()
    clock.advance(10.0)
    assert calls == [] and clock.getDelayedCalls() == []


def test_a_moment_is_met_one_that_has_passed_is_now_and_none_cancels(clock, calls, timer):
    clock.advance(100.0)
    timer.start_at(103.0)
    clock.advance(3.0)
    timer.start_at(50.0)
    clock.advance(0.0)
    timer.start_at(200.0)
    timer.start_at(None)
    assert calls == [103.0, 103.0] and clock.getDelayedCalls() == []


@pytest.mark.parametrize(("seconds", "due"), [(3.0, 3.0), (7.0, 5.0)])
def test_it_can_be_made_to_call_earlier_but_not_later(timer, seconds, due):
    timer.start(5.0)
    timer.start_earlier(seconds)
    assert timer.due == due


def test_what_is_not_set_is_set_by_start_earlier(timer):
    timer.start_earlier(7.0)
    assert timer.due == 7.0


def test_what_repeats_is_called_after_each_interval_until_it_is_stopped(clock, calls):
    sweep = Repeating(clock, lambda: calls.append(clock.seconds()), 5.0)
    sweep.start()
    clock.advance(3.0)
    sweep.start()
    clock.pump([2.0, 5.0])
    sweep.every(1.0)
    clock.pump([5.0, 1.0])
    assert calls == [5.0, 10.0, 15.0, 16.0]
    sweep.stop()
    sweep.stop()
    assert clock.getDelayedCalls() == []


def test_what_repeats_may_stop_itself_and_survives_an_error(clock, calls):
    def call() -> None:
        calls.append(clock.seconds())
        if len(calls) == 2:
            sweep.stop()
        else:
            raise ValueError

    sweep = Repeating(clock, call, 5.0)
    sweep.start()
    with pytest.raises(ValueError):
        clock.advance(5.0)
    clock.pump([5.0, 5.0])
    assert calls == [5.0, 10.0]


def test_only_a_clock_that_jumped_is_sleep(clock, calls):
    detector = SleepDetector(clock, lambda: calls.append(clock.seconds()))
    detector.start()
    detector.start()
    clock.pump([CHECK_SECONDS] * 3 + [CHECK_SECONDS + LATE_SECONDS])
    assert calls == [] and len(clock.getDelayedCalls()) == 1
    clock.advance(3 * 3600)
    assert calls == [clock.seconds()]
    detector.stop()
    assert clock.getDelayedCalls() == []
