"""A relay's life: drained and resumed, its limits shown and changed while it runs."""

from __future__ import annotations

import json

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred

from tests.relay.kit import ANNA, BEN, CARL, OURS, RelayWorld, settings
from tests.waiting import eventually
from whisperd.errors import ConfigError


@pytest_twisted.async_yield_fixture
async def world():
    made = await RelayWorld(reactor).up()
    yield made
    await made.down()


def row(world: RelayWorld, limit: str, scope: str = "total") -> dict:
    found = [each for each in world.service.limits() if (each["limit"], each["scope"]) == (limit, scope)]
    assert len(found) == 1
    return found[0]


@pytest_twisted.ensureDeferred
async def test_a_draining_relay_opens_no_room_lets_the_others_finish_and_says_when_they_have(world) -> None:
    anna, ben = await world.pair()
    lonely = await world.peer(CARL, "Q" * 43)
    assert await lonely.types(1) == ["joined"]
    world.service.drain()
    end = ensureDeferred(world.service.drained(3_600))
    refused = await world.peer(CARL, "g" * 43)
    told = await refused.next()
    assert (told["code"], told["retry_after"]) == ("draining", 60)
    late = await world.peer(BEN, "Q" * 43)
    assert await late.types(2) == ["joined", "ready"]
    anna.sendMessage(b"still here", isBinary=True)
    assert await ben.next() == b"still here"
    for client in (anna, ben, lonely, late):
        client.say(type="leave")
        client.sendClose(1000)
    await eventually(lambda: not world.service.status()["rooms"], meanwhile=lambda: world.http("GET /health HTTP/1.1"))
    assert not end.called
    world.clock.advance(5)
    assert await end is True


@pytest_twisted.ensureDeferred
async def test_health_says_that_the_relay_drains_so_that_a_proxy_sends_nobody_there(world) -> None:
    world.service.drain()
    status, _, body = await world.http("GET /health HTTP/1.1")
    assert (status, json.loads(body)) == (503, {"status": "draining", "sessions": 0})
    world.service.resume()
    assert (await world.http("GET /health HTTP/1.1"))[0] == 200


@pytest_twisted.ensureDeferred
async def test_a_relay_without_rooms_is_drained_at_once_and_one_that_resumes_is_not(world) -> None:
    assert await world.service.drained(1) is False
    world.service.drain()
    assert await world.service.drained(1) is True
    world.service.resume()
    await world.pair()
    world.service.drain()
    assert world.service.status()["draining"] is True
    first, second = ensureDeferred(world.service.drained(10)), ensureDeferred(world.service.drained(60))
    world.clock.advance(10)
    assert await first is False
    world.service.resume()
    assert await second is False
    assert await (await world.peer(CARL, "Q" * 43)).types(1) == ["joined"]


@pytest_twisted.ensureDeferred
async def test_each_limit_is_shown_with_its_use_and_its_refusals(world) -> None:
    await world.pair()
    assert row(world, "connections") == {
        "limit": "connections", "scope": "total", "max": 20, "used": 2, "refused": 0, "slowed": 0}
    assert row(world, "sockets") | {"max": 52, "used": 2} == row(world, "sockets")
    assert row(world, "rooms")["used"] == 1
    assert row(world, "join_rate") | {"used": None} == {
        "limit": "join_rate", "scope": "total", "max": 1_000, "used": None, "refused": 0, "slowed": 0}
    assert row(world, "join_rate")["used"] == 2
    assert row(world, "connections", "circuit")["used"] is None
    assert [each for each in world.service.limits() if each["scope"] == "listener"] == []
    client = await world.raw_websocket(b"\x82\xff" + (65_537).to_bytes(8, "big") + b"mask")
    await client.until(b"frame-too-large", reactor)
    assert row(world, "max_frame", "connection")["refused"] == 1


@pytest_twisted.ensureDeferred
async def test_limits_that_are_read_again_are_in_force_for_those_who_are_there_and_close_nobody(world) -> None:
    anna, ben = await world.pair()
    world.service.reload(settings(max_connections=2, max_frame=1_024, room_expiry=1, listener_share=50))
    assert row(world, "connections")["max"] == 2
    assert row(world, "connections", "listener") | {"used": 2} == row(world, "connections", "listener")
    refused = await (await world.socket(OURS)).closed.addTimeout(60, reactor)
    assert refused.startswith(b"HTTP/1.1 503 ")
    anna.sendMessage(bytes(1_024), isBinary=True)
    assert await ben.next() == bytes(1_024)
    anna.sendMessage(bytes(1_025), isBinary=True)
    assert await anna.types(1) == ["frame-too-large"]
    assert await ben.types(1) == ["peer-left"]
    world.clock.pump([5, 5])
    assert await ben.types(1) == ["expired"]


@pytest_twisted.ensureDeferred
async def test_limits_that_cannot_be_had_change_nothing(world) -> None:
    with pytest.raises(ConfigError, match="open files"):
        world.service.reload(settings(max_connections=2_000_000_000, max_rooms=1))
    assert row(world, "rooms")["max"] == 10
    assert await (await world.peer(ANNA)).types(1) == ["joined"]
