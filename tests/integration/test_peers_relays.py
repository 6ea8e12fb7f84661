"""Conversations whose invite names several relays, some of which die: both sides meet at another one."""

from __future__ import annotations

import pytest
import pytest_twisted

from tests.integration.peers import Person, Relay, Scene
from whisperd.errors import UsageError
from whisperd.wire import invite

in_the_reactor = pytest_twisted.ensureDeferred


@pytest_twisted.async_yield_fixture
async def scene():
    """Anna and Ben, and two relays that every invite of Anna names."""
    relays = [Relay(), Relay()]
    for relay in relays:
        await relay.start()
    urls = [relay.url for relay in relays]
    scene = Scene(relay=relays[0], relays=relays, anna=Person(relay=urls), ben=Person())
    yield scene
    for person in (scene.anna, scene.ben):
        await person.service.stop()
    for relay in relays:
        await relay.stop()


async def meet(scene):
    made = await scene.anna.service.invites.invite()
    scene.annas = made["chat"]
    scene.bens = (await scene.ben.service.invites.join(link=made["link"]))["chat"]
    await scene.anna.until_state(scene.annas, "connected")
    await scene.ben.until_state(scene.bens, "connected")


async def say(scene, text):
    """Have Anna say it, and return when Ben has it."""
    sent = await scene.anna.service.messages.send(chat=scene.annas, text=text)
    await scene.anna.until_delivered(scene.annas, sent["id"])


def seats(relay):
    return relay.service.status()["connections"]


@in_the_reactor
async def test_an_invite_names_the_configured_relays_in_their_order(scene):
    link = (await scene.anna.service.invites.invite())["link"]
    assert [relay.url for relay in invite.parse(link, 0).relays] == [relay.url for relay in scene.relays]


@in_the_reactor
async def test_the_first_relay_that_works_is_used_and_the_other_left_alone(scene):
    await meet(scene)
    assert [seats(relay) for relay in scene.relays] == [2, 0]


@in_the_reactor
async def test_two_meet_at_the_second_relay_when_the_first_is_dead(scene):
    await scene.relays[0].stop()
    await meet(scene)
    assert seats(scene.relays[1]) == 2


@in_the_reactor
async def test_a_conversation_survives_a_change_of_relay_and_a_change_back(scene):
    await meet(scene)
    await say(scene, "at the first")
    await scene.relays[0].crash()
    queued = await scene.ben.service.messages.send(chat=scene.bens, text="on the way")
    await say(scene, "at the second")
    await scene.ben.until_delivered(scene.bens, queued["id"])
    await scene.relays[0].start()
    await scene.relays[1].crash()
    await say(scene, "at the first again")
    assert scene.ben.heard(scene.bens) == ["at the first", "at the second", "at the first again"]
    assert scene.anna.heard(scene.annas) == ["on the way"]
    assert set(scene.anna.errors() + scene.ben.errors()) <= {"dial-failed"}


@pytest.mark.parametrize("relays", [["http://127.0.0.1:1"] * 2, [f"http://127.0.0.1:{port}" for port in range(1, 6)]])
@in_the_reactor
async def test_too_many_relays_and_one_named_twice_are_refused(scene, relays):
    with pytest.raises(UsageError):
        await scene.anna.service.invites.invite(relay=relays)
