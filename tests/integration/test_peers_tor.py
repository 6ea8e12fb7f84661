"""Two peers who meet at an onion service of the private Tor network, each through a tor of their own."""

from __future__ import annotations

import pytest_twisted

from tests.integration.peers import Person, Scene
from whisperd.tor.dial.onion_names import onion_name


@pytest_twisted.ensureDeferred
async def test_two_people_meet_and_talk_through_tor(testnet, onion):
    scene = Scene(anna=Person(loopback=False, socks=testnet.clients[1].socks, relay=onion),
                  ben=Person(loopback=False, socks=testnet.clients[2].socks))
    made = await scene.anna.service.invites.invite()
    assert made["link"].startswith(f"{onion}/#")
    joined = await scene.ben.service.invites.join(link=made["link"])
    await scene.anna.until_state(made["chat"], "connected")
    sent = await scene.anna.service.messages.send(chat=made["chat"], text="through six relays")
    await scene.anna.until_delivered(made["chat"], sent["id"])
    assert scene.ben.heard(joined["chat"]) == ["through six relays"]
    scene.anna.dialer.cut()
    back = await scene.ben.service.messages.send(chat=joined["chat"], text="still there?")
    await scene.ben.until_delivered(joined["chat"], back["id"])
    assert scene.anna.heard(made["chat"]) == ["still there?"]
    await scene.ben.service.chats.end(chat=joined["chat"])
    await scene.anna.until_state(made["chat"], "ended", "peer-ended")
    for person in (scene.anna, scene.ben):
        await person.service.stop()


@pytest_twisted.ensureDeferred
async def test_an_onion_that_is_not_there_is_named_and_tried_again(testnet):
    anna = Person(loopback=False, socks=testnet.clients[1].socks)
    await anna.service.invites.invite(relay=f"http://{onion_name(bytes(range(32)))}")
    await anna.until(lambda: anna.errors() == ["dial-failed"])
    assert (await anna.service.chats.list())[0]["state"] == "waiting"
    await anna.service.stop()


@pytest_twisted.ensureDeferred
async def test_without_tor_an_onion_is_not_dialled_but_waited_for():
    anna = Person(loopback=False)
    await anna.service.invites.invite(relay=f"http://{onion_name(bytes(range(32)))}")
    assert anna.errors() == ["tor-unavailable"] and anna.dialer.opened == []
    await anna.service.stop()
