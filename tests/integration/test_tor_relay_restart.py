"""A relay with a kept key is killed, and stopped, while two people converse through a real Tor network."""

from __future__ import annotations

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from tests.integration.peers import Person
from whisperd.demo.daemon_process import DaemonProcess
from whisperd.tor.testnet import Testnet


@pytest_twisted.ensureDeferred
async def test_the_conversation_goes_on_with_nothing_lost_or_doubled(
        testnet: Testnet, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("r")
    relay = DaemonProcess("relay", folder, (
        f'[tor]\nmode = "attach"\ncontrol = "{testnet.clients[0].control}"\n[onion]\nkey = "persistent"\n'
        f'key_file = "{folder}/onion.key"\n[relay]\nlisten = ["tcp:0:interface=127.0.0.1"]\n[peer]\nenabled = false\n'),
        may_write=True)
    people: list[Person] = []
    try:
        await deferToThread(relay.start)
        address = (await deferToThread(relay.call, "address", wait=60))["address"]
        anna = Person(loopback=False, socks=testnet.clients[1].socks, relay=f"http://{address}")
        ben = Person(loopback=False, socks=testnet.clients[2].socks)
        people += [anna, ben]
        made = await anna.service.invites.invite()
        chats = {anna: made["chat"], ben: (await ben.service.invites.join(link=made["link"]))["chat"]}
        await anna.until_state(chats[anna], "connected")
        sent: list[tuple[Person, int]] = []

        async def say(text: str) -> None:
            for person in people:
                sent.append((person, (await person.service.messages.send(chat=chats[person], text=text))["id"]))

        for way in ("kill", "stop"):
            await say(f"before the {way}")
            await deferToThread(getattr(relay, way))
            await say(f"after the {way}")
            await deferToThread(relay.start)
            assert (await deferToThread(relay.call, "address", wait=60))["address"] == address
            for person, number in sent:
                await person.until_delivered(chats[person], number)
        said = [f"{when} the {way}" for way in ("kill", "stop") for when in ("before", "after")]
        assert anna.heard(chats[anna]) == ben.heard(chats[ben]) == said
    finally:
        for person in people:
            await person.service.stop()
        await deferToThread(relay.stop)
