"""What the relay does with clients that send the wrong bytes, too many, too slowly, or read nothing; raw sockets."""

from __future__ import annotations

import gc
import json

import pytest
import pytest_twisted
from twisted.internet import reactor

from tests.relay.kit import ANNA, BEN, CARL, HANDSHAKE, OURS, ROOM, Failures, RelayWorld, frame
from tests.relay.wires import ThroughAutobahn
from tests.waiting import eventually
from whisperd.relay.admission import SPARE_SOCKETS
from whisperd.relay.websocket import RelayProtocol

JOIN = json.dumps({"type": "join", "room": ROOM, "token": ANNA}).encode()


@pytest_twisted.async_yield_fixture(params=["short way", "autobahn alone"])
async def world(request, monkeypatch):
    if request.param == "autobahn alone":
        monkeypatch.setattr(RelayProtocol, "dataReceived", ThroughAutobahn.dataReceived)
    with Failures() as failures:
        made = await RelayWorld(reactor, max_connections=3, max_frame=1_024).up()
        yield made
        await made.down()
    assert failures.seen == []
    assert [call for call in made.clock.getDelayedCalls() if call.active()] == []


def close(code: int) -> bytes:
    return code.to_bytes(2, "big")


async def ending(client) -> bytes:
    return await client.closed.addTimeout(60, reactor)


@pytest.mark.parametrize(("sent", "code", "closed"), [
    (frame(2, bytes(1_025)), b"frame-too-large", 1009),
    (frame(1, b"a" * 1_025), b"frame-too-large", 1009),
    (frame(2, bytes(600), first=0) + frame(0, bytes(600)), b"frame-too-large", 1009),
    (b"\x82\xff" + (2**62).to_bytes(8, "big") + b"mask", b"frame-too-large", 1009),
    (frame(1, b'{"type":"\xff"}'), b"not-text-utf8", 1007),
    (frame(1, b'"\xc3', first=0) + frame(0, b'\x28"'), b"not-text-utf8", 1007),
    (frame(1, b'"\xc3'), b"not-text-utf8", 1007),
    (frame(1, b"{"), b"bad-json", 4005),
    (frame(1, b"[]"), b"bad-frame", 4004),
    (frame(1, b'{"type":"join","room":"x","token":"y"}'), b"bad-frame", 4004),
])
@pytest_twisted.ensureDeferred
async def test_a_wrong_frame_gets_its_error_and_its_close_code(world, sent: bytes, code: bytes, closed: int) -> None:
    client = await world.raw_websocket(sent)
    await client.until(b"\x88", reactor)
    told, _, rest = client.received.partition(b"\x88")
    assert b'"code":"' + code + b'"' in told
    assert rest[1:3] == close(closed)
    if closed != 1009 or sent[1] != 0xFF:
        client.transport.write(frame(8, close(closed)))
        await ending(client)
    assert world.service.status()["refused"] == {code.decode(): 1}


@pytest.mark.parametrize("sent", [
    frame(1, b"{}", masked=False),
    frame(1, b"{}", first=0xC0),
    frame(3, b"{}"),
    frame(11, b""),
    frame(0, b"{}"),
    frame(9, b"", first=0),
    frame(9, bytes(126)),
    frame(1, b"{", first=0) + frame(1, b"}"),
    frame(8, b"\x03"),
    frame(8, close(1005)),
    b"\x82\xfe\x00\x05mask12345",
])
@pytest_twisted.ensureDeferred
async def test_a_breach_of_the_websocket_protocol_closes_with_1002(world, sent: bytes) -> None:
    partner = await world.peer(BEN)
    assert await partner.types(1) == ["joined"]
    client = await world.raw_websocket(frame(1, JOIN) + sent + frame(2, b"must not arrive"))
    received = client.received + await ending(client)
    assert b"\x88\x10" + close(1002) in received
    assert await partner.types(2) == ["ready", "peer-left"]
    assert partner.inbox.empty()


@pytest_twisted.ensureDeferred
async def test_errors_that_are_not_fatal_leave_the_connection_usable(world) -> None:
    client = await world.connect("whisperd.1")
    client.sendMessage(b"before the join", isBinary=True)
    client.say(type="subscribe")
    client.say(type="leave")
    client.join(ANNA)
    client.join(ANNA)
    client.sendMessage(b"to nobody", isBinary=True)
    assert await client.types(6) == ["not-joined", "unknown-type", "not-joined", "joined", "already-joined",
                                     "peer-absent"]


