"""Spoken codes on real sockets: two people meet by one, strangers guess, squat and listen."""

from __future__ import annotations

import pytest
import pytest_twisted

from tests.integration.peers import Person, Scene, company
from whisperd.errors import (
    FloorNotMet,
    InviteUsed,
    NameplatesTaken,
    NoRelay,
    PluginUnknown,
    SpokenCodeMalformed,
    TooManyConversations,
    UsageError,
)
from whisperd.peer.invites.spoken import SpokenTuning
from whisperd.peer.service import Tuning
from whisperd.wire.spoken import SpokenCode, parse

in_the_reactor = pytest_twisted.ensureDeferred


@pytest_twisted.async_yield_fixture
async def scene(tuning):
    async with company(relay="here", tuning=tuning) as scene:
        yield scene


async def invited(scene: Scene, **more: object) -> SpokenCode:
    made = await scene.anna.service.invites.invite(code=True, **more)
    scene.annas = made["chat"]
    return parse(made["code"])


def another(code: SpokenCode) -> str:
    return str(SpokenCode(code.nameplate, ("zoo", *code.words[1:]) if code.words[0] != "zoo" else
                          ("zone", *code.words[1:])))


@in_the_reactor
async def test_two_people_meet_by_a_code_and_talk(scene):
    code = await invited(scene)
    joined = await scene.ben.service.invites.join(code=f" {str(code).upper().replace('-', ' ')} ")
    await scene.ben.until_state(joined["chat"], "connected")
    sent = await scene.ben.service.messages.send(chat=joined["chat"], text="by voice")
    await scene.ben.until_delivered(joined["chat"], sent["id"])
    assert scene.anna.heard(scene.annas) == ["by voice"]
    (row,) = await scene.anna.service.chats.list()
    assert (row["level"], row["suite"]["kex"]) == ("enhanced", "cpace-25519")
    annas, bens = [await each.service.chats.verify(chat=chat) for each, chat in
                   ((scene.anna, scene.annas), (scene.ben, joined["chat"]))]
    assert annas["words"] == bens["words"]


@in_the_reactor
async def test_a_wrong_code_is_told_to_both_and_the_right_one_still_works(scene):
    code = await invited(scene)
    wrong = await scene.ben.service.invites.join(code=another(code))
    await scene.ben.until_state(wrong["chat"], "ended", "spoken-code-wrong")
    await scene.anna.until(lambda: scene.anna.errors() == ["spoken-code-wrong"])
    (event,) = [fields for name, fields in scene.anna.events if name == "chat-error"]
    assert "attempts left: 4" in event["message"]
    right = await scene.ben.service.invites.join(code=str(code))
    await scene.ben.until_state(right["chat"], "connected")
    await scene.anna.until_state(scene.annas, "connected")


@pytest.mark.parametrize("tuning", [Tuning(codes=SpokenTuning(runs=2))])
@in_the_reactor
async def test_a_code_that_was_guessed_at_too_often_is_dead(scene):
    code = await invited(scene)
    for reason in ("spoken-code-wrong", "spoken-code-used-up"):
        guess = await scene.ben.service.invites.join(code=another(code))
        await scene.ben.until_state(guess["chat"], "ended", reason)
    await scene.anna.until_state(scene.annas, "ended", "spoken-code-used-up")
    assert scene.anna.errors() == ["spoken-code-wrong", "spoken-code-used-up"]


@in_the_reactor
async def test_a_third_party_at_the_number_is_refused_by_the_relay_and_disturbs_nobody(scene):
    code = await invited(scene)
    joined = await scene.ben.service.invites.join(code=str(code))
    await scene.ben.until_state(joined["chat"], "connected")
    await scene.anna.until_state(scene.annas, "connected")
    third = Person(relay=scene.relay.url)
    scene.others.append(third)
    late = await third.service.invites.join(code=str(code))
    await third.until_state(late["chat"], "ended", "room-full")
    assert scene.anna.states(scene.annas)[-1] == ("connected", "confirmed")


@in_the_reactor
async def test_a_squatter_who_also_invites_at_the_number_learns_nothing_and_is_found_out(scene, monkeypatch):
    """Somebody sits in the room as an inviter with other words: the joiner tests their key, and they test one guess."""
    code = SpokenCode.make(7, bytes(5))
    monkeypatch.setattr("whisperd.peer.invites.spoken.made_codes", lambda random: iter([code]))
    squatter = Person(relay=scene.relay.url)
    scene.others.append(squatter)
    made = await squatter.service.invites.invite(code=True)
    joined = await scene.ben.service.invites.join(code=str(SpokenCode(7, ("zoo", "zoo", "zoo"))))
    await scene.ben.until_state(joined["chat"], "ended", "spoken-code-wrong")
    assert [row["state"] for row in await squatter.service.chats.list()] != ["connected"] and made["code"] == str(code)


