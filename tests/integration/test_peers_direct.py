"""Conversations that leave the relay for an onion service of their own, on the private Tor network."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor

from tests.integration.circuits import until
from tests.integration.direct import Attached, DirectPerson, Pair
from tests.integration.peers import Relay
from tests.store.kit import Place
from tests.tor.kit import CALLER, OwnTor
from tests.tor.proxy import PASS, ControlProxy
from tests.waiting import eventually
from whisperd.config import load
from whisperd.errors import CredentialRefused, DialFailed
from whisperd.peer.links.direct import OUT
from whisperd.peer.links.onion_stream import OnionStream
from whisperd.peer.links.relay import RelayLink
from whisperd.tor.dial.dialer import Dialer
from whisperd.wire.direct import record
from whisperd.wire.resume import RESUME_FRAME

in_the_reactor = pytest_twisted.ensureDeferred


@pytest_twisted.async_yield_fixture
async def pair(testnet):
    """Anna and Ben with a tor each, and a relay behind the third one, as ``pair.relay`` and ``pair.onion``."""
    relay = Relay()
    await relay.start()
    attached = Attached(testnet.clients[0].control)
    people = [DirectPerson(client.control, client.socks) for client in testnet.clients[1:3]]
    made = Pair(relay=relay, onion=await attached.publish(relay), anna=people[0], ben=people[1])
    yield made
    await made.stop()
    await attached.service.stop()
    await relay.stop()


@in_the_reactor
async def test_a_conversation_moves_to_a_direct_link_and_outlives_its_relay(pair):
    await pair.meet(pair.onion)
    await pair.say("over the relay, or not any more")
    await pair.until_link("onion")
    rows = (await pair.anna.service.chats.list())[0], (await pair.ben.service.chats.list())[0]
    assert [(row["link"], row["direct"]) for row in rows] == [("onion", "up")] * 2
    await pair.relay.crash()
    await pair.say("without any relay")
    assert pair.heard() == (["over the relay, or not any more", "without any relay"],) * 2
    assert pair.states() == (["waiting", "handshake", "connected"],) * 2, "nobody notices"


@in_the_reactor
async def test_a_call_to_a_contact_moves_to_a_direct_link_and_falls_back_to_the_room_where_it_began(pair):
    await pair.meet(pair.onion)
    await pair.anna.service.contacts.save(chat=pair.annas, name="ben")
    await pair.ben.until_contact("", "asked")
    await pair.ben.service.contacts.save(chat=pair.bens, name="anna")
    await pair.anna.until_contact("ben", "saved")
    await pair.anna.service.chats.end(chat=pair.annas)
    await pair.ben.until_state(pair.bens, "ended")
    await pair.ben.service.contacts.listen(name="anna")
    pair.annas = (await pair.anna.service.contacts.call(name="ben"))["chat"]
    pair.bens = await pair.ben.until_contact("anna", "called")
    await pair.anna.until_state(pair.annas, "connected")
    await pair.until_link("onion")
    await pair.say("past the relay")
    for person in (pair.anna, pair.ben):
        for stream in streams_of(person):
            stream.transport.abortConnection()
    await pair.say("and back, or on")
    assert pair.heard() == (["past the relay", "and back, or on"],) * 2


@in_the_reactor
async def test_a_tor_that_publishes_nothing_for_the_conversation_leaves_it_on_the_relay(testnet, tmp_path, pair):
    proxies = [ControlProxy(reactor, tmp_path / f"proxy{number}", Path(client.control.removeprefix("unix:")), no_onions)
               for number, client in enumerate(testnet.clients[1:3])]
    await pair.stop()
    pair.anna, pair.ben = (DirectPerson(proxy.place, client.socks)
                           for proxy, client in zip(proxies, testnet.clients[1:3], strict=True))
    await pair.meet(pair.onion)
    await pair.say("on the relay")
    for person in (pair.anna, pair.ben):
        await until_row(person, link="relay", direct="unavailable")
    await pair.stop()
    assert all("ADD_ONION" in proxy.verbs() for proxy in proxies)
    for proxy in proxies:
        await proxy.stop()


def no_onions(line: str, connection: int, number: int) -> str:
    """Refuse to add onion services, as a filter of the control port does."""
    return "510 Command filtered" if line.startswith("ADD_ONION") else PASS


async def until_row(person, **fields) -> None:
    """Wait until the only conversation is listed so."""
    async def listed() -> bool:
        return fields.items() <= (await person.service.chats.list())[0].items()

    await eventually(listed, f"it is never listed with {fields}")


def annas_onion(pair) -> str:
    """Return the address of Anna's onion service for this conversation."""
    return pair.anna.service.conversations._drivers[pair.annas]._link._direct._service.address


def streams_of(person) -> list[OnionStream]:
    """Return the direct streams that this person has opened."""
    return [opened for opened in person.dialer.opened if isinstance(opened, OnionStream)]


