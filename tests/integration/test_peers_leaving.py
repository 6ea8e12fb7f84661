"""However a conversation ends, and whatever it was doing: it is told once, and nothing of it is left on either side."""

from __future__ import annotations

import os

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from tests.integration.contacts import parted, saved
from tests.integration.peers import PATIENCE, Person, Relay, Scene
from tests.integration.remains import descriptors, links, nothing_remains, until_empty
from tests.store.kit import Place
from whisperd.errors import (
    ConversationEnded,
    DaemonUnreachable,
    DialRefused,
    RelayRefused,
    StoreFailed,
    StoreLocked,
    WhisperdError,
)
from whisperd.peer.effects import Settled
from whisperd.peer.handshake.keys import InviteKeys
from whisperd.peer.links.context import LinkContext, LinkTiming
from whisperd.peer.links.link import NOT_THEIRS, Link, Verdict
from whisperd.peer.links.routes import Host, Relays
from whisperd.peer.persistence.entries import Retention
from whisperd.peer.service import Tuning
from whisperd.wire import invite
from whisperd.wire.invite import RelayAddress

in_the_reactor = pytest_twisted.ensureDeferred


#: No connection is cut before its goodbye was read, which both ends do in this process, however busy it is.
TIME_TO_LEAVE = LinkTiming(close=PATIENCE)


@pytest.fixture
def tuning() -> Tuning:
    """Of those that ended by themselves, one stays to be seen."""
    return Tuning(max_ended=1, links=TIME_TO_LEAVE)


class Silent:
    """Somebody who takes the other seat of a room and says nothing."""

    def __init__(self, scene: Scene, room: bytes) -> None:
        self.link = Relays(LinkContext(reactor, scene.ben.dialer, os.urandom)).link(
            Host.of(RelayAddress("127.0.0.1", scene.relay.port)), room, "")
        self.link.start(self)

    def link_up(self, link: Link) -> None:
        """Somebody is here."""

    def link_down(self, link: Link, reason: str) -> None:
        """Nobody is."""

    def frame_received(self, link: Link, frame: bytes) -> Verdict:
        return NOT_THEIRS

    def link_troubled(self, link: Link, error: WhisperdError) -> None:
        """There will be another attempt."""

    link_failed = link_troubled


@pytest_twisted.async_yield_fixture(params=["memory", "sealed"])
async def two(request, tmp_path, tuning):
    """A relay and two people with stores of this kind; whoever is among ``others`` is stopped, too."""
    relay, stores, people = Relay(), [], []
    await relay.start()
    for name in ("anna", "ben"):
        (tmp_path / name).mkdir()
        if request.param == "sealed":
            stores.append(Place(tmp_path / name / "store.db").open())
        people.append(Person(store=stores[-1] if stores else None,
                             retention=Retention(history=False, days=30), tuning=tuning))
    scene = Scene(relay=relay, anna=people[0], ben=people[1], others=[], silent=[])
    yield scene
    for person in (*people, *scene.others):
        await person.service.stop()
    for silent in scene.silent:
        await silent.link.stop()
    await relay.stop()
    for store in stores:
        store.close()


# -- what a conversation is doing: each returns Anna's -----------------------------------------------------------------

async def waiting(two: Scene) -> str:
    await two.invite()
    return two.annas


async def joining(two: Scene) -> str:
    made = await two.ben.service.invites.invite(relay=two.relay.url)
    await two.ben.service.chats.end(chat=made["chat"])
    return (await two.anna.service.invites.join(link=made["link"]))["chat"]


async def shaking(two: Scene) -> str:
    """The handshake is under way, and the other side says nothing."""
    link = await two.invite()
    two.silent.append(Silent(two, InviteKeys.derive(invite.parse(link, 0).secret).room))
    await two.anna.until_state(two.annas, "handshake")
    return two.annas


async def coded(two: Scene) -> str:
    return (await two.anna.service.invites.invite(relay=two.relay.url, code=True))["chat"]


async def calling(two: Scene) -> str:
    await saved(two)
    await parted(two)
    return (await two.anna.service.contacts.call(name="ben"))["chat"]


async def connected(two: Scene) -> str:
    await two.meet()
    return two.annas


