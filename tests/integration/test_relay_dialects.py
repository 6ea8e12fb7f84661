"""The relay end to end over real sockets: both dialects, third parties, losses, a restart, expiry and stopping."""

from __future__ import annotations

import json

import pytest_twisted
from twisted.internet import reactor

from tests.relay.kit import ANNA, BEN, CARL, TCP, Failures, RelayWorld


@pytest_twisted.async_yield_fixture
async def world():
    with Failures() as failures:
        made = await RelayWorld(reactor).up()
        yield made
        await made.down()
    assert failures.seen == []


@pytest_twisted.ensureDeferred
async def test_two_peers_meet_and_exchange_opaque_frames(world) -> None:
    anna = await world.peer(ANNA)
    assert await anna.next() == {"type": "joined", "seat": 0, "peer": False,
                                 "limits": {"frame": 65_536, "expiry": 600}}
    ben = await world.peer(BEN)
    assert (await ben.next())["peer"] is True
    assert await ben.next() == await anna.next() == {"type": "ready"}
    for payload in (b"\x00\x01", b"", bytes(range(256)) * 256):
        anna.sendMessage(payload, isBinary=True)
        assert await ben.raw() == (payload, True)
        ben.sendMessage(payload, isBinary=True)
        assert await anna.raw() == (payload, True)


@pytest_twisted.ensureDeferred
async def test_a_third_peer_is_refused_and_the_seated_do_not_notice(world) -> None:
    anna, ben = await world.pair()
    carl = await world.peer(CARL)
    assert await carl.types(1) == ["room-full"]
    assert await carl.next() == ("closed", 4001)
    anna.sendMessage(b"still here", isBinary=True)
    assert await ben.next() == b"still here"
    assert anna.inbox.empty()


@pytest_twisted.ensureDeferred
async def test_a_peer_that_lost_its_connection_takes_its_seat_again(world) -> None:
    anna, ben = await world.pair()
    anna.transport.abortConnection()
    assert await ben.next() == {"type": "peer-left", "reason": "lost"}
    ben.sendMessage(b"into the void", isBinary=True)
    told = await ben.next()
    assert (told["code"], told["fatal"]) == ("peer-absent", False)
    again = await world.peer(ANNA)
    joined = await again.next()
    assert (joined["seat"], joined["peer"]) == (0, True)
    assert await again.next() == await ben.next() == {"type": "ready"}


@pytest_twisted.ensureDeferred
async def test_a_token_that_comes_twice_replaces_its_older_connection(world) -> None:
    anna, ben = await world.pair()
    again = await world.peer(ANNA)
    assert await anna.types(1) == ["replaced"]
    assert await anna.next() == ("closed", 4003)
    assert await again.types(2) == ["joined", "ready"]
    assert await ben.types(1) == ["ready"]


@pytest_twisted.ensureDeferred
async def test_leaving_is_told_apart_from_a_loss_and_frees_the_seat(world) -> None:
    anna, ben = await world.pair()
    ben.say(type="leave")
    assert await anna.next() == {"type": "peer-left", "reason": "left"}
    carl = await world.peer(CARL)
    assert await carl.types(2) == ["joined", "ready"]


@pytest_twisted.ensureDeferred
async def test_a_clean_close_without_leave_keeps_the_seat(world) -> None:
    anna, ben = await world.pair()
    ben.sendClose(1000)
    assert await anna.next() == {"type": "peer-left", "reason": "lost"}
    carl = await world.peer(CARL)
    assert await carl.types(1) == ["room-full"]


@pytest_twisted.ensureDeferred
async def test_after_a_restart_of_the_relay_both_find_each_other_by_room_and_token(world) -> None:
    anna, ben = await world.pair()
    place = world.place
    await world.service.stop()
    for peer in (anna, ben):
        assert (await peer.next())["code"] == "shutting-down"
        assert await peer.next() == ("closed", 1001)
    fresh = await RelayWorld(reactor, f"tcp:{place.rsplit(':', 1)[1]}:interface=127.0.0.1").up()
    ben = await fresh.peer(BEN)
    anna = await fresh.peer(ANNA)
    assert await anna.types(2) == ["joined", "ready"]
    assert await ben.types(2) == ["joined", "ready"]
    anna.sendMessage(b"where were we", isBinary=True)
    assert await ben.next() == b"where were we"
    await fresh.down()


@pytest_twisted.ensureDeferred
async def test_who_waits_alone_is_told_of_the_expiry_and_a_paired_room_never_expires(world) -> None:
    anna, ben = await world.pair()
    carl = await world.peer(CARL, "Q" * 43)
    assert await carl.types(1) == ["joined"]
    world.clock.advance(599)
    assert carl.inbox.empty()
    world.clock.pump([5, 5])
    assert await carl.types(1) == ["expired"]
    assert await carl.next() == ("closed", 4002)
    assert world.service.status()["rooms"] == 1
    anna.sendMessage(b"in use", isBinary=True)
    assert await ben.next() == b"in use"


@pytest_twisted.ensureDeferred
async def test_the_status_counts_rooms_connections_and_refusals(world) -> None:
    await world.pair()
    lonely = await world.peer(CARL, "Q" * 43)
    assert await lonely.types(1) == ["joined"]
    carl = await world.peer(CARL)
    assert await carl.types(1) == ["room-full"]
    assert await carl.next() == ("closed", 4001)
    status = world.service.status()
    assert {name: status[name] for name in ("rooms", "waiting", "paired", "listeners", "refused")} == {
        "rooms": 2, "waiting": 1, "paired": 1, "listeners": [world.place], "refused": {"room-full": 1}}
    assert status["connections"] in (3, 4)


