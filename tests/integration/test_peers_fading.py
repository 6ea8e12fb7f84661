"""Messages that disappear, between two peers on real sockets, with sealed stores that are closed and opened again."""

from __future__ import annotations

import os

import pytest
import pytest_twisted
from twisted.internet import reactor

from tests.integration.test_peers_kept import say, scene  # noqa: F401
from whisperd.errors import ChatUnknown, UsageError
from whisperd.store.file import places
from whisperd.wire.envelope import Stream
from whisperd.wire.fading import Timer, encode_timer

in_the_reactor = pytest_twisted.ensureDeferred


async def agree(scene, time):  # noqa: F811
    """Anna proposes, Ben accepts."""
    await scene.anna.service.fade(chat=scene.annas, time=time)
    await scene.ben.until(lambda: faded(scene.ben)[-1:] != [] and faded(scene.ben)[-1]["by"] == "them")
    await scene.ben.service.fade(chat=scene.bens, time="accept")
    await scene.anna.until(lambda: faded(scene.anna)[-1]["by"] is None)


def faded(person):
    """Return what was told of the timer."""
    return [fields for name, fields in person.events if name == "chat-fade"]


async def until_gone(person, chat, number):
    await person.until(lambda: ("message-state", {"chat": chat, "id": number, "state": "faded"}) in person.events)




@in_the_reactor
async def test_both_sides_agree_and_a_message_goes_from_both_and_from_their_stores(scene):  # noqa: F811
    for keeper in (scene.annas_keeper, scene.bens_keeper):
        keeper.keep.history = True
    scene.anna, scene.ben = await scene.annas_keeper.restart(), await scene.bens_keeper.restart()
    await scene.meet()
    stays = await say(scene.anna, scene.annas, "stays")
    await scene.anna.until_delivered(scene.annas, stays)
    await agree(scene, "5")
    assert [row["fade"] for row in await scene.anna.service.list()] == [
        {"seconds": 5, "proposed": None, "by": None}]
    goes = await say(scene.anna, scene.annas, "an unlikely sentence")
    await scene.anna.until_delivered(scene.annas, goes)
    assert [row["fade"] for row in await scene.ben.service.history(chat=scene.bens)] == [0, 5]
    await until_gone(scene.anna, scene.annas, goes)
    await until_gone(scene.ben, scene.bens, goes)
    for person, chat, keeper in ((scene.anna, scene.annas, scene.annas_keeper),
                                 (scene.ben, scene.bens, scene.bens_keeper)):
        await person.service.verify(chat=chat)  # which waits until all is written
        assert [row["text"] for row in await person.service.history(chat=chat)] == ["stays"]
        assert keeper.store.keys("message") == [f"{chat}/{stays}"] and keeper.store.keys("outgoing") == []
        for path in places(keeper.place.path):
            assert not path.exists() or b"an unlikely sentence" not in path.read_bytes()


@in_the_reactor
async def test_the_time_goes_on_while_a_daemon_is_stopped_and_what_waits_does_not_count(scene):  # noqa: F811
    """Also after the end, in a daemon that has nothing of the conversation but what was said."""
    scene.bens_keeper.keep.history = True
    scene.ben = await scene.bens_keeper.restart()
    await scene.meet()
    await agree(scene, "5")
    first = await say(scene.anna, scene.annas, "before the stop")
    await scene.anna.until_delivered(scene.annas, first)
    await scene.bens_keeper.stop()
    await scene.anna.until_state(scene.annas, "away")
    waiting = await say(scene.anna, scene.annas, "while he is away")
    await until_gone(scene.anna, scene.annas, first)
    ben = scene.bens_keeper.start()
    (row,) = await ben.service.list()
    assert row["fade"]["seconds"] == 5
    assert "before the stop" not in [row["text"] for row in await ben.service.history(chat=scene.bens)]
    await scene.anna.until_delivered(scene.annas, waiting)
    assert ben.heard(scene.bens) == ["while he is away"]
    await scene.anna.service.end(chat=scene.annas)
    await ben.until_state(scene.bens, "ended")
    ben = await scene.bens_keeper.restart()
    assert [row["text"] for row in await ben.service.history(chat=scene.bens)] == ["while he is away"]
    await until_gone(ben, scene.bens, waiting)
    assert scene.bens_keeper.store.keys("message") == []
    assert [row["state"] for row in await ben.service.list()] == ["ended"]


@in_the_reactor
async def test_a_proposal_waits_for_who_is_away_and_outlives_a_restart_of_both(scene):  # noqa: F811
    await scene.meet()
    await scene.bens_keeper.stop()
    await scene.anna.until_state(scene.annas, "away")
    for time in ("1h", "10m"):
        await scene.anna.service.fade(chat=scene.annas, time=time)
    scene.anna = await scene.annas_keeper.restart()
    assert (await scene.anna.service.fade(chat=scene.annas))["proposed"] == 600
    scene.ben = scene.bens_keeper.start()
    await scene.ben.until(lambda: bool(faded(scene.ben)))
    assert [event["proposed"] for event in faded(scene.ben)] == [600]
    scene.ben = await scene.bens_keeper.restart()
    await scene.ben.service.fade(chat=scene.bens, time="accept")
    await scene.anna.until(lambda: bool(faded(scene.anna)) and faded(scene.anna)[-1]["seconds"] == 600)


@in_the_reactor
async def test_a_hostile_side_can_neither_impose_a_timer_nor_flood(scene):  # noqa: F811
    await scene.meet()
    driver = scene.ben.service.driver(scene.bens)
    payloads = [b"\x83\xa1t\xa5timer\xa6number\x01\xa7seconds\xcf" + bytes([0x80]) + bytes(7),
                b"\x83\xa1t\xa5timer\xa6number\x01\xa7seconds\xff", encode_timer(Timer(2**32 - 1, 5)), os.urandom(40)]
    payloads += [encode_timer(Timer(number, 30 + number % 2)) for number in range(1, 501)]
    for payload in payloads:
        driver.carry_out(driver.conversation.tell(Stream.FADING, payload, reactor.seconds()))
    last = await say(scene.ben, scene.bens, "hello")
    await scene.ben.until_delivered(scene.bens, last)
    assert len(faded(scene.anna)) == 16
    assert (await scene.anna.service.fade(chat=scene.annas)) == {
        "chat": scene.annas, "seconds": 0, "proposed": 30, "by": "them"}
    assert (await scene.anna.service.fade(chat=scene.annas, time="refuse"))["by"] is None


@in_the_reactor
async def test_who_asks_for_what_is_not_there_is_told(scene):  # noqa: F811
    await scene.meet()
    for time in ("soon", "4", "accept", "refuse"):
        with pytest.raises(UsageError):
            await scene.anna.service.fade(chat=scene.annas, time=time)
    with pytest.raises(ChatUnknown):
        await scene.anna.service.fade(chat="c99", time="10m")