async def called(two: Scene) -> str:
    await saved(two)
    await parted(two)
    await two.ben.service.contacts.listen(name="anna")
    chat = (await two.anna.service.contacts.call(name="ben"))["chat"]
    await two.anna.until_state(chat, "connected")
    await two.ben.service.contacts.listen(name="anna", off=True)
    return chat


async def away(two: Scene) -> str:
    """The relay is gone, so that neither side hears of the other."""
    await two.meet()
    await two.relay.stop()
    await two.anna.until_state(two.annas, "away")
    await two.ben.until_state(two.bens, "away")
    return two.annas


DOING = {each.__name__: each for each in (waiting, joining, shaking, coded, calling, connected, called, away)}
UNCONFIRMED = ("waiting", "joining", "shaking", "coded", "calling")


# -- how it ends -------------------------------------------------------------------------------------------------------

async def by_its_people(two: Scene, chat: str) -> None:
    await two.anna.service.chats.end(chat=chat)


async def twice_at_once(two: Scene, chat: str) -> None:
    first = Deferred.fromCoroutine(two.anna.service.chats.end(chat=chat))
    second = Deferred.fromCoroutine(two.anna.service.chats.end(chat=chat))
    second.addErrback(lambda failure: failure.trap(ConversationEnded))
    await first
    await second


async def by_its_time(two: Scene, chat: str) -> None:
    driver = two.anna.service.conversations.driver(chat)
    driver._conversation._opening._expires = 0.0
    driver._executor.set_timer()


async def by_a_failure(two: Scene, chat: str) -> None:
    driver = two.anna.service.conversations.driver(chat)
    driver.link_failed(driver._link, RelayRefused())


async def by_a_stop(two: Scene, chat: str) -> None:
    await two.anna.service.stop()


async def gone(two: Scene, chat: str) -> None:
    """Everything else that lives in this scene ends, too."""
    for person in (two.anna, two.ben):
        for row in await person.service.chats.list():
            if row["state"] != "ended":
                await person.service.chats.end(chat=row["chat"])
    for silent in two.silent:
        await silent.link.stop()


def told(person: Person, chat: str) -> int:
    return [state for state, _ in person.states(chat)].count("ended")


@pytest.mark.parametrize("way", [by_its_people, twice_at_once], ids=lambda way: way.__name__)
@pytest.mark.parametrize("doing", DOING)
@in_the_reactor
async def test_one_that_its_people_end_is_told_once_and_leaves_nothing(two, doing, way):
    before = descriptors()
    chat = await DOING[doing](two)
    await way(two, chat)
    assert told(two.anna, chat) == 1
    assert chat not in [row["chat"] for row in await two.anna.service.chats.list()]
    await gone(two, chat)
    await nothing_remains(two.relay, two.anna, two.ben, open_before=before)


@pytest.mark.parametrize("way", [by_its_time, by_a_failure], ids=lambda way: way.__name__)
@pytest.mark.parametrize("doing", UNCONFIRMED)
@in_the_reactor
async def test_one_that_comes_to_nothing_is_told_once_and_leaves_nothing(two, doing, way):
    before = descriptors()
    chat = await DOING[doing](two)
    await way(two, chat)
    await two.anna.until(lambda: told(two.anna, chat) == 1)
    assert (await two.anna.service.chats.end(chat=chat))["state"] == "ended"
    assert told(two.anna, chat) == 1
    await gone(two, chat)
    await nothing_remains(two.relay, two.anna, two.ben, open_before=before)


@pytest.mark.parametrize("doing", DOING)
@in_the_reactor
async def test_a_role_that_stops_leaves_nothing(two, doing):
    """As for 'stop' and for 'store lock': a conversation that goes on another time keeps its seat, and no more."""
    chat = await DOING[doing](two)
    lasting = two.anna.service._write_ahead.persists(chat)
    await by_a_stop(two, chat)
    assert told(two.anna, chat) == (0 if lasting else 1)
    await gone(two, chat)
    if not lasting:
        await nothing_remains(two.relay, two.anna, two.ben)
    await until_empty(links)


