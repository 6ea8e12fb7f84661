"""Messages that disappear, between two peers on real sockets, with sealed stores that are closed and opened again."""

from __future__ import annotations

import os

import pytest
import pytest_twisted

from tests.integration.keepers import say
from whisperd.errors import ConversationUnknown, UsageError
from whisperd.peer.persistence.entries import Retention
from whisperd.store.file import places
from whisperd.wire.disappearing import Timer, encode_timer
from whisperd.wire.envelope import Stream

in_the_reactor = pytest_twisted.ensureDeferred


async def agree(kept, time):
    """Anna proposes, Ben accepts."""
    await kept.anna.service.timers.timer(chat=kept.annas, time=time)
    await kept.ben.until(lambda: disappeared(kept.ben)[-1:] != [] and disappeared(kept.ben)[-1]["by"] == "them")
    await kept.ben.service.timers.timer(chat=kept.bens, time="accept")
    await kept.anna.until(lambda: disappeared(kept.anna)[-1]["by"] is None)


def disappeared(person):
    """Return what was told of the timer."""
    return [fields for name, fields in person.events if name == "chat-timer"]


async def until_gone(person, chat, number):
    await person.until(lambda: ("message-state", {"chat": chat, "id": number, "state": "disappeared"}) in person.events)


@in_the_reactor
async def test_both_sides_agree_and_a_message_goes_from_both_and_from_their_stores(kept):
    for keeper in (kept.annas_keeper, kept.bens_keeper):
        keeper.retention = Retention(history=True, days=30)
    kept.anna, kept.ben = await kept.annas_keeper.restart(), await kept.bens_keeper.restart()
    await kept.meet()
    stays = await say(kept.anna, kept.annas, "stays")
    await kept.anna.until_delivered(kept.annas, stays)
    await agree(kept, "5")
    assert [row["timer"] for row in await kept.anna.service.chats.list()] == [
        {"seconds": 5, "proposed": None, "by": None}]
    goes = await say(kept.anna, kept.annas, "an unlikely sentence")
    await kept.anna.until_delivered(kept.annas, goes)
    assert [row["timer"] for row in await kept.ben.service.messages.history(chat=kept.bens)] == [0, 5]
    await until_gone(kept.anna, kept.annas, goes)
    await until_gone(kept.ben, kept.bens, goes)
    for person, chat, keeper in ((kept.anna, kept.annas, kept.annas_keeper),
                                 (kept.ben, kept.bens, kept.bens_keeper)):
        await person.service.chats.verify(chat=chat)  # which waits until all is written
        assert [row["text"] for row in await person.service.messages.history(chat=chat)] == ["stays"]
        assert keeper.store.keys("message") == [f"{chat}/{stays}"] and keeper.store.keys("outgoing") == []
        for path in places(keeper.place.path):
            assert not path.exists() or b"an unlikely sentence" not in path.read_bytes()


@in_the_reactor
async def test_the_time_goes_on_while_a_daemon_is_stopped_and_what_waits_does_not_count(kept):
    """Also after the end, in a daemon that has nothing of the conversation but what was said."""
    kept.bens_keeper.retention = Retention(history=True, days=30)
    kept.ben = await kept.bens_keeper.restart()
    await kept.meet()
    await agree(kept, "5")
    first = await say(kept.anna, kept.annas, "before the stop")
    await kept.anna.until_delivered(kept.annas, first)
    await kept.bens_keeper.stop()
    await kept.anna.until_state(kept.annas, "away")
    waiting = await say(kept.anna, kept.annas, "while he is away")
    await until_gone(kept.anna, kept.annas, first)
    ben = kept.bens_keeper.start()
    (row,) = await ben.service.chats.list()
    assert row["timer"]["seconds"] == 5
    assert "before the stop" not in [row["text"] for row in await ben.service.messages.history(chat=kept.bens)]
    await kept.anna.until_delivered(kept.annas, waiting)
    assert ben.heard(kept.bens) == ["while he is away"]
    await kept.anna.service.chats.end(chat=kept.annas)
    await ben.until_state(kept.bens, "ended")
    ben = await kept.bens_keeper.restart()
    assert [row["text"] for row in await ben.service.messages.history(chat=kept.bens)] == ["while he is away"]
    await until_gone(ben, kept.bens, waiting)
    assert kept.bens_keeper.store.keys("message") == []
    assert [row["state"] for row in await ben.service.chats.list()] == ["ended"]


@in_the_reactor
async def test_a_proposal_waits_for_who_is_away_and_outlives_a_restart_of_both(kept):
    await kept.meet()
    await kept.bens_keeper.stop()
    await kept.anna.until_state(kept.annas, "away")
    for time in ("1h", "10m"):
        await kept.anna.service.timers.timer(chat=kept.annas, time=time)
    kept.anna = await kept.annas_keeper.restart()
    assert (await kept.anna.service.timers.timer(chat=kept.annas))["proposed"] == 600
    kept.ben = kept.bens_keeper.start()
    await kept.ben.until(lambda: bool(disappeared(kept.ben)))
    assert [event["proposed"] for event in disappeared(kept.ben)] == [600]
    kept.ben = await kept.bens_keeper.restart()
    await kept.ben.service.timers.timer(chat=kept.bens, time="accept")
    await kept.anna.until(lambda: bool(disappeared(kept.anna)) and disappeared(kept.anna)[-1]["seconds"] == 600)


@in_the_reactor
async def test_a_hostile_side_can_neither_impose_a_timer_nor_flood(kept):
    await kept.meet()
    driver = kept.ben.service.conversations.driver(kept.bens)
    payloads = [b"\x83\xa1t\xa5timer\xa6number\x01\xa7seconds\xcf" + bytes([0x80]) + bytes(7),
                b"\x83\xa1t\xa5timer\xa6number\x01\xa7seconds\xff", encode_timer(Timer(2**32 - 1, 5)), os.urandom(40)]
    payloads += [encode_timer(Timer(number, 30 + number % 2)) for number in range(1, 501)]
    for payload in payloads:
        driver.tell(Stream.TIMER, payload)
    last = await say(kept.ben, kept.bens, "hello")
    await kept.ben.until_delivered(kept.bens, last)
    assert len(disappeared(kept.anna)) == 16
    assert (await kept.anna.service.timers.timer(chat=kept.annas)) == {
        "chat": kept.annas, "seconds": 0, "proposed": 30, "by": "them"}
    assert (await kept.anna.service.timers.timer(chat=kept.annas, time="refuse"))["by"] is None


@in_the_reactor
async def test_who_asks_for_what_is_not_there_is_told(kept):
    await kept.meet()
    for time in ("soon", "4", "accept", "refuse"):
        with pytest.raises(UsageError):
            await kept.anna.service.timers.timer(chat=kept.annas, time=time)
    with pytest.raises(ConversationUnknown):
        await kept.anna.service.timers.timer(chat="c99", time="10m")
