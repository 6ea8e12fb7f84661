"""Limits on real sockets: rates, circuits that a PROXY line names, seatless sockets, floods."""

from __future__ import annotations

import json

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred

from tests.relay.kit import ANNA, BEN, OURS, ROOM, TCP, Failures, RelayWorld, frame
from tests.waiting import eventually

JOIN = json.dumps({"type": "join", "room": ROOM, "token": ANNA}).encode()


@pytest_twisted.ensureDeferred
async def test_websockets_beyond_their_rate_get_503_and_the_seconds_to_wait() -> None:
    world = await RelayWorld(reactor, connection_rate=2, burst=1).up()
    for _ in range(2):
        await world.connect("whisperd.1")
    refused = await (await world.socket(OURS)).closed.addTimeout(60, reactor)
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 1\r\n" in refused
    assert json.loads(refused.partition(b"\r\n\r\n")[2])["retry_after"] == 1
    world.clock.advance(1)
    await world.connect("whisperd.1")
    await world.down()


def proxied(circuit: str, data: bytes = OURS) -> bytes:
    return f"PROXY TCP6 fc00:dead:beef:4dad::{circuit} ::1 65535 80\r\n".encode() + data


@pytest_twisted.ensureDeferred
async def test_circuits_that_tor_names_are_limited_one_by_one() -> None:
    world = await RelayWorld(reactor, f"haproxy:{TCP}", circuit_connections=1).up()
    first = await world.socket(proxied("1:2"))
    await first.until(b"101 Switching", reactor)
    second = await (await world.socket(proxied("1:2"))).closed.addTimeout(60, reactor)
    assert second.startswith(b"HTTP/1.1 503 ")
    other = await world.socket(proxied("1:3"))
    await other.until(b"101 Switching", reactor)
    first.transport.abortConnection()
    await first.closed.addTimeout(60, reactor)
    again = await world.socket(proxied("1:2"))
    await again.until(b"101 Switching", reactor)
    await world.down()


@pytest.mark.parametrize("line", [
    b"PROXY TCP6 fc00:dead:beef:4dae::1:2 ::1 65535 80\r\n",
    b"PROXY TCP4 203.0.113.7 127.0.0.1 4000 80\r\n",
    b"PROXY UNKNOWN whatever\r\n",
])
@pytest_twisted.ensureDeferred
async def test_other_addresses_that_a_proxy_names_are_thrown_away(line: bytes) -> None:
    world = await RelayWorld(reactor, f"haproxy:{TCP}", circuit_connections=1).up()
    for _ in range(3):
        client = await world.socket(line + OURS)
        await client.until(b"101 Switching", reactor)
    await world.down()


@pytest_twisted.ensureDeferred
async def test_without_a_proxy_line_the_listener_for_proxies_answers_nothing() -> None:
    with Failures() as failures:
        world = await RelayWorld(reactor, f"haproxy:{TCP}").up()
        assert await (await world.socket(OURS)).closed.addTimeout(60, reactor) == b""
        await world.down()
    assert failures.seen == []


@pytest_twisted.ensureDeferred
async def test_an_ordinary_listener_believes_no_proxy_line() -> None:
    world = await RelayWorld(reactor).up()
    answer = await (await world.socket(proxied("1:2"))).closed.addTimeout(60, reactor)
    assert answer.startswith(b"HTTP/1.1 400 ")
    await world.down()


@pytest_twisted.ensureDeferred
async def test_a_websocket_without_a_seat_is_closed_in_time_and_one_with_a_seat_is_not() -> None:
    world = await RelayWorld(reactor, join_timeout=40).up()
    seated = await world.peer(ANNA)
    assert await seated.types(1) == ["joined"]
    idle = await world.connect("whisperd.1")
    world.clock.pump([20, 19.9])
    assert idle.inbox.empty()
    world.clock.pump([5])
    assert await idle.types(1) == ["join-timeout"]
    assert await idle.next() == ("closed", 4014)
    assert seated.inbox.empty()
    await world.down()