@pytest.mark.parametrize("verb", ["block", "remove"])
@in_the_reactor
async def test_a_contact_who_is_no_contact_any_more_is_not_called_any_more(two, verb):
    before = descriptors()
    chat = await calling(two)
    await getattr(two.anna.service.contacts, verb)(name="ben")
    assert told(two.anna, chat) == 1 and two.anna.service._contacts._listening._rests._timers == {}
    await gone(two, chat)
    await nothing_remains(two.relay, two.anna, two.ben, open_before=before)


@in_the_reactor
async def test_what_ended_by_itself_and_makes_room_for_others_leaves_nothing(two):
    before = descriptors()
    for doing in ("waiting", "joining", "waiting"):
        chat = await DOING[doing](two)
        await by_its_time(two, chat)
        await two.anna.until(lambda chat=chat: told(two.anna, chat) == 1)
    await until_empty(lambda: set(two.anna.service.conversations._drivers) - {chat})
    await nothing_remains(two.relay, two.anna, two.ben, open_before=before)


@in_the_reactor
async def test_an_address_that_is_refused_leaves_nothing(two):
    before = descriptors()
    write_ahead = two.anna.service._write_ahead
    refusing = Person(loopback=False, store=write_ahead._store if write_ahead.durable else None,
                      tuning=Tuning(links=TIME_TO_LEAVE))
    two.others.append(refusing)
    with pytest.raises(DialRefused):
        await refusing.service.invites.invite(relay=two.relay.url)
    assert refusing.states("c1")[-1:] == [("ended", "dial-refused")] and refusing.errors() == ["dial-refused"]
    await nothing_remains(two.relay, refusing, open_before=before)


@in_the_reactor
async def test_who_waits_for_a_seat_for_a_code_is_told_of_a_stop_and_leaves_nothing(two):
    before = descriptors()
    await two.relay.stop()
    waits = Deferred.fromCoroutine(two.anna.service.invites.invite(relay=two.relay.url, code=True))
    await two.anna.service.stop()
    durable = two.anna.service._write_ahead.durable
    with pytest.raises(StoreLocked if durable else DaemonUnreachable):
        await waits
    with pytest.raises(StoreLocked if durable else DaemonUnreachable):
        await two.anna.service.invites.invite(relay=two.relay.url)
    await two.relay.start()
    await nothing_remains(two.relay, two.anna, open_before=before)


def _full(*arguments: object) -> None:
    raise StoreFailed


@pytest.mark.parametrize("two", ["sealed"], indirect=True)
@pytest.mark.parametrize("doing", [*UNCONFIRMED, "connected"])
@in_the_reactor
async def test_a_role_stops_though_nothing_can_be_written(two, doing, monkeypatch):
    chat = await DOING[doing](two)
    lasting = two.anna.service._write_ahead.persists(chat)
    with monkeypatch.context() as patch:
        patch.setattr(two.anna.service._write_ahead._store._file, "run", _full)
        await by_a_stop(two, chat)
    assert told(two.anna, chat) == (0 if lasting else 1)
    await gone(two, chat)
    await until_empty(links)


@pytest.mark.parametrize("two", ["sealed"], indirect=True)
@pytest.mark.parametrize("doing", ["coded", "calling"])
@in_the_reactor
async def test_a_role_stops_though_a_contact_cannot_be_written(two, doing):
    """What came of a conversation for its contact stands before its end, and cannot be done."""
    chat = await DOING[doing](two)
    driver = two.anna.service.conversations.driver(chat)
    driver._executor._decisions[Settled] = lambda effect: _full()
    driver._executor.carry_out([Settled()])
    await by_a_stop(two, chat)
    assert told(two.anna, chat) == 1
    await gone(two, chat)
    await nothing_remains(two.relay, two.anna, two.ben)


@pytest.mark.parametrize("two", ["sealed"], indirect=True)
@in_the_reactor
async def test_a_call_that_is_given_up_while_nothing_can_be_written_leaves_nothing(two, monkeypatch):
    """Nothing of it is in the store yet, so that nothing has to be removed from it."""
    chat = await calling(two)
    with monkeypatch.context() as patch:
        patch.setattr(two.anna.service._write_ahead._store._file, "run", _full)
        assert (await two.anna.service.chats.end(chat=chat))["state"] == "ended"
        assert told(two.anna, chat) == 1
        await until_empty(links)
    await gone(two, chat)
    await nothing_remains(two.relay, two.anna, two.ben)
