"""What WH15P3R's own relay did wrong, and what this one does instead; each by the client's dialect, on real sockets."""

from __future__ import annotations

import json

import pytest_twisted
from twisted.internet import reactor

from tests.relay.kit import HANDSHAKE, Failures, RelayWorld, frame

CODE = "K7QM2XWP"


@pytest_twisted.async_yield_fixture
async def world():
    with Failures() as failures:
        made = await RelayWorld(reactor).up()
        yield made
        await made.down()
    assert failures.seen == []


def join(initiator: bool, code: str = CODE) -> bytes:
    return json.dumps({"type": "join", "sessionCode": code, "isInitiator": initiator}).encode()


async def seated(world: RelayWorld, initiator: bool, code: str = CODE):
    client = await world.connect()
    client.sendMessage(join(initiator, code))
    return client


async def pair(world: RelayWorld, code: str = CODE):
    anna, ben = await seated(world, True, code), await seated(world, False, code)
    assert [await anna.types(1), await ben.types(1)] == [["ready"], ["ready"]]
    return anna, ben


async def dead(world: RelayWorld, initiator: bool):
    """Return a client that sits in the room and answers nothing any more."""
    client = await world.socket(HANDSHAKE + b"\r\n" + frame(1, join(initiator)))
    await client.until(b"101 Switching", reactor)
    return client


@pytest_twisted.ensureDeferred
async def test_a_third_joiner_does_not_get_the_seat_of_one_who_answers_and_disturbs_nobody(world) -> None:
    anna, ben = await pair(world)
    for initiator in (True, False):
        third = await seated(world, initiator)
        assert await third.types(1) == ["room-full"]
        assert await third.next() == ("closed", 4001)
    anna.say(type="offer", sessionCode=CODE, offer={"sdp": "v=0"})
    assert (await ben.next())["offer"] == {"sdp": "v=0"}
    assert world.service.status()["paired"] == 1


@pytest_twisted.ensureDeferred
async def test_a_holder_who_does_not_answer_a_ping_is_replaced(world) -> None:
    anna = await seated(world, True)
    gone = await dead(world, False)
    assert await anna.types(1) == ["ready"]
    again, too_late = await seated(world, False), await seated(world, False)
    await gone.until(b"\x89\x00", reactor)
    world.clock.advance(9.9)
    anna.say(type="offer", sessionCode=CODE, offer=1)
    await gone.until(b'"offer"', reactor)
    assert again.inbox.empty()
    world.clock.advance(0.2)
    assert [await anna.types(1), await again.types(1)] == [["ready"], ["ready"]]
    assert await too_late.types(1) == ["room-full"]
    again.say(type="answer", sessionCode=CODE, answer=1)
    assert (await anna.next())["answer"] == 1


@pytest_twisted.ensureDeferred
async def test_whoever_leaves_while_the_holder_is_asked_is_not_seated(world) -> None:
    anna = await seated(world, True)
    gone = await dead(world, False)
    assert await anna.types(1) == ["ready"]
    again = await seated(world, False)
    await gone.until(b"\x89\x00", reactor)
    again.sendClose(1000)
    assert await again.next() == ("closed", 1000)
    world.clock.advance(10.1)
    await gone.closed.addTimeout(60, reactor)
    assert world.service.status()["waiting"] == 1


@pytest_twisted.ensureDeferred
async def test_an_initiator_who_waits_for_too_long_is_told_and_the_next_one_waits_in_a_room_of_their_own(world) -> None:
    anna = await seated(world, True)
    anna.say(type="offer", sessionCode=CODE, offer=1)
    assert await anna.types(1) == ["peer-absent"]
    world.clock.pump([600, 5])
    assert await anna.types(1) == ["expired"]
    assert await anna.next() == ("closed", 4002)
    ben = await seated(world, False)
    again = await seated(world, True)
    assert [await ben.types(1), await again.types(1)] == [["ready"], ["ready"]]


@pytest_twisted.ensureDeferred
async def test_a_paired_room_that_is_in_use_never_expires(world) -> None:
    anna, ben = await pair(world)
    for _ in range(5):
        world.clock.advance(29)
        anna.say(type="ice-candidate", sessionCode=CODE, candidate={})
        assert (await ben.next())["type"] == "ice-candidate"
    world.reload(room_expiry=1)
    world.clock.advance(5)
    ben.say(type="answer", sessionCode=CODE, answer=1)
    assert (await anna.next())["answer"] == 1


@pytest_twisted.ensureDeferred
async def test_one_socket_holds_one_seat_and_leaves_no_room_behind(world) -> None:
    client = await seated(world, True, "CODE0")
    for number in range(1, 30):
        client.sendMessage(join(True, f"CODE{number}"))
        assert await client.types(1) == ["already-joined"]
    assert world.service.status()["rooms"] == 1
    client.sendClose(1000)
    assert await client.next() == ("closed", 1000)
    assert world.service.status()["rooms"] == 0


@pytest_twisted.ensureDeferred
async def test_leaving_is_a_clean_close_that_frees_the_seat_at_once(world) -> None:
    anna, ben = await pair(world)
    ben.sendClose(1000)
    assert await ben.next() == ("closed", 1000)
    carl = await seated(world, False)
    assert [await anna.types(1), await carl.types(1)] == [["ready"], ["ready"]]


@pytest_twisted.ensureDeferred
async def test_nobody_speaks_in_a_room_in_which_they_hold_no_seat(world) -> None:
    anna, ben = await pair(world)
    mallory = await seated(world, True, "OTHER")
    for client in (mallory, await world.connect()):
        client.say(type="offer", sessionCode=CODE, offer=1)
        assert await client.types(1) == ["not-joined"]
    anna.say(type="offer", sessionCode="OTHER", offer=1)
    assert await anna.types(1) == ["not-joined"]
    assert ben.inbox.empty()
    assert mallory.inbox.empty()


@pytest_twisted.ensureDeferred
async def test_a_relay_that_stops_tells_every_seat() -> None:
    world = await RelayWorld(reactor).up()
    anna, ben = await pair(world)
    lonely = await seated(world, True, "OTHER")
    lonely.say(type="offer", sessionCode="OTHER", offer=1)
    assert await lonely.types(1) == ["peer-absent"]
    await world.service.stop()
    for client in (anna, ben, lonely):
        told = await client.next()
        assert (told["code"], told["retry_after"]) == ("shutting-down", 5)
        assert await client.next() == ("closed", 1001)
    await world.down()