@in_the_reactor
async def test_it_falls_back_to_the_relay_and_comes_again_by_the_other_service(pair):
    await pair.meet(pair.onion)
    await pair.until_link("onion")
    await pair.ben.until(lambda: streams_of(pair.ben) != [])
    before = streams_of(pair.anna)  # when it took Ben longer than the time that he has for it
    await until(lambda: not any(stream.transport.connected for stream in before))
    pair.anna.service.conversations._drivers[pair.annas]._link._paths._paths[OUT].patience = 2.0
    await pair.anna.tor.service.direct.control.request(f"DEL_ONION {annas_onion(pair).removesuffix('.onion')}")
    streams_of(pair.ben)[-1].transport.abortConnection()
    await pair.until_link("relay")
    await pair.say("over the relay again")
    await pair.until_link("onion")
    assert len(streams_of(pair.anna)) > len(before), "it was Anna who came to Ben"
    await pair.say("over Ben's onion service")
    assert pair.heard() == (["over the relay again", "over Ben's onion service"],) * 2
    assert pair.states() == (["waiting", "handshake", "connected"],) * 2


@in_the_reactor
async def test_a_stranger_does_not_reach_it_and_with_the_credential_gets_nothing(testnet, pair):
    await pair.meet(pair.onion)
    await pair.until_link("onion")
    address = annas_onion(pair)
    stranger = Dialer(reactor, socks=testnet.clients[0].socks)
    with pytest.raises((CredentialRefused, DialFailed)):
        await stranger.connect(address, 80, CALLER)
    stranger.use(testnet.clients[2].socks)  # Ben's tor holds the credential
    for said in (b"GET / HTTP/1.0\r\n\r\n", record(b"\2" + bytes(300)) * 20, b"\2\xff\xff" + bytes(65_535)):
        inside = await stranger.connect(address, 80, CALLER)
        answer = inside.ask(said)
        await inside.lost
        assert not answer.called
    await pair.say("nothing happened")
    assert pair.anna.links(pair.annas) == pair.ben.links(pair.bens) == ["onion"]


@in_the_reactor
async def test_it_is_gone_from_tor_when_the_conversation_has_ended(pair):
    await pair.meet(pair.onion)
    await pair.until_link("onion")
    controls = [person.tor.service.direct.control for person in (pair.anna, pair.ben)]
    assert all([(await control.request("GETINFO onions/current")).partition("=")[2] for control in controls])
    assert address_lines(await controls[1].request("ONION_CLIENT_AUTH_VIEW"))
    await pair.anna.service.chats.end(chat=pair.annas)
    await pair.ben.until_state(pair.bens, "ended", "peer-ended")
    for person, control in zip((pair.anna, pair.ben), controls, strict=True):
        await person.service.stop()
        await eventually(lambda control=control: nothing_left(control), "tor still has something of the conversation")


async def nothing_left(control) -> bool:
    """Whether a tor has no onion service of a conversation, and no credential for one."""
    onions = (await control.request("GETINFO onions/current")).partition("=")[2].strip()
    return not onions and address_lines(await control.request("ONION_CLIENT_AUTH_VIEW")) == []


def address_lines(answer: str) -> list[str]:
    """Return what ONION_CLIENT_AUTH_VIEW lists."""
    return [line for line in answer.splitlines() if line.startswith("CLIENT ")]


@in_the_reactor
async def test_two_relays_of_which_one_dies_and_a_peer_that_wants_no_direct_link(testnet, pair):
    spare = Relay()
    await spare.start()
    attached = Attached(testnet.clients[0].control)
    second = await attached.publish(spare)
    pair.ben.service.reload(load(overrides={"peer.links": ["relay"]}).peer)
    await pair.meet(pair.onion, second)
    await pair.relay.crash()
    await pair.say("at the other relay")
    assert [row["direct"] for row in [*await pair.anna.service.chats.list(), *await pair.ben.service.chats.list()]] == [
        "asked", "off"]
    await pair.stop()
    await attached.service.stop()
    await spare.stop()


@in_the_reactor
async def test_after_a_restart_of_tor_the_same_service_is_there_again(testnet, tmp_path, pair):
    control, socks = f"unix:{tmp_path}/control", f"unix:{tmp_path}/socks"
    tor = await OwnTor(reactor, tmp_path / "own", [
        *testnet.network_file.read_text().splitlines(), f"ControlPort {control}",
        f"SocksPort {socks} ExtendedErrors"]).start()
    try:
        await pair.anna.stop()
        pair.anna = DirectPerson(control, socks)
        await pair.meet(pair.onion)
        await pair.until_link("onion")
        address = annas_onion(pair)
        await tor.kill()
        queued = await pair.ben.service.messages.send(chat=pair.bens, text="while tor was dead")
        await tor.start()
        await pair.ben.until_delivered(pair.bens, queued["id"])
        await pair.say("and after it")
        await pair.until_link("onion")
        assert annas_onion(pair) == address
        assert pair.heard() == (["while tor was dead", "and after it"], ["and after it"])
        await pair.anna.stop()
    finally:
        await tor.kill()