@pytest_twisted.ensureDeferred
async def test_fragments_with_a_ping_between_them_are_one_message_and_frames_behind_the_handshake_count(world) -> None:
    half = len(JOIN) // 2
    client = await world.raw_websocket(frame(1, JOIN[:half], first=0) + frame(9, b"ping") + frame(0, JOIN[half:]))
    await client.until(b'"joined"', reactor)
    assert client.received.startswith(b"\x8a\x04ping")


@pytest_twisted.ensureDeferred
async def test_bytes_that_come_one_by_one_are_understood(world) -> None:
    client = await world.socket()
    for byte in OURS + frame(1, JOIN):
        client.transport.write(bytes([byte]))
    await client.until(b'"joined"', reactor)


@pytest_twisted.ensureDeferred
async def test_the_handshake_offers_no_extension_and_no_version(world) -> None:
    client = await world.socket(HANDSHAKE + b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
    await client.until(b"\r\n\r\n", reactor)
    assert client.received.startswith(b"HTTP/1.1 101 ")
    assert b"Extensions" not in client.received
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in client.received
    assert b"Server: whisperd\r\n" in client.received


@pytest.mark.parametrize(("sent", "status"), [
    (b"GET /nothing HTTP/1.1\r\nHost: relay\r\n\r\n", 404),
    (b"POST /health HTTP/1.1\r\nHost: relay\r\nContent-Length: 3\r\n\r\nabc", 405),
    (b"\x16\x03\x01\x02\x00\x01", 400),
    (b"GET / HTTP/3.0\r\n\r\n", 505),
    (b"GET / HTTP/1.1\r\nA: " + b"a" * 9_000, 431),
    (HANDSHAKE + b"Sec-WebSocket-Protocol: whisperd.2\r\n\r\n", 400),
])
@pytest_twisted.ensureDeferred
async def test_other_requests_get_a_proper_answer_with_a_length(world, sent: bytes, status: int) -> None:
    head, _, body = (await ending(await world.socket(sent))).partition(b"\r\n\r\n")
    assert int(head.split()[1]) == status
    assert f"Content-Length: {len(body)}\r\n".encode() in head


@pytest_twisted.ensureDeferred
async def test_a_head_that_drips_is_cut_off_after_30_seconds(world) -> None:
    silent, dripping = await world.socket(), await world.socket(b"GET /")
    for seconds in (10, 10, 9.9):
        dripping.transport.write(b"a")
        await world.http("GET /health HTTP/1.1")
        world.clock.advance(seconds)
    assert not silent.closed.called
    world.clock.advance(0.2)
    for client in (silent, dripping):
        answer = await ending(client)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "handshake-timeout"
    assert world.service.status()["refused"] == {"handshake-timeout": 2}


@pytest_twisted.ensureDeferred
async def test_connections_beyond_the_cap_get_503_and_health_is_still_answered(world) -> None:
    clients = [await world.connect("whisperd.1") for _ in range(3)]
    refused = await ending(await world.socket(OURS))
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 30\r\n" in refused
    assert json.loads(refused.partition(b"\r\n\r\n")[2])["code"] == "too-many-connections"
    assert (await world.http("GET /health HTTP/1.1"))[0] == 200
    clients[0].sendClose(1000)
    assert (await clients[0].raw())[0] == "closed"
    assert await (await world.peer(ANNA)).types(1) == ["joined"]
    assert world.service.status()["refused"] == {"too-many-connections": 1}


@pytest_twisted.ensureDeferred
async def test_sockets_far_beyond_the_cap_are_closed_at_once(world) -> None:
    sockets = [await world.socket() for _ in range(3 + SPARE_SOCKETS)]
    assert await ending(await world.socket()) == b""
    sockets[0].transport.loseConnection()
    await ending(sockets[0])
    assert not any(client.closed.called for client in sockets[1:])


@pytest_twisted.ensureDeferred
async def test_a_client_that_does_not_answer_the_close_is_dropped_after_10_seconds(world) -> None:
    client = await world.raw_websocket(frame(1, b"{"))
    await client.until(b"\x88", reactor)
    client.transport.write(frame(1, JOIN) * 3)
    world.clock.advance(9.9)
    assert (await world.http("GET /health HTTP/1.1"))[2] == b'{"status":"ok","sessions":0}'
    assert not client.closed.called
    world.clock.advance(0.2)
    await ending(client)


@pytest_twisted.ensureDeferred
async def test_two_pings_without_an_answer_are_a_loss_and_an_answer_keeps_the_seat(world) -> None:
    partner = await world.peer(BEN)
    assert await partner.types(1) == ["joined"]
    silent = await world.raw_websocket(frame(1, JOIN))
    assert await partner.types(1) == ["ready"]
    world.clock.advance(30)
    await silent.until(b"\x89", reactor)
    partner.say(type="unknown")
    assert await partner.types(1) == ["unknown-type"]
    world.clock.advance(59.9)
    assert not silent.closed.called
    world.clock.advance(0.2)
    await ending(silent)
    assert await partner.types(1) == ["peer-left"]


@pytest_twisted.ensureDeferred
async def test_a_reader_that_never_reads_is_dropped_and_its_partner_told() -> None:
    world = await RelayWorld(reactor).up()
    partner = await world.peer(BEN)
    assert await partner.types(1) == ["joined"]
    deaf = await world.raw_websocket(frame(1, JOIN))
    assert await partner.types(1) == ["ready"]
    deaf.transport.pauseProducing()
    for _ in range(400):
        partner.sendMessage(bytes(65_536), isBinary=True)
    assert (await partner.next()) == {"type": "peer-left", "reason": "lost"}
    assert world.service.status()["refused"]["slow-reader"] == 1
    deaf.transport.resumeProducing()
    await deaf.until(b'"code":"slow-reader"', reactor)
    await deaf.until(b"\x88\x0d" + close(4013) + b"slow-reader", reactor)
    await world.down()


@pytest_twisted.ensureDeferred
async def test_a_reader_that_does_not_read_even_why_it_is_closed_is_gone_after_10_seconds() -> None:
    world = await RelayWorld(reactor, max_unsent=65_536, max_frame=1_024, circuit_frame_rate=0,
                             circuit_byte_rate=0).up()
    partner = await world.peer(BEN)
    assert await partner.types(1) == ["joined"]
    deaf = await world.raw_websocket(frame(1, JOIN))
    assert await partner.types(1) == ["ready"]
    deaf.transport.pauseProducing()
    for _ in range(16_000):
        partner.sendMessage(bytes(1_024), isBinary=True)
    assert (await partner.next()) == {"type": "peer-left", "reason": "lost"}
    world.clock.advance(10.1)
    await until_connections(world, partner, 1)
    await world.down()


async def until_connections(world, probe, number: int) -> None:
    """Go on asking over ``probe`` until the relay has this many connections."""
    await eventually(lambda: world.service.status()["connections"] <= number, meanwhile=lambda: asked(probe))


async def asked(probe) -> None:
    """Ask something that the relay answers, and return when it has."""
    probe.say(type="unknown")
    for _ in range(20_000):  # each frame before it may have been answered, too
        if await probe.types(1) == ["unknown-type"]:
            return
    pytest.fail("it is not answered")


@pytest_twisted.ensureDeferred
async def test_one_who_only_pings_and_never_reads_is_dropped_too() -> None:
    world = await RelayWorld(reactor, circuit_frame_rate=0, circuit_byte_rate=0, frame_rate=0).up()
    deaf = await world.raw_websocket()
    deaf.transport.pauseProducing()
    for _ in range(200):
        deaf.transport.write(frame(9, bytes(125)) * 512)
    probe = await world.peer(ANNA)
    assert await probe.types(1) == ["joined"]
    await eventually(lambda: world.service.status()["refused"].get("slow-reader"), meanwhile=lambda: asked(probe))
    world.clock.advance(10.1)
    await until_connections(world, probe, 1)
    await world.down()


@pytest_twisted.ensureDeferred
async def test_abuse_does_not_disturb_the_two_who_are_seated() -> None:
    world = await RelayWorld(reactor).up()
    with Failures() as failures:
        anna, ben = await world.pair()
        third = JOIN.replace(ANNA.encode(), CARL.encode())
        abuses = [b"", b"\x00" * 100, b"GET / HTTP/1.1\r\n", HANDSHAKE, OURS + frame(1, b"{"), OURS + frame(3, b""),
                  OURS + frame(2, b"x"), OURS + frame(1, third)]
        for number in range(40):
            client = await world.socket(abuses[number % len(abuses)])
            if number % 3:
                client.transport.abortConnection()
            anna.sendMessage(str(number).encode(), isBinary=True)
            assert await ben.next() == str(number).encode()
        await world.down()
    assert failures.seen == []


@pytest_twisted.ensureDeferred
async def test_nothing_stays_of_connections_that_are_gone() -> None:
    world = await RelayWorld(reactor).up()
    for number in range(60):
        client = await world.socket((OURS + frame(1, JOIN)) if number % 2 else b"GET")
        if number % 2:
            await client.until(b'"joined"', reactor)
        client.transport.abortConnection()
        await ending(client)
    probe = await world.peer(ANNA)
    assert await probe.types(1) == ["joined"]
    assert world.service.status()["connections"] == 1
    gc.collect()
    assert len([each for each in gc.get_objects() if isinstance(each, RelayProtocol)]) == 1
    await world.down()
