"""Clients that take their time: with the head, with what comes after it, and within a frame; and a clock that jumps."""

from __future__ import annotations

import json

import pytest_twisted
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor

from tests.relay.kit import ANNA, BEN, OURS, ROOM, Failures, RelayWorld, frame
from tests.relay.wires import Wires, drop

JOIN = json.dumps({"type": "join", "room": ROOM, "token": ANNA}).encode()


@pytest_twisted.async_yield_fixture
async def world():
    with Failures() as failures:
        made = await RelayWorld(reactor).up()
        yield made
        await made.down()
    assert failures.seen == []


async def taken_in(world, client, bytes_sent: bytes) -> None:
    """Send bytes one by one, 20 seconds apart."""
    for byte in bytes_sent:
        client.transport.write(bytes([byte]))
        await world.http("GET / HTTP/1.1")  # whatever was written before this has been read by now
        world.clock.advance(20)


@pytest_twisted.ensureDeferred
async def test_a_head_that_drips_has_its_whole_time_once(world) -> None:
    client = await world.socket(OURS[:-2])
    await taken_in(world, client, b"\r")
    assert not client.closed.called
    await taken_in(world, client, b" ")
    assert b"101" not in await client.closed.addTimeout(60, reactor)


@pytest_twisted.ensureDeferred
async def test_a_websocket_that_drips_its_first_frame_is_closed_without_a_seat(world) -> None:
    client = await world.raw_websocket()
    await taken_in(world, client, frame(1, JOIN)[:5])
    await client.until(b"\x88", reactor)
    assert b"join-timeout" in client.received


@pytest_twisted.ensureDeferred
async def test_one_who_is_seated_and_drips_a_frame_cannot_answer_a_ping_and_is_lost(world) -> None:
    partner = await world.peer(BEN)
    assert await partner.types(1) == ["joined"]
    client = await world.raw_websocket(frame(1, JOIN))
    assert await partner.types(1) == ["ready"]
    await taken_in(world, client, frame(2, bytes(60_000))[:9])
    await client.closed.addTimeout(60, reactor)
    assert await partner.types(1) == ["peer-left"]
    assert partner.inbox.empty()


jumps = st.lists(st.one_of(st.sampled_from([0, 1, 29, 31, 61, 599, 601, 1e9, -1e9, -1, -600]),
                           st.floats(-1e6, 1e6)), max_size=12)


@settings(max_examples=150, deadline=None)
@given(jumps)
def test_a_clock_that_jumps_breaks_no_pair_and_keeps_nobody_out(leaps) -> None:
    wires = Wires()
    time = [1e9]
    wires.relay.now = lambda: time[0]
    one, other = wires.pair(ours=True)
    for leap in leaps:
        time[0] += leap
        wires.service.expire()
        one.dataReceived(frame(2, b"still here"))
        assert other.transport.value().endswith(b"\x82\x0astill here")
        lonely = wires.connect(OURS + frame(1, JOIN.replace(ROOM.encode(), b"Q" * 43)))
        assert b'"joined"' in lonely.transport.value()
        drop(lonely)
    drop(one)
    drop(other)
    time[0] = 1e10
    wires.service.expire()
    time[0] += 601
    wires.service.expire()
    assert len(wires.relay.rooms) == 0
