"""The event bus: only what the table says, to whom it concerns, and nobody can disturb the others."""

from __future__ import annotations

import sys
from io import StringIO

import pytest

from whisperd.control import events
from whisperd.control.events import EVENTS, EventBus


@pytest.fixture
def complaints() -> list[BaseException]:
    return []


@pytest.fixture
def bus(complaints: list[BaseException]) -> EventBus:
    return EventBus(complaints.append)


def collector() -> tuple[list[dict], events.Deliver]:
    heard: list[dict] = []
    return heard, heard.append


def test_every_subscriber_hears_every_event_in_order(bus: EventBus) -> None:
    first, hear_first = collector()
    second, hear_second = collector()
    bus.subscribe(hear_first)
    bus.subscribe(hear_second)
    bus.emit("onion-state", state="up", address="a.onion")
    bus.emit("chat-state", chat="c1", state="connected", reason="", level="enhanced")
    assert [event["event"] for event in first] == ["onion-state", "chat-state"]
    assert first == second
    assert first[0] == {"event": "onion-state", "state": "up", "address": "a.onion"}


def test_one_conversation_can_be_watched_alone_and_the_end_is_still_heard(bus: EventBus) -> None:
    heard, hear = collector()
    bus.subscribe(hear, chat="c2")
    bus.emit("chat-state", chat="c1", state="connected", reason="", level="enhanced")
    bus.emit("chat-state", chat="c2", state="away", reason="lost", level="enhanced")
    bus.emit("tor-state", state="up", percent=100, summary="Done")
    bus.emit("daemon-stopping")
    assert [(event["event"], event.get("chat")) for event in heard] == [("chat-state", "c2"), ("daemon-stopping", None)]


def test_an_event_outside_the_table_cannot_be_emitted(bus: EventBus) -> None:
    with pytest.raises(KeyError):
        bus.emit("chat-gossip", chat="c1")


def test_in_a_daemon_a_mistake_is_written_down_and_nobody_is_disturbed(bus: EventBus, production: StringIO) -> None:
    heard, hear = collector()
    bus.subscribe(hear)
    bus.emit("chat-gossip", chat="c1")
    bus.emit("tor-state", percent=1)
    bus.emit("daemon-stopping")
    assert len(heard) == 1
    places = [line.split("place=")[1] for line in production.getvalue().splitlines()]
    assert len(places) == 2 and all(place.startswith("test_events.py-") for place in places)


def test_a_subscriber_that_ends_the_program_ends_its_subscription(bus: EventBus, complaints) -> None:
    bus.subscribe(lambda event: sys.exit(1))  # as rich does where its reader is gone
    bus.emit("daemon-stopping")
    bus.emit("daemon-stopping")
    assert [type(each) for each in complaints] == [SystemExit]


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_has_exactly_its_fields(bus: EventBus, name: str) -> None:
    fields: dict[str, events.Value] = dict.fromkeys(EVENTS[name].fields, "x")
    bus.emit(name, **fields)
    with pytest.raises(ValueError, match=name):
        bus.emit(name, **fields, extra=1)
    if fields:
        fields.popitem()
        with pytest.raises(ValueError, match=name):
            bus.emit(name, **fields)


def test_whoever_unsubscribes_hears_no_more_even_in_the_middle_of_an_event(bus: EventBus) -> None:
    heard, hear = collector()
    stops = [bus.subscribe(lambda event: stops[1]())]
    stops.append(bus.subscribe(hear))
    bus.emit("daemon-stopping")
    assert heard == []
    stops[1]()


def test_a_subscriber_that_raises_is_taken_off_and_the_others_are_served(bus: EventBus, complaints) -> None:
    heard, hear = collector()
    calls = []

    def broken(event: dict) -> None:
        calls.append(event["event"])
        raise RuntimeError("broken")

    bus.subscribe(broken)
    bus.subscribe(hear)
    bus.emit("daemon-stopping")
    bus.emit("daemon-stopping")
    assert len(heard) == 2 and calls == ["daemon-stopping"]
    assert [type(error) for error in complaints] == [RuntimeError]


def test_a_subscriber_cannot_change_what_the_next_one_hears(bus: EventBus) -> None:
    bus.subscribe(dict.clear)
    heard, hear = collector()
    bus.subscribe(hear)
    bus.emit("message-state", chat="c1", id=1, state="sent")
    assert heard == [{"event": "message-state", "chat": "c1", "id": 1, "state": "sent"}]


def test_the_number_of_subscribers_is_bounded(bus: EventBus) -> None:
    stops = [bus.subscribe(lambda event: None) for _ in range(events.MAX_SUBSCRIBERS)]
    with pytest.raises(OverflowError):
        bus.subscribe(lambda event: None)
    stops[0]()
    bus.subscribe(lambda event: None)