@in_the_reactor
async def test_where_no_relay_may_carry_texts_they_wait_for_the_direct_link(pair):
    for person in (pair.anna, pair.ben):
        person.service.reload(load(overrides={"peer.links": ["onion"]}).peer)
    await pair.meet(pair.onion)
    sent = await pair.anna.service.messages.send(chat=pair.annas, text="not over the relay")
    assert sent["state"] == "queued" and pair.anna.links(pair.annas) == []
    await pair.anna.until_delivered(pair.annas, sent["id"])
    assert pair.anna.links(pair.annas) == ["onion"] and pair.heard()[1] == ["not over the relay"]
    await eventually(lambda: not pair.relay.service.status()["connections"], "both do not leave the relay")


@in_the_reactor
async def test_a_file_arrives_whole_although_its_links_die_on_the_way(tmp_path, pair):
    content = os.urandom(4_000_000)
    (tmp_path / "data").write_bytes(content)
    (tmp_path / "downloads").mkdir()
    await pair.ben.stop()
    pair.ben = DirectPerson(pair.ben.tor.control, pair.ben.socks, downloads=str(tmp_path / "downloads"))
    await pair.meet(pair.onion)
    await pair.until_link("onion")
    with (tmp_path / "data").open("rb") as file:
        await pair.anna.service.files.send(chat=pair.annas, name="data", file=file.fileno())
    await pair.ben.until(lambda: pair.ben.files("offered"))
    await pair.ben.service.files.accept(chat=pair.bens, file="f1")
    for cuts in (1, 2):
        before = len(pair.ben.moved())
        await pair.ben.until(lambda before=before: len(pair.ben.moved()) > before)
        pair.ben.dialer.cut()
        await pair.ben.until(lambda cuts=cuts: len(pair.ben.links(pair.bens)) > cuts)
    await pair.ben.until(lambda: pair.ben.files("done"))
    assert (tmp_path / "downloads" / "data").read_bytes() == content


@in_the_reactor
async def test_a_relay_that_repeats_a_question_moves_nobody_from_the_direct_link(tmp_path, pair, monkeypatch):
    """The relay has recorded what Ben asked after his restart, and sends it to Anna again."""
    place, recorded = Place(tmp_path / "store.db"), []
    await pair.ben.stop()
    store = place.open()
    pair.ben = DirectPerson(pair.ben.tor.control, pair.ben.socks, store=store)
    await pair.meet(pair.onion)
    await pair.until_link("onion")
    await pair.ben.stop()
    store.close()
    await pair.anna.until_state(pair.annas, "away")
    received = RelayLink.binary_received

    def record_questions(link, socket, payload):
        recorded.append((link, socket, payload))
        received(link, socket, payload)

    monkeypatch.setattr(RelayLink, "binary_received", record_questions)
    moved = len(pair.anna.links(pair.annas))
    store = place.open()
    pair.ben = DirectPerson(pair.ben.tor.control, pair.ben.socks, store=store)
    pair.ben.service.resume()
    await pair.anna.until(lambda: len(pair.anna.links(pair.annas)) > moved)
    await pair.until_link("onion")
    await pair.say("directly")
    moved = len(pair.anna.links(pair.annas))
    links = {id(one): one for one, _, payload in recorded if payload[:1] == bytes([RESUME_FRAME])}
    assert links
    for link, socket, payload in [one for one in recorded if one[2][:1] == bytes([RESUME_FRAME])]:
        received(link, socket, payload)
    await pair.say("still directly")
    assert pair.anna.links(pair.annas)[moved:] == []
    await pair.ben.stop()
    store.close()


@in_the_reactor
async def test_a_side_that_comes_back_from_its_store_comes_to_a_direct_link_again(tmp_path, pair):
    place, moved = Place(tmp_path / "store.db"), 0
    await pair.ben.stop()
    for again in (False, True):
        store = place.open()
        pair.ben = DirectPerson(pair.ben.tor.control, pair.ben.socks, store=store)
        pair.ben.service.resume()
        if again:
            await pair.anna.until(lambda before=moved: len(pair.anna.links(pair.annas)) > before)
        else:
            await pair.meet(pair.onion)
        await pair.until_link("onion")
        await pair.say("once more" if again else "once")
        if not again:
            moved = len(pair.anna.links(pair.annas))
            await pair.ben.stop()
            store.close()
            await pair.anna.until_state(pair.annas, "away")
            waiting = await pair.anna.service.messages.send(chat=pair.annas, text="meanwhile")
    await pair.anna.until_delivered(pair.annas, waiting["id"])
    assert pair.heard() == (["once", "once more"], ["meanwhile", "once more"])
    await pair.ben.stop()
    store.close()