@in_the_reactor
async def test_a_number_that_is_taken_at_the_relay_is_not_told(scene, monkeypatch):
    first, second = SpokenCode.make(7, bytes(5)), SpokenCode.make(8, bytes(5))
    monkeypatch.setattr("whisperd.peer.invites.spoken.made_codes", lambda random: iter([first, second]))
    assert await invited(scene) == first
    made = await scene.ben.service.invites.invite(code=True)
    assert made["code"] == str(second) and made["chat"] == "c1"
    other = Person(relay=scene.relay.url)
    scene.others.append(other)
    with pytest.raises(NameplatesTaken):
        await other.service.invites.invite(code=True)
    assert await other.service.chats.list() == []


@in_the_reactor
async def test_a_code_outlives_its_relay_and_its_room(scene):
    await scene.relay.stop()
    await scene.relay.start(room_expiry=1)
    code = await invited(scene)
    await scene.anna.until(lambda: len(scene.anna.dialer.opened) == 2)
    await scene.relay.crash()
    await scene.relay.start()
    joined = await scene.ben.service.invites.join(code=str(code))
    await scene.ben.until_state(joined["chat"], "connected")


@in_the_reactor
async def test_what_cannot_work_makes_no_connection(scene):
    with pytest.raises(SpokenCodeMalformed):
        await scene.ben.service.invites.join(code="7-no-such-words")
    with pytest.raises(UsageError):
        await scene.ben.service.invites.join(code="7-zoo-zoo-zoo", link="http://127.0.0.1/#x")
    with pytest.raises(UsageError):
        await scene.ben.service.invites.join()
    with pytest.raises(UsageError):
        await scene.ben.service.invites.join(link="http://127.0.0.1/#x", relay=scene.relay.url)
    with pytest.raises(FloorNotMet):
        await scene.ben.service.invites.invite(code=True, floor="quantum-resistant")
    strict = Person(relay=scene.relay.url, floor="quantum-resistant")
    homeless, plain = Person(), Person(relay=scene.relay.url, kex=["pqxdh-25519-mlkem1024"])
    for person, error in ((strict, FloorNotMet), (homeless, NoRelay), (plain, PluginUnknown)):
        with pytest.raises(error):
            await person.service.invites.join(code="7-zoo-zoo-zoo")
        with pytest.raises(error):
            await person.service.invites.invite(code=True)
        assert person.dialer.calls == 0 and await person.service.chats.list() == []
    assert scene.ben.dialer.calls == 0


@in_the_reactor
async def test_a_code_is_joined_once_at_a_time(scene):
    await scene.ben.service.invites.join(code="7-zoo-zoo-zoo")
    with pytest.raises(InviteUsed):
        await scene.ben.service.invites.join(code="7-zoo-zoo-zone")
    busy = Person(relay=scene.relay.url, max_chats=1)
    scene.others.append(busy)
    await busy.service.invites.join(code="8-zoo-zoo-zoo")
    with pytest.raises(TooManyConversations):
        await busy.service.invites.join(code="9-zoo-zoo-zoo")
    with pytest.raises(TooManyConversations):
        await busy.service.invites.invite(code=True)


@pytest.mark.parametrize("tuning", [Tuning(codes=SpokenTuning(claim=0.05))])
@in_the_reactor
async def test_without_the_relay_no_code_is_told(scene):
    await scene.relay.stop()
    with pytest.raises(Exception, match="relay") as failed:
        await scene.anna.service.invites.invite(code=True)
    assert failed.value.code == "dial-failed" and await scene.anna.service.chats.list() == []


@in_the_reactor
async def test_two_people_meet_by_a_code_through_tor(testnet, onion):
    anna = Person(loopback=False, socks=testnet.clients[1].socks, relay=onion)
    ben = Person(loopback=False, socks=testnet.clients[2].socks)
    made = await anna.service.invites.invite(code=True)
    assert made["relay"] == onion
    joined = await ben.service.invites.join(code=made["code"], relay=onion)
    await ben.until_state(joined["chat"], "connected")
    await anna.until_state(made["chat"], "connected")
    for person in (anna, ben):
        await person.service.stop()
