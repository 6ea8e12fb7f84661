"""The life of an onion service: every state answers every event, and nothing but the table happens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocols import differences
from whisperd.tor.onion.state_machine import EVENTS, STATES, TABLE, OnionLife, PublishingSteps, steps_of


class Recorder:
    """Steps that write down what they are asked to do."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.states: list[str] = []

    def entered(self, state: str) -> None:
        self.states.append(state)

    def add(self) -> None:
        self.did.append("add")

    def renew(self) -> None:
        self.did.append("renew")

    def start_deadline(self) -> None:
        self.did.append("start_deadline")

    def report_overdue(self) -> None:
        self.did.append("report_overdue")

    def note_upload(self) -> None:
        self.did.append("note_upload")

    def retry_later(self) -> None:
        self.did.append("retry_later")

    def cancel_timers(self) -> None:
        self.did.append("cancel_timers")

    def forget(self) -> None:
        self.did.append("forget")


def after(*events: str) -> Recorder:
    """Return what was done once these events have happened, in order."""
    recorder = Recorder()
    life = OnionLife(recorder)
    for event in events:
        life.happen(event)
    return recorder


def test_a_life_without_trouble() -> None:
    seen = after("begin", "added", "uploaded")
    assert seen.states == ["adding", "publishing", "up"]
    assert seen.did == ["add", "start_deadline", "cancel_timers", "note_upload"]


@pytest.mark.parametrize("lived", [("begin",), ("begin", "added"), ("begin", "added", "uploaded")])
def test_a_lost_tor_is_followed_by_adding_again(lived: tuple[str, ...]) -> None:
    seen = after(*lived, "tor_lost", "begin")
    assert seen.states[-2:] == ["lost", "adding"] and seen.did[-1] == "add"


def test_a_refusal_is_tried_again_later_and_a_late_retry_does_no_harm() -> None:
    seen = after("begin", "refused", "begin", "added", "begin")
    assert seen.did == ["add", "retry_later", "cancel_timers", "add", "start_deadline"]
    assert seen.states[-1] == "publishing"


def test_an_upload_after_the_deadline_still_counts() -> None:
    seen = after("begin", "added", "overdue", "uploaded")
    assert seen.states[-1] == "up" and seen.did[-3:] == ["report_overdue", "cancel_timers", "note_upload"]


@pytest.mark.parametrize("lived", [("begin", "added"), ("begin", "added", "uploaded")])
def test_what_is_published_is_renewed_on_demand(lived: tuple[str, ...]) -> None:
    seen = after(*lived, "again", "added", "uploaded")
    assert seen.states[-3:] == ["adding", "publishing", "up"] and seen.did.count("renew") == 1


def test_what_is_not_there_yet_is_not_renewed() -> None:
    assert "renew" not in after("again", "begin", "again", "tor_lost", "again").did


def test_a_lost_tor_leaves_no_timer_behind() -> None:
    assert after("begin", "added", "tor_lost").did[-1] == "cancel_timers"
    assert after("begin", "refused", "tor_lost").did[-1] == "cancel_timers"


@given(st.lists(st.sampled_from(EVENTS), max_size=40))
def test_any_order_of_events_is_survived_and_can_be_begun_again(events: list[str]) -> None:
    seen = after(*events, "tor_lost", "withdraw", "begin")
    assert seen.states[-1] == "adding" and set(seen.states) <= set(STATES)


def test_the_table_has_known_states_and_events_and_every_event_matters() -> None:
    assert {event for _, event in TABLE} == set(EVENTS)
    assert {state for state, _ in TABLE} | set(TABLE.values()) == set(STATES)


def test_what_is_done_belongs_to_a_change_of_the_table() -> None:
    assert set(steps_of(Recorder())) <= set(TABLE)


def test_the_recorder_has_the_hands_that_a_publisher_has() -> None:
    assert differences(Recorder(), PublishingSteps) == []
