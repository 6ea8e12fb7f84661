"""Two peers and a relay on real sockets: they meet, talk, survive faults, and end."""

from __future__ import annotations

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol

from tests.integration.peers import Person
from whisperd.errors import (
    ConversationEnded,
    ConversationUnknown,
    DialRefused,
    FloorNotMet,
    InviteExpired,
    InviteMalformed,
    InviteTruncated,
    InviteUsed,
    InviteVersionUnknown,
    NoRelay,
    TooManyConversations,
    UsageError,
)
from whisperd.wire.invite import Invite, RelayAddress

in_the_reactor = pytest_twisted.ensureDeferred


@in_the_reactor
async def test_two_people_meet_and_talk_both_ways(scene):
    await scene.meet()
    sent = await scene.anna.service.messages.send(chat=scene.annas, text="hello")
    await scene.anna.until_delivered(scene.annas, sent["id"])
    back = await scene.ben.service.messages.send(chat=scene.bens, text="hello to you \x1b[31m")
    await scene.ben.until_delivered(scene.bens, back["id"])
    assert scene.ben.heard(scene.bens) == ["hello"] and scene.anna.heard(scene.annas) == ["hello to you \x1b[31m"]
    assert [state for state, _ in scene.anna.states(scene.annas)] == ["waiting", "handshake", "connected"]
    assert [row["direction"] for row in await scene.anna.service.messages.history(chat=scene.annas)] == ["out", "in"]
    assert await scene.anna.service.messages.history(chat=scene.annas, after=2) == []


@in_the_reactor
async def test_the_list_shows_what_is_in_force(scene):
    await scene.meet()
    (row,) = await scene.anna.service.chats.list()
    assert row == {"chat": "c1", "role": "inviter", "state": "connected", "reason": "confirmed", "link": "relay",
                   "direct": "unavailable", "trouble": None,
                   "level": "quantum-resistant",
                   "suite": {"kex": "pqxdh-25519-mlkem1024-mldsa87", "ratchet": "triple-cascade"},
                   "verified": False, "contact": None, "require_verify": False,
                   "queued": 0, "sent": 0, "delivered": 0, "received": 0,
                   "timer": {"seconds": 0, "proposed": None, "by": None},
                   "created_age": row["created_age"]}
    assert 0 <= row["created_age"] < 60


@in_the_reactor
async def test_both_sides_see_the_same_words(scene):
    await scene.meet()
    annas = await scene.anna.service.chats.verify(chat=scene.annas)
    bens = await scene.ben.service.chats.verify(chat=scene.bens, confirm=True)
    assert (annas["words"], annas["number"]) == (bens["words"], bens["number"]) and len(annas["words"]) == 6
    assert (annas["verified"], bens["verified"]) == (False, True)


@in_the_reactor
async def test_a_relay_that_is_killed_and_started_in_the_middle_loses_and_doubles_nothing(scene):
    await scene.meet()
    texts = [f"message {number}" for number in range(30)]
    for text in texts[:10]:
        await scene.anna.service.messages.send(chat=scene.annas, text=text)
    await scene.relay.crash()
    await scene.anna.until_state(scene.annas, "away")
    for text in texts[10:20]:
        await scene.anna.service.messages.send(chat=scene.annas, text=text)
        back = await scene.ben.service.messages.send(chat=scene.bens, text=text)
    await scene.relay.start()
    for text in texts[20:]:
        last = await scene.anna.service.messages.send(chat=scene.annas, text=text)
    await scene.anna.until_delivered(scene.annas, last["id"])
    await scene.ben.until_delivered(scene.bens, back["id"])
    assert scene.ben.heard(scene.bens) == texts and scene.anna.heard(scene.annas) == texts[10:20]
    assert scene.anna.states(scene.annas)[-1] == ("connected", "resumed")


@in_the_reactor
async def test_a_relay_that_stops_in_the_handshake_delays_it_only(scene):
    link = await scene.invite()
    joined = await scene.ben.service.invites.join(link=link)
    await scene.ben.until_state(joined["chat"], "handshake")
    await scene.relay.crash()
    await scene.relay.start()
    await scene.ben.until_state(joined["chat"], "connected")
    await scene.anna.until_state(scene.annas, "connected")


@in_the_reactor
async def test_a_relay_that_is_stopped_says_so_and_is_not_asked_again_before_it_wants(scene):
    await scene.meet()
    await scene.relay.stop()
    await scene.anna.until_state(scene.annas, "away", "relay-stopped")
    await scene.relay.start()
    await scene.anna.until_state(scene.annas, "connected", "resumed")
    assert scene.anna.dialer.calls == scene.ben.dialer.calls == 2


