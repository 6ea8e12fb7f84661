"""The short way of a message says and does what autobahn's machine does, wherever the bytes are cut."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.relay.kit import frame
from tests.relay.wires import MAX_FRAME, Wires, cut, masked, streams
from whisperd.relay.fastpath import unmask, unmask_slowly


def history(stream: list[bytes], places: list[int], *, ours: bool, short: bool) -> tuple[Any, ...]:
    """Return all that both sides see of a stream of frames, and the state that it leaves behind."""
    wires = Wires(short=short)
    one, other = wires.pair(ours)
    for piece in cut(b"".join(stream), places):
        one.dataReceived(piece)
    return (one.transport.value(), other.transport.value(), one.transport.ended, other.transport.ended, one.state,
            other.state, one.failedByMe, one.inside_message, dict(wires.relay.limits.refused), len(wires.relay.rooms),
            wires.relay.rooms.waiting, wires.service.status()["connections"])


@settings(max_examples=700, deadline=None)
@given(streams, st.lists(st.integers(0, 4_000), max_size=6), st.booleans())
def test_both_ways_say_the_same_to_both_sides_wherever_the_bytes_are_cut(stream, places, ours) -> None:
    assert history(stream, places, ours=ours, short=True) == history(stream, places, ours=ours, short=False)


@settings(max_examples=60, deadline=None)
@given(streams, st.booleans())
def test_bytes_one_by_one_say_the_same_as_all_at_once(stream, ours) -> None:
    whole = history(stream, [], ours=ours, short=True)
    assert history(stream, list(range(10_000)), ours=ours, short=True) == whole


@settings(max_examples=300, deadline=None)
@given(mask=st.binary(min_size=4, max_size=4), payload=st.binary(max_size=1_500))
def test_unmasking_is_what_the_rfc_says(mask, payload) -> None:
    frame = masked(2, payload, mask)
    hidden = frame[len(frame) - len(payload):]
    for way in (unmask, unmask_slowly):
        assert way(mask, hidden) == payload
        assert way(mask, bytearray(hidden)) == payload


def test_the_usual_message_does_not_come_near_autobahns_machine(monkeypatch) -> None:
    wires = Wires()
    one, other = wires.pair(ours=True)
    monkeypatch.setattr(type(one), "_dataReceived", None)
    for size in (2, 125, 126, MAX_FRAME):
        one.dataReceived(frame(2, b"x" * size))
        assert other.transport.value().endswith(b"x" * size)
    one.dataReceived(frame(2, b"in ") + frame(2, b"one ") + frame(2, b"read"))
    assert other.transport.value().endswith(b"\x82\x03in \x82\x04one \x82\x04read")


def test_all_messages_of_one_read_for_one_partner_are_one_write() -> None:
    wires = Wires()
    one, other = wires.pair(ours=True)
    writes: list[bytes] = []
    other.transport.write = writes.append
    one.dataReceived(frame(2, b"a") + frame(2, b"b") + frame(2, b"c") + frame(9))
    assert writes == [b"\x82\x01a\x82\x01b\x82\x01c"]


def test_a_message_in_two_reads_is_kept_until_it_is_whole() -> None:
    wires = Wires()
    one, other = wires.pair(ours=True)
    whole = frame(2, b"x" * 500)
    one.dataReceived(whole[:200])
    assert other.transport.value() == b""
    one.dataReceived(whole[200:])
    assert other.transport.value().endswith(b"x" * 500)
    assert one.data == b""


def test_a_large_message_in_many_reads_is_left_to_autobahn_and_arrives() -> None:
    wires = Wires(max_frame=65_536)
    one, other = wires.pair(ours=True)
    whole = frame(2, b"x" * 40_000)
    for piece in cut(whole + frame(2, b"behind"), list(range(0, 50_000, 7_000))):
        one.dataReceived(piece)
        assert len(one.data) < 8
    assert other.transport.value() == b"\x82\x7e\x9c\x40" + b"x" * 40_000 + b"\x82\x06behind"


def test_limits_are_asked_on_the_short_way(monkeypatch) -> None:
    wires = Wires()
    one, _ = wires.pair(ours=True)
    asked: list[int] = []
    spend = wires.relay.limits.spend
    monkeypatch.setattr(wires.relay.limits, "spend", lambda *use: asked.append(use[1]) or spend(*use))
    one.dataReceived(frame(2, b"xx") * 320)
    assert sum(asked) >= 290


def test_a_pong_that_is_due_is_waited_for_no_longer_when_a_message_comes() -> None:
    wires = Wires()
    one, _ = wires.pair(ours=True)
    wires.clock.advance(30)
    assert one.pinged
    assert one in wires.factory._liveness._pings
    one.dataReceived(frame(1, json.dumps({"type": "unknown"}).encode()))
    assert not one.pinged
    assert one not in wires.factory._liveness._pings
    assert one in wires.factory._liveness._silences
