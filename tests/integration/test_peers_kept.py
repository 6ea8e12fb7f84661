"""Two peers with sealed stores on real sockets: stopped, started again, put back, and without room on the disk."""

from __future__ import annotations

import pytest
import pytest_twisted

from tests.integration.contacts import parted, saved
from tests.integration.keepers import Keeper, say
from tests.integration.peers import Person
from whisperd.errors import PluginUnknown, StoreFailed
from whisperd.peer.persistence.entries import Retention
from whisperd.peer.persistence.write_ahead import MOVING, StoreTiming
from whisperd.peer.service import Tuning
from whisperd.plugin.registry import Registry

in_the_reactor = pytest_twisted.ensureDeferred


@pytest.fixture
def tuning() -> Tuning:
    """A store that could not be written is tried again soon."""
    return Tuning(store=StoreTiming(retry=0.1))


@in_the_reactor
async def test_a_conversation_goes_on_after_a_stop_and_the_other_side_sees_away(kept):
    await kept.meet()
    first = await say(kept.anna, kept.annas, "before")
    await kept.anna.until_delivered(kept.annas, first)
    await kept.annas_keeper.stop()
    await kept.ben.until_state(kept.bens, "away", "peer-lost")
    waiting = await say(kept.ben, kept.bens, "while you were gone")
    anna = kept.annas_keeper.start()
    assert [(row["chat"], row["state"], row["reason"]) for row in await anna.service.chats.list()] == [
        (kept.annas, "away", "restarted")]
    await anna.until_state(kept.annas, "connected", "resumed")
    await kept.ben.until_delivered(kept.bens, waiting)
    again = await say(anna, kept.annas, "after")
    await anna.until_delivered(kept.annas, again)
    assert kept.ben.heard(kept.bens) == ["before", "after"] and anna.heard(kept.annas) == ["while you were gone"]
    assert (await anna.service.chats.verify(chat=kept.annas))["words"] == (
        await kept.ben.service.chats.verify(chat=kept.bens))["words"]


@in_the_reactor
async def test_both_sides_start_again_and_what_waited_arrives_once_and_in_order(kept):
    await kept.meet()
    await kept.bens_keeper.stop()
    await kept.anna.until_state(kept.annas, "away")
    for number in range(5):
        await say(kept.anna, kept.annas, f"waiting {number}")
    anna = await kept.annas_keeper.restart()
    last = await say(anna, kept.annas, "waiting 5")
    ben = kept.bens_keeper.start()
    await anna.until_delivered(kept.annas, last)
    await ben.until_state(kept.bens, "connected")
    assert ben.heard(kept.bens) == [f"waiting {number}" for number in range(6)]
    rows = await anna.service.messages.history(chat=kept.annas)
    assert [(row["id"], row["state"]) for row in rows] == [(number, "delivered") for number in range(1, 7)]


@in_the_reactor
async def test_a_daemon_without_the_ratchet_ends_nothing_for_one_that_has_it_again(kept, monkeypatch):
    def missing(registry: Registry, plugin_id: str) -> None:
        raise PluginUnknown

    await kept.meet()
    await kept.anna.until_delivered(kept.annas, await say(kept.anna, kept.annas, "before"))
    await kept.annas_keeper.stop()
    with monkeypatch.context() as patched:
        patched.setattr(Registry, "ratchet", missing)
        anna = kept.annas_keeper.start()
        rows = await anna.service.chats.list()
        assert [(row["state"], row["reason"]) for row in rows] == [("ended", "plugin-unknown")]
        await kept.annas_keeper.stop()
    anna = kept.annas_keeper.start()
    await anna.until_state(kept.annas, "connected", "resumed")
    await anna.until_delivered(kept.annas, await say(anna, kept.annas, "after"))
    assert kept.ben.heard(kept.bens) == ["before", "after"]


@in_the_reactor
async def test_one_that_a_daemon_without_the_ratchet_was_told_to_end_is_gone(kept, monkeypatch):
    await kept.meet()
    await kept.annas_keeper.stop()
    with monkeypatch.context() as patched:
        patched.setattr(Registry, "ratchet", Registry.kex)  # which has none of that name
        anna = kept.annas_keeper.start()
        await anna.service.chats.end(chat=kept.annas)
        assert set(kept.annas_keeper.store.collections()) <= {"used-invites", "last-conversation"}
        await kept.annas_keeper.stop()


@in_the_reactor
async def test_an_invite_outlives_a_restart(kept):
    link = await kept.invite()
    anna = await kept.annas_keeper.restart()
    bens = (await kept.ben.service.invites.join(link=link))["chat"]
    await anna.until_state(kept.annas, "connected")
    await kept.ben.until_state(bens, "connected")
    last = await say(anna, kept.annas, "hello")
    await anna.until_delivered(kept.annas, last)