@in_the_reactor
async def test_an_invite_may_wait_for_its_relay(scene):
    await scene.relay.stop()
    link = await scene.invite()
    await scene.anna.until(lambda: scene.anna.errors() == ["dial-failed"])
    assert [(row["link"], row["trouble"]) for row in await scene.anna.service.chats.list()] == [(None, "dial-failed")]
    joined = await scene.ben.service.invites.join(link=link)
    await scene.relay.start()
    await scene.ben.until_state(joined["chat"], "connected")
    await scene.anna.until_state(scene.annas, "connected")
    assert scene.anna.errors() == ["dial-failed"]
    assert [row["trouble"] for row in await scene.anna.service.chats.list()] == [None]


@in_the_reactor
async def test_an_expired_room_is_taken_again(scene):
    await scene.relay.stop()
    await scene.relay.start(room_expiry=1)
    link = await scene.invite()
    await scene.anna.until(lambda: len(scene.anna.dialer.opened) == 2)
    joined = await scene.ben.service.invites.join(link=link)
    await scene.ben.until_state(joined["chat"], "connected")
    await scene.anna.until_state(scene.annas, "connected")
    assert scene.anna.errors() == []


@in_the_reactor
async def test_a_third_party_is_refused_and_disturbs_nobody(scene):
    await scene.meet()
    third = Person()
    scene.others.append(third)
    chat = (await third.service.invites.join(link=scene.link))["chat"]
    await third.until_state(chat, "ended", "room-full")
    assert third.errors() == ["room-full"]
    sent = await scene.anna.service.messages.send(chat=scene.annas, text="still here")
    await scene.anna.until_delivered(scene.annas, sent["id"])
    assert scene.ben.states(scene.bens)[-1] == ("connected", "confirmed")


@in_the_reactor
async def test_a_connection_that_is_cut_shows_as_away_on_the_other_side_and_comes_back(scene):
    await scene.meet()
    scene.ben.dialer.cut()
    await scene.anna.until_state(scene.annas, "away", "peer-lost")
    sent = await scene.anna.service.messages.send(chat=scene.annas, text="are you there?")
    await scene.anna.until_delivered(scene.annas, sent["id"])
    assert scene.ben.heard(scene.bens) == ["are you there?"]
    assert ("away", "relay-lost") in scene.ben.states(scene.bens)


@in_the_reactor
async def test_an_end_on_one_side_shows_on_the_other_and_what_was_said_can_still_be_read_there(scene):
    await scene.meet()
    sent = await scene.anna.service.messages.send(chat=scene.annas, text="bye")
    assert await scene.anna.service.chats.end(chat=scene.annas) == {"chat": scene.annas, "state": "ended"}
    await scene.ben.until_state(scene.bens, "ended", "peer-ended")
    assert ("message-state", {"chat": scene.annas, "id": sent["id"], "state": "delivered"}) in scene.anna.events
    assert await scene.anna.service.chats.list() == []
    for use in (scene.anna.service.messages.history, scene.anna.service.chats.verify, scene.anna.service.chats.end):
        with pytest.raises(ConversationEnded):
            await use(chat=scene.annas)
    (left,) = await scene.ben.service.chats.list()
    assert (left["state"], left["link"]) == ("ended", None)
    assert [row["text"] for row in await scene.ben.service.messages.history(chat=scene.bens)] == ["bye"]
    with pytest.raises(ConversationEnded):
        await scene.ben.service.messages.send(chat=scene.bens, text="wait")
    await scene.ben.service.chats.end(chat=scene.bens)
    assert await scene.ben.service.chats.list() == []


@in_the_reactor
async def test_stopping_the_service_tells_the_others_and_closes_every_socket(scene):
    await scene.meet()
    await scene.ben.service.stop()
    await scene.anna.until_state(scene.annas, "ended", "peer-ended")
    assert not any(protocol.transport.connected for protocol in scene.ben.dialer.opened)
    await scene.ben.service.stop()


@in_the_reactor
async def test_stopping_while_a_dial_is_under_way_ends_at_once(scene):
    silent = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(Factory.forProtocol(Protocol))
    await scene.anna.service.invites.invite(relay=f"http://127.0.0.1:{silent.getHost().port}")
    await scene.anna.service.stop()
    await silent.stopListening()


@in_the_reactor
async def test_a_used_invite_makes_no_connection(scene):
    await scene.meet()
    calls = scene.ben.dialer.calls
    with pytest.raises(InviteUsed):
        await scene.ben.service.invites.join(link=scene.link)
    await scene.ben.service.chats.end(chat=scene.bens)
    with pytest.raises(InviteUsed):
        await scene.ben.service.invites.join(link=scene.link)
    with pytest.raises(InviteUsed):
        await scene.anna.service.invites.join(link=scene.link)
    assert scene.ben.dialer.calls == calls