@pytest_twisted.ensureDeferred
async def test_rooms_beyond_the_cap_are_refused() -> None:
    world = await RelayWorld(reactor, max_rooms=1).up()
    await world.pair()
    carl = await world.peer(CARL, "Q" * 43)
    told = await carl.next()
    assert (told["code"], told["retry_after"]) == ("too-many-rooms", 30)
    assert await carl.next() == ("closed", 4008)
    await world.down()


@pytest_twisted.ensureDeferred
async def test_the_other_dialect_end_to_end_byte_for_byte(world) -> None:
    anna, ben = await world.connect(), await world.connect()
    assert anna.websocket_protocol_in_use is None
    anna.say(type="join", sessionCode="K7QM2XWP", isInitiator=True)
    ben.say(type="join", sessionCode="K7QM2XWP", isInitiator=False)
    assert await anna.raw() == await ben.raw() == (b'{"type":"ready"}', False)
    for text in (
        '{"type":"offer","sessionCode":"K7QM2XWP","offer":{"type":"offer","sdp":"v=0\\r\\n"}}',
        ' {"offer" : {"z":1, "a":2.50, "u":"\\u00e9é"},\n\t"sessionCode":"K7QM2XWP" ,"more":[1 , 2],"type":"offer"}  ',
    ):
        anna.sendMessage(text.encode())
        assert await ben.raw() == (text.encode(), False)
    ben.sendMessage(b'{"answer":null,"type":"answer","sessionCode":"K7QM2XWP"}')
    assert await anna.raw() == (b'{"answer":null,"type":"answer","sessionCode":"K7QM2XWP"}', False)
    ben.sendMessage(b'{"type":"ice-candidate","candidate":{},"sessionCode":"K7QM2XWP"}')
    assert await anna.raw() == (b'{"type":"ice-candidate","candidate":{},"sessionCode":"K7QM2XWP"}', False)


@pytest_twisted.ensureDeferred
async def test_in_the_other_dialect_a_third_is_refused_and_a_free_seat_taken_again(world) -> None:
    anna, ben, carl = await world.connect(), await world.connect(), await world.connect()
    anna.say(type="join", sessionCode="CODE", isInitiator=True)
    ben.say(type="join", sessionCode="CODE", isInitiator=False)
    assert [await anna.types(1), await ben.types(1)] == [["ready"], ["ready"]]
    carl.say(type="join", sessionCode="CODE", isInitiator=False)
    assert set(await carl.next()) == {"type", "code", "message"}
    assert await carl.next() == ("closed", 4001)
    ben.transport.abortConnection()
    assert (await ben.raw())[0] == "closed"
    dave = await world.connect()
    dave.say(type="join", sessionCode="CODE", isInitiator=False)
    assert [await anna.types(1), await dave.types(1)] == [["ready"], ["ready"]]


@pytest_twisted.ensureDeferred
async def test_in_the_other_dialect_a_sender_has_to_sit_in_the_room_it_names(world) -> None:
    clients = [await world.connect() for _ in range(4)]
    for number, client in enumerate(clients):
        client.say(type="join", sessionCode=f"CODE{number // 2}", isInitiator=number % 2 == 0)
        if number % 2:
            assert [await clients[number - 1].types(1), await client.types(1)] == [["ready"], ["ready"]]
    clients[0].sendMessage(b'{"type":"offer","sessionCode":"CODE0","offer":1,"sessionCode":"CODE1"}')
    assert await clients[0].types(1) == ["not-joined"]
    clients[0].say(type="offer", sessionCode="CODE0", offer=1)
    assert (await clients[1].next())["offer"] == 1
    assert clients[2].inbox.empty()
    assert clients[3].inbox.empty()


@pytest_twisted.ensureDeferred
async def test_the_dialects_do_not_meet(world) -> None:
    ours = await world.peer(ANNA)
    assert await ours.types(1) == ["joined"]
    theirs = await world.connect()
    theirs.say(type="join", sessionCode="A" * 43, isInitiator=False)
    theirs.say(type="offer", sessionCode="A" * 43, offer=1)
    assert await theirs.types(1) == ["peer-absent"]
    assert ours.inbox.empty()


@pytest_twisted.ensureDeferred
async def test_peers_meet_across_listeners_and_stopping_tells_everybody(tmp_path) -> None:
    world = await RelayWorld(reactor, TCP, f"unix:{tmp_path}/relay").up()
    onion = f"tcp:127.0.0.1:{await world.service.listen_for_onion()}"
    anna = await world.peer(ANNA, place=f"unix:{tmp_path}/relay")
    assert await anna.types(1) == ["joined"]
    ben = await world.peer(BEN, place=onion)
    assert await ben.types(2) == ["joined", "ready"]
    seatless = await world.connect()
    silent = await world.socket()
    await world.service.stop()
    assert await anna.types(2) == ["ready", "shutting-down"]
    for client in (ben, seatless):
        told = await client.next()
        assert (told["code"], told.get("retry_after", 5)) == ("shutting-down", 5)
    for client in (anna, ben, seatless):
        assert await client.next() == ("closed", 1001)
    assert await silent.closed.addTimeout(60, reactor) == b""
    assert not (tmp_path / "relay").exists()
    assert world.service.addresses == []
    await world.down()


@pytest_twisted.ensureDeferred
async def test_health_tells_the_number_of_rooms_and_to_the_onion_only_that_it_works(world) -> None:
    onion = f"tcp:127.0.0.1:{await world.service.listen_for_onion()}"
    await world.pair()
    status, fields, body = await world.http("GET /health HTTP/1.1")
    assert (status, json.loads(body)) == (200, {"status": "ok", "sessions": 1})
    assert fields["Content-Length"] == str(len(body))
    assert (await world.http("GET /health HTTP/1.1", onion))[2] == b'{"status":"ok"}'