@in_the_reactor
async def test_an_ended_conversation_leaves_nothing_in_the_store(kept):
    await kept.meet()
    await kept.anna.until_delivered(kept.annas, await say(kept.anna, kept.annas, "hello"))
    await kept.anna.service.chats.end(chat=kept.annas)
    await kept.ben.until_state(kept.bens, "ended")
    await kept.ben.service.chats.end(chat=kept.bens)
    for keeper in (kept.annas_keeper, kept.bens_keeper):
        assert set(keeper.store.collections()) <= {"used-invites", "last-conversation"}
    anna = await kept.annas_keeper.restart()
    assert await anna.service.chats.list() == []


@in_the_reactor
async def test_without_history_a_text_is_kept_until_somebody_has_been_shown_it(kept):
    await kept.meet()
    for text in ("one", "two"):
        await kept.anna.until_delivered(kept.annas, await say(kept.anna, kept.annas, text))
    assert kept.annas_keeper.store.keys("message") == []
    assert len(kept.bens_keeper.store.keys("message")) == 2
    ben = await kept.bens_keeper.restart()
    rows = await ben.service.messages.history(chat=kept.bens)
    assert [(row["text"], row["unread"]) for row in rows] == [("one", True), ("two", True)]
    # to ask for what is behind them is not to read
    await ben.service.messages.history(chat=kept.bens, after=rows[1]["id"])
    await ben.service.chats.verify(chat=kept.bens)  # which waits until all is written
    assert len(kept.bens_keeper.store.keys("message")) == 2
    assert await ben.service.messages.read(chat=kept.bens, id=rows[0]["id"]) == {"chat": kept.bens, "unread": 1}
    assert kept.bens_keeper.store.keys("message") == [f"{kept.bens}/2"]
    ben = await kept.bens_keeper.restart()
    assert [row["text"] for row in await ben.service.messages.history(chat=kept.bens)] == ["two"]


@in_the_reactor
async def test_with_history_what_was_said_is_kept_for_its_time(kept):
    kept.annas_keeper.retention = Retention(history=True, days=30)
    kept.anna = await kept.annas_keeper.restart()
    await kept.meet()
    await kept.anna.until_delivered(kept.annas, await say(kept.anna, kept.annas, "one"))
    await kept.ben.until_delivered(kept.bens, await say(kept.ben, kept.bens, "two"))
    anna = await kept.annas_keeper.restart()
    said = [("out", "one", "delivered"), ("in", "two", "received")]
    rows = await anna.service.messages.history(chat=kept.annas)
    assert [(row["direction"], row["text"], row["state"]) for row in rows] == said
    await anna.until_state(kept.annas, "connected")
    await kept.ben.service.chats.end(chat=kept.bens)
    await anna.until_state(kept.annas, "ended")
    anna = await kept.annas_keeper.restart()
    assert [row["state"] for row in await anna.service.chats.list()] == ["ended"]
    assert len(await anna.service.messages.history(chat=kept.annas)) == 2
    kept.annas_keeper.retention = Retention(history=True, days=0)
    anna = await kept.annas_keeper.restart()
    assert kept.annas_keeper.store.keys("message") in ([], [f"{kept.annas}/2"])  # which nobody was given for good
    await anna.service.chats.end(chat=kept.annas)
    assert set(kept.annas_keeper.store.collections()) <= {"used-invites", "last-conversation"}


async def put_back_between_two_texts(kept, keeper, folder) -> Person:
    """Start one of them again on a copy of the store from before the second text of two."""
    await kept.meet()
    await kept.anna.until_delivered(kept.annas, await say(kept.anna, kept.annas, "one"))
    keeper.copy(folder)
    await kept.anna.until_delivered(kept.annas, await say(kept.anna, kept.annas, "two"))
    await keeper.stop()
    keeper.put_back(folder)
    return keeper.start()


@in_the_reactor
async def test_an_older_copy_put_back_ends_the_conversation_loudly_on_both_sides(kept, tmp_path):
    anna = await put_back_between_two_texts(kept, kept.annas_keeper, tmp_path / "older")
    await anna.until_state(kept.annas, "ended", "state-rolled-back")
    await kept.ben.until_state(kept.bens, "ended", "state-rolled-back")
    assert "state-rolled-back" in anna.errors() and "state-rolled-back" in kept.ben.errors()
    assert kept.ben.heard(kept.bens) == ["one", "two"]


@in_the_reactor
async def test_an_older_copy_that_only_received_less_is_noticed_too(kept, tmp_path):
    ben = await put_back_between_two_texts(kept, kept.bens_keeper, tmp_path / "older")
    await ben.until_state(kept.bens, "ended", "state-rolled-back")
    await kept.anna.until_state(kept.annas, "ended", "state-rolled-back")