@in_the_reactor
async def test_a_bad_invite_makes_no_connection(scene):
    link = await scene.invite()
    expired = Invite(RelayAddress("127.0.0.1", scene.relay.port), 1, 1_000_000_000, bytes(32)).link()
    head, _, fragment = link.partition("#")
    for bad, error in ((link[:-1], InviteTruncated), (head, InviteTruncated), (head + "#_" + fragment[1:],
                       InviteVersionUnknown), (link + "AAAA", InviteMalformed), (expired, InviteExpired),
                       ("hello", InviteMalformed)):
        with pytest.raises(error):
            await scene.ben.service.invites.join(link=bad)
    assert scene.ben.dialer.calls == 0 and await scene.ben.service.chats.list() == []


@in_the_reactor
async def test_a_floor_out_of_reach_is_refused_before_any_connection(scene):
    weaker = Person(ratchet=["double-he"])
    scene.others.append(weaker)
    with pytest.raises(FloorNotMet):
        await weaker.service.invites.invite(relay=scene.relay.url, floor="quantum-resistant")
    with pytest.raises(UsageError):
        await weaker.service.invites.invite(relay=scene.relay.url, floor="standard")
    strong = Invite(RelayAddress("127.0.0.1", scene.relay.port), 3, 4_000_000_000, bytes(32)).link()
    with pytest.raises(FloorNotMet):
        await weaker.service.invites.join(link=strong)
    assert weaker.dialer.calls == 0


@in_the_reactor
async def test_peers_who_share_no_stronger_ratchet_meet_at_a_lower_level_that_is_shown(scene):
    older = Person(ratchet=["double-he"])
    scene.others.append(older)
    link = await scene.invite()
    chat = (await older.service.invites.join(link=link))["chat"]
    await older.until_state(chat, "connected")
    (row,) = await older.service.chats.list()
    assert (row["level"], row["suite"]["ratchet"]) == ("enhanced", "double-he")


@in_the_reactor
async def test_an_address_that_may_not_be_dialled_is_refused_at_once(scene):
    link = await scene.invite()
    careful = Person(loopback=False)
    with pytest.raises(DialRefused):
        await careful.service.invites.join(link=link)
    assert await careful.service.chats.list() == []


@pytest.mark.parametrize("relay", ["example.com", "http://example.com", "https://127.0.0.1", "http://127.0.0.1/x"])
@in_the_reactor
async def test_what_is_no_relay_cannot_be_invited_to(scene, relay):
    with pytest.raises(UsageError):
        await scene.anna.service.invites.invite(relay=relay)


@in_the_reactor
async def test_without_any_relay_there_is_nothing_to_invite_to(scene):
    with pytest.raises(NoRelay):
        await scene.anna.service.invites.invite()


@in_the_reactor
async def test_the_own_relay_is_dialled_here_and_named_by_its_onion(scene):
    onion = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion"
    host = Person(loopback=False, own_relay=(f"http://{onion}", scene.relay.port))
    scene.others.append(host)
    made = await host.service.invites.invite(expiry=60)
    assert made["link"].startswith(f"http://{onion}/#")
    await host.until(lambda: bool(host.dialer.opened))
    assert host.dialer.opened[0].transport.getPeer().port == scene.relay.port


@in_the_reactor
async def test_there_are_no_more_conversations_than_the_configuration_allows(scene):
    busy = Person(max_chats=1)
    scene.others.append(busy)
    made = await busy.service.invites.invite(relay=scene.relay.url)
    with pytest.raises(TooManyConversations):
        await busy.service.invites.invite(relay=scene.relay.url)
    await busy.service.chats.end(chat=made["chat"])
    await busy.service.invites.invite(relay=scene.relay.url)


@in_the_reactor
async def test_names_that_never_were_are_unknown(scene):
    for name in ("c1", "c0", "c01", "x", "", "c\u0661"):
        with pytest.raises(ConversationUnknown):
            await scene.anna.service.messages.history(chat=name)


@in_the_reactor
async def test_the_relay_learns_nothing_of_the_machine_from_the_handshake(scene):
    heads: list[bytes] = []
    seen: Deferred[None] = Deferred()

    class Recorder(Protocol):
        def dataReceived(self, data: bytes) -> None:
            heads.append(data)
            if data.endswith(b"\r\n\r\n") and not seen.called:
                seen.callback(None)

    port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(Factory.forProtocol(Recorder))
    await scene.anna.service.invites.invite(relay=f"http://127.0.0.1:{port.getHost().port}")
    await seen
    names = {line.split(b":")[0].lower() for line in b"".join(heads).split(b"\r\n")[1:] if line}
    assert names == {b"host", b"upgrade", b"connection", b"pragma", b"cache-control", b"sec-websocket-key",
                     b"sec-websocket-protocol", b"sec-websocket-version"}
    await scene.anna.service.stop()
    await port.stopListening()