@pytest_twisted.ensureDeferred
async def test_who_sends_faster_than_the_rate_is_not_read_for_a_while_and_loses_nothing() -> None:
    world = await RelayWorld(reactor, circuit_frame_rate=100, burst=1).up()
    anna, ben = await world.pair()
    numbers = [str(number).encode() for number in range(150)]
    for number in numbers[:127]:
        anna.sendMessage(number, isBinary=True)
    assert [await ben.next() for _ in range(127)] == numbers[:127]
    for number in numbers[127:]:
        anna.sendMessage(number, isBinary=True)
    anna.say(type="unknown")
    ben.say(type="unknown")
    assert await ben.types(1) == ["unknown-type"]
    assert ben.inbox.empty()
    world.clock.advance(2)
    assert [await ben.next() for _ in range(23)] == numbers[127:]
    assert await anna.types(1) == ["unknown-type"]
    await world.down()


@pytest.mark.parametrize(("flood", "weight"), [
    (frame(2, b"") * 1_000, 1),
    (frame(9, b"") * 1_000, 4),
    (frame(2, b"x", first=0) + frame(0, b"", first=0) * 1_000, 4),
])
@pytest_twisted.ensureDeferred
async def test_of_a_flood_no_more_is_taken_than_its_rate_although_it_was_read(flood: bytes, weight: int) -> None:
    world = await RelayWorld(reactor, circuit_frame_rate=100, burst=1).up()
    partner = await world.peer(BEN)
    assert await partner.types(1) == ["joined"]
    loud = await world.raw_websocket(frame(1, JOIN))
    assert await partner.types(1) == ["ready"]
    loud.transport.write(flood)
    await eventually(lambda: slowed(world), meanwhile=lambda: world.http("GET /health HTTP/1.1"))
    taken = []
    for _ in range(5):
        before = world.service._relay.limits.frames
        world.clock.advance(1)
        taken.append(world.service._relay.limits.frames - before)
    assert all(64 <= each <= 160 for each in taken)
    assert world.service.status()["refused"] == {}
    await world.down()


def slowed(world: RelayWorld) -> int:
    return sum(row["slowed"] for row in world.service.limits())


@pytest_twisted.ensureDeferred
async def test_who_sends_far_too_much_at_once_is_told_and_closed_and_the_partner_told() -> None:
    world = await RelayWorld(reactor, circuit_byte_rate=1_000, burst=1).up()
    anna, ben = await world.pair()
    ben.sendMessage(bytes(60_000), isBinary=True)
    told = await ben.next()
    assert (told["code"], told["fatal"], told["retry_after"]) == ("too-many-bytes", True, 2)
    assert await ben.next() == ("closed", 4012)
    assert await anna.next() == {"type": "peer-left", "reason": "lost"}
    assert world.service.status()["refused"] == {"too-many-bytes": 1}
    await world.down()


@pytest_twisted.ensureDeferred
async def test_who_goes_on_after_the_end_is_dropped() -> None:
    world = await RelayWorld(reactor).up()
    client = await world.raw_websocket(frame(1, b"{") + frame(2, b"") * 3_000)
    await client.closed.addTimeout(60, reactor)
    assert client.received.count(b'"code":"bad-json"') == 1
    await world.down()


@pytest_twisted.ensureDeferred
async def test_a_client_that_is_held_back_is_told_and_closes_when_the_relay_stops() -> None:
    world = await RelayWorld(reactor, circuit_frame_rate=100, burst=1).up()
    loud = await world.peer(ANNA)
    assert await loud.types(1) == ["joined"]
    for _ in range(150):
        loud.sendMessage(b"x", isBinary=True)
    await eventually(lambda: slowed(world), meanwhile=lambda: world.http("GET /health HTTP/1.1"))
    stopping = ensureDeferred(world.service.stop())
    for _ in range(151):
        if await loud.types(1) == ["shutting-down"]:
            break
    else:
        pytest.fail("it is not told")
    world.clock.advance(0)
    await stopping.addTimeout(60, reactor)
    assert await loud.next() == ("closed", 1001)
    await world.down()


@pytest_twisted.ensureDeferred
async def test_a_client_that_is_held_and_goes_leaves_nothing() -> None:
    world = await RelayWorld(reactor, circuit_frame_rate=100, burst=1).up()
    loud = await world.raw_websocket(frame(1, JOIN) + frame(9, b"") * 1_000)
    await eventually(lambda: slowed(world), meanwhile=lambda: world.http("GET /health HTTP/1.1"))
    loud.transport.abortConnection()
    async def later() -> None:
        await world.http("GET /health HTTP/1.1")
        world.clock.advance(0.5)

    await eventually(lambda: not world.service.status()["connections"], meanwhile=later)
    await world.down()
    assert [call for call in world.clock.getDelayedCalls() if call.active()] == []