@in_the_reactor
async def test_nothing_is_sent_while_the_store_cannot_be_written_and_everything_afterwards(kept, monkeypatch):
    await kept.meet()
    run = kept.annas_keeper.store._file.run

    def full(statement, *values):
        if statement.startswith("INSERT"):
            raise StoreFailed
        run(statement, *values)

    sent = []
    send = kept.anna.dialer.opened[-1].sendMessage
    monkeypatch.setattr(kept.anna.dialer.opened[-1], "sendMessage", lambda *a, **k: (sent.append(a), send(*a, **k)))
    monkeypatch.setattr(kept.annas_keeper.store._file, "run", full)
    with pytest.raises(StoreFailed):
        await say(kept.anna, kept.annas, "first")
    sent.clear()  # what was written before it could not be any more
    with pytest.raises(StoreFailed):
        await say(kept.anna, kept.annas, "never accepted")
    assert sent == [] and ("store-state", {"state": "failing"}) in kept.anna.events
    monkeypatch.setattr(kept.annas_keeper.store._file, "run", run)
    await kept.anna.until(lambda: ("store-state", {"state": "open"}) in kept.anna.events)
    last = await say(kept.anna, kept.annas, "second")
    await kept.anna.until_delivered(kept.annas, last)
    assert kept.ben.heard(kept.bens) == ["first", "second"]


@in_the_reactor
async def test_a_contact_and_the_conversation_with_it_belong_together_after_a_restart(kept):
    await saved(kept)
    anna = await kept.annas_keeper.restart()
    assert [(row["chat"], row["contact"]) for row in await anna.service.chats.list()] == [(kept.annas, "ben")]
    assert [(row["contact"], row["chat"]) for row in await anna.service.contacts.list()] == [("ben", kept.annas)]
    await anna.until_state(kept.annas, "connected")
    assert (await anna.service.contacts.call(name="ben"))["chat"] == kept.annas


@in_the_reactor
async def test_a_conversation_that_began_with_a_call_goes_on_after_a_restart_of_either_side(kept):
    await saved(kept)
    await parted(kept)
    await kept.ben.service.contacts.listen(name="anna")
    kept.annas = (await kept.anna.service.contacts.call(name="ben"))["chat"]
    kept.bens = await kept.ben.until_contact("anna", "called")
    await kept.anna.until_state(kept.annas, "connected")
    await kept.anna.until_delivered(kept.annas, await say(kept.anna, kept.annas, "one"))
    anna = await kept.annas_keeper.restart()
    await anna.until_delivered(kept.annas, await say(anna, kept.annas, "two"))
    ben = await kept.bens_keeper.restart()
    await ben.until_delivered(kept.bens, await say(ben, kept.bens, "three"))
    assert anna.heard(kept.annas) == ["three"]
    assert [row["text"] for row in await ben.service.messages.history(chat=kept.bens)] == ["one", "two", "three"]
    await anna.service.chats.end(chat=kept.annas)
    await ben.until_state(kept.bens, "ended")
    kept.annas = (await anna.service.contacts.call(name="ben"))["chat"]
    await anna.until_state(kept.annas, "connected")


@in_the_reactor
async def test_a_conversation_that_began_with_a_spoken_code_is_kept_once_its_key_is_confirmed(kept):
    made = await kept.anna.service.invites.invite(relay=kept.relay.url, code=True)
    assert kept.annas_keeper.store.keys("conversation") == []
    kept.annas = made["chat"]
    kept.bens = (await kept.ben.service.invites.join(code=made["code"], relay=kept.relay.url))["chat"]
    await kept.anna.until_state(kept.annas, "connected")
    await kept.anna.until_delivered(kept.annas, await say(kept.anna, kept.annas, "one"))
    anna = await kept.annas_keeper.restart()
    await anna.until_delivered(kept.annas, await say(anna, kept.annas, "two"))
    assert kept.ben.heard(kept.bens) == ["one", "two"]


@in_the_reactor
async def test_what_was_said_can_be_read_where_only_the_history_came_in(kept, tmp_path):
    kept.annas_keeper.retention = Retention(history=True, days=30)
    kept.anna = await kept.annas_keeper.restart()
    await kept.meet()
    await kept.anna.until_delivered(kept.annas, await say(kept.anna, kept.annas, "one"))
    other = Keeper(tmp_path / "other.db", history=True)
    other.start()
    try:
        for collection in set(kept.annas_keeper.store.collections()) - set(MOVING):
            for key in kept.annas_keeper.store.keys(collection):
                other.store.put(collection, key, kept.annas_keeper.store.get(collection, key))
        person = await other.restart()
        assert [(row["state"], row["reason"]) for row in await person.service.chats.list()] == [("ended", "exported")]
        assert [row["text"] for row in await person.service.messages.history(chat=kept.annas)] == ["one"]
        await person.service.chats.end(chat=kept.annas)
        assert other.store.keys("message") == []
    finally:
        await other.stop()


@in_the_reactor
async def test_with_the_memory_store_a_stop_ends_the_conversation(kept):
    await kept.bens_keeper.stop()
    kept.ben = Person()
    await kept.meet()
    await kept.ben.service.stop()
    await kept.anna.until_state(kept.annas, "ended", "peer-ended")
