"""Two peers with sealed stores on real sockets: stopped, started again, put back, and without room on the disk."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest
import pytest_twisted

from tests.integration.peers import Person, Relay, Scene
from tests.integration.test_peers_contacts import parted, saved
from tests.store.kit import Place
from whisperd.errors import StoreFailed
from whisperd.peer.keeping import MOVING
from whisperd.store.file import places

in_the_reactor = pytest_twisted.ensureDeferred


class Keeper:
    """A person whose daemon has a sealed store, and can be started again on it."""

    def __init__(self, path, **keep) -> None:
        self.place = Place(path)
        self.keep = SimpleNamespace(**{"history": False, "history_days": 30, **keep})
        self.store = None

    def start(self, **settings) -> Person:
        self.store = self.place.open()
        self.person = Person(store=self.store, keep=self.keep, **settings)
        self.person.service.resume()
        return self.person

    async def stop(self) -> None:
        if self.store is not None:
            await self.person.service.stop()
            self.store.close()
            self.store = None

    async def restart(self) -> Person:
        await self.stop()
        return self.start()

    def copy(self, folder) -> None:
        """Copy the files as they are now; what is open holds no lock on a copy."""
        folder.mkdir(exist_ok=True)
        for path in places(self.place.path):
            if path.exists():
                shutil.copy(path, folder / path.name)

    def put_back(self, folder) -> None:
        for path in places(self.place.path):
            path.unlink(missing_ok=True)
        for path in folder.iterdir():
            shutil.copy(path, self.place.path.parent / path.name)


@pytest_twisted.async_yield_fixture
async def scene(tmp_path):
    relay = Relay()
    await relay.start()
    keepers = [Keeper(tmp_path / name / "store.db") for name in ("anna", "ben")]
    for keeper in keepers:
        keeper.place.path.parent.mkdir()
        keeper.start()
    anna, ben = keepers
    yield Scene(relay=relay, anna=anna.person, ben=ben.person, annas_keeper=anna, bens_keeper=ben)
    for keeper in keepers:
        await keeper.stop()
    await relay.stop()


async def say(person, chat, text):
    return (await person.service.send(chat=chat, text=text))["id"]


@in_the_reactor
async def test_a_conversation_goes_on_after_a_stop_and_the_other_side_sees_away(scene):
    await scene.meet()
    first = await say(scene.anna, scene.annas, "before")
    await scene.anna.until_delivered(scene.annas, first)
    await scene.annas_keeper.stop()
    await scene.ben.until_state(scene.bens, "away", "peer-lost")
    waiting = await say(scene.ben, scene.bens, "while you were gone")
    anna = scene.annas_keeper.start()
    assert [(row["chat"], row["state"], row["reason"]) for row in await anna.service.list()] == [
        (scene.annas, "away", "restarted")]
    await anna.until_state(scene.annas, "connected", "resumed")
    await scene.ben.until_delivered(scene.bens, waiting)
    again = await say(anna, scene.annas, "after")
    await anna.until_delivered(scene.annas, again)
    assert scene.ben.heard(scene.bens) == ["before", "after"] and anna.heard(scene.annas) == ["while you were gone"]
    assert (await anna.service.verify(chat=scene.annas))["words"] == (
        await scene.ben.service.verify(chat=scene.bens))["words"]


@in_the_reactor
async def test_both_sides_start_again_and_what_waited_arrives_once_and_in_order(scene):
    await scene.meet()
    await scene.bens_keeper.stop()
    await scene.anna.until_state(scene.annas, "away")
    for number in range(5):
        await say(scene.anna, scene.annas, f"waiting {number}")
    anna = await scene.annas_keeper.restart()
    last = await say(anna, scene.annas, "waiting 5")
    ben = scene.bens_keeper.start()
    await anna.until_delivered(scene.annas, last)
    await ben.until_state(scene.bens, "connected")
    assert ben.heard(scene.bens) == [f"waiting {number}" for number in range(6)]
    rows = await anna.service.history(chat=scene.annas)
    assert [(row["id"], row["state"]) for row in rows] == [(number, "delivered") for number in range(1, 7)]


@in_the_reactor
async def test_an_invite_outlives_a_restart(scene):
    link = await scene.invite()
    anna = await scene.annas_keeper.restart()
    bens = (await scene.ben.service.join(link=link))["chat"]
    await anna.until_state(scene.annas, "connected")
    await scene.ben.until_state(bens, "connected")
    last = await say(anna, scene.annas, "hello")
    await anna.until_delivered(scene.annas, last)


@in_the_reactor
async def test_an_ended_conversation_leaves_nothing_in_the_store(scene):
    await scene.meet()
    await scene.anna.until_delivered(scene.annas, await say(scene.anna, scene.annas, "hello"))
    await scene.anna.service.end(chat=scene.annas)
    await scene.ben.until_state(scene.bens, "ended")
    await scene.ben.service.end(chat=scene.bens)
    for keeper in (scene.annas_keeper, scene.bens_keeper):
        assert set(keeper.store.collections()) <= {"used-invites"}
    anna = await scene.annas_keeper.restart()
    assert await anna.service.list() == []


@in_the_reactor
async def test_without_history_a_text_is_kept_until_somebody_has_been_given_it(scene):
    await scene.meet()
    for text in ("one", "two"):
        await scene.anna.until_delivered(scene.annas, await say(scene.anna, scene.annas, text))
    assert scene.annas_keeper.store.keys("message") == []
    assert len(scene.bens_keeper.store.keys("message")) == 2
    ben = await scene.bens_keeper.restart()
    rows = await ben.service.history(chat=scene.bens)
    assert [row["text"] for row in rows] == ["one", "two"]
    await ben.service.history(chat=scene.bens, after=rows[0]["id"])
    await ben.service.verify(chat=scene.bens)  # which waits until all is written
    assert scene.bens_keeper.store.keys("message") == [f"{scene.bens}/2"]
    ben = await scene.bens_keeper.restart()
    assert [row["text"] for row in await ben.service.history(chat=scene.bens)] == ["two"]


@in_the_reactor
async def test_with_history_what_was_said_is_kept_for_its_time(scene):
    scene.annas_keeper.keep.history = True
    scene.anna = await scene.annas_keeper.restart()
    await scene.meet()
    await scene.anna.until_delivered(scene.annas, await say(scene.anna, scene.annas, "one"))
    await scene.ben.until_delivered(scene.bens, await say(scene.ben, scene.bens, "two"))
    anna = await scene.annas_keeper.restart()
    said = [("out", "one", "delivered"), ("in", "two", "received")]
    rows = await anna.service.history(chat=scene.annas)
    assert [(row["direction"], row["text"], row["state"]) for row in rows] == said
    await anna.until_state(scene.annas, "connected")
    await scene.ben.service.end(chat=scene.bens)
    await anna.until_state(scene.annas, "ended")
    anna = await scene.annas_keeper.restart()
    assert [row["state"] for row in await anna.service.list()] == ["ended"]
    assert len(await anna.service.history(chat=scene.annas)) == 2
    scene.annas_keeper.keep.history_days = 0
    anna = await scene.annas_keeper.restart()
    assert scene.annas_keeper.store.keys("message") in ([], [f"{scene.annas}/2"])  # which nobody was given for good
    await anna.service.end(chat=scene.annas)
    assert set(scene.annas_keeper.store.collections()) <= {"used-invites"}


@in_the_reactor
async def test_an_older_copy_put_back_ends_the_conversation_loudly_on_both_sides(scene, tmp_path):
    await scene.meet()
    await scene.anna.until_delivered(scene.annas, await say(scene.anna, scene.annas, "one"))
    scene.annas_keeper.copy(tmp_path / "older")
    await scene.anna.until_delivered(scene.annas, await say(scene.anna, scene.annas, "two"))
    await scene.annas_keeper.stop()
    scene.annas_keeper.put_back(tmp_path / "older")
    anna = scene.annas_keeper.start()
    await anna.until_state(scene.annas, "ended", "state-rolled-back")
    await scene.ben.until_state(scene.bens, "ended", "state-rolled-back")
    assert "state-rolled-back" in anna.errors() and "state-rolled-back" in scene.ben.errors()
    assert scene.ben.heard(scene.bens) == ["one", "two"]


@in_the_reactor
async def test_an_older_copy_that_only_received_less_is_noticed_too(scene, tmp_path):
    await scene.meet()
    await scene.anna.until_delivered(scene.annas, await say(scene.anna, scene.annas, "one"))
    scene.bens_keeper.copy(tmp_path / "older")
    await scene.anna.until_delivered(scene.annas, await say(scene.anna, scene.annas, "two"))
    await scene.bens_keeper.stop()
    scene.bens_keeper.put_back(tmp_path / "older")
    ben = scene.bens_keeper.start()
    await ben.until_state(scene.bens, "ended", "state-rolled-back")
    await scene.anna.until_state(scene.annas, "ended", "state-rolled-back")


@in_the_reactor
async def test_nothing_is_sent_while_the_store_cannot_be_written_and_everything_afterwards(scene, monkeypatch):
    await scene.meet()
    run = scene.annas_keeper.store._file.run

    def full(statement, *values):
        if statement.startswith("INSERT"):
            raise StoreFailed
        run(statement, *values)

    sent = []
    send = scene.anna.dialer.opened[-1].sendMessage
    monkeypatch.setattr(scene.anna.dialer.opened[-1], "sendMessage", lambda *a, **k: (sent.append(a), send(*a, **k)))
    monkeypatch.setattr(scene.annas_keeper.store._file, "run", full)
    monkeypatch.setattr("whisperd.peer.keeping.RETRY", 0.1)
    with pytest.raises(StoreFailed):
        await say(scene.anna, scene.annas, "first")
    sent.clear()  # what was written before it could not be any more
    with pytest.raises(StoreFailed):
        await say(scene.anna, scene.annas, "never accepted")
    assert sent == [] and ("store-state", {"state": "failing"}) in scene.anna.events
    monkeypatch.setattr(scene.annas_keeper.store._file, "run", run)
    await scene.anna.until(lambda: ("store-state", {"state": "open"}) in scene.anna.events)
    last = await say(scene.anna, scene.annas, "second")
    await scene.anna.until_delivered(scene.annas, last)
    assert scene.ben.heard(scene.bens) == ["first", "second"]


@in_the_reactor
async def test_a_contact_and_the_conversation_with_it_belong_together_after_a_restart(scene):
    await saved(scene)
    anna = await scene.annas_keeper.restart()
    assert [(row["chat"], row["contact"]) for row in await anna.service.list()] == [(scene.annas, "ben")]
    assert [(row["contact"], row["chat"]) for row in await anna.service.people.list()] == [("ben", scene.annas)]
    await anna.until_state(scene.annas, "connected")
    assert (await anna.service.people.call(name="ben"))["chat"] == scene.annas


@in_the_reactor
async def test_a_conversation_that_began_with_a_call_goes_on_after_a_restart_of_either_side(scene):
    await saved(scene)
    await parted(scene)
    await scene.ben.service.people.listen(name="anna")
    scene.annas = (await scene.anna.service.people.call(name="ben"))["chat"]
    scene.bens = await scene.ben.until_contact("anna", "called")
    await scene.anna.until_state(scene.annas, "connected")
    await scene.anna.until_delivered(scene.annas, await say(scene.anna, scene.annas, "one"))
    anna = await scene.annas_keeper.restart()
    await anna.until_delivered(scene.annas, await say(anna, scene.annas, "two"))
    ben = await scene.bens_keeper.restart()
    await ben.until_delivered(scene.bens, await say(ben, scene.bens, "three"))
    assert anna.heard(scene.annas) == ["three"]
    assert [row["text"] for row in await ben.service.history(chat=scene.bens)] == ["one", "two", "three"]
    await anna.service.end(chat=scene.annas)
    await ben.until_state(scene.bens, "ended")
    scene.annas = (await anna.service.people.call(name="ben"))["chat"]
    await anna.until_state(scene.annas, "connected")


@in_the_reactor
async def test_a_conversation_that_began_with_a_spoken_code_is_kept_once_its_key_is_confirmed(scene):
    made = await scene.anna.service.invite(relay=scene.relay.url, code=True)
    assert scene.annas_keeper.store.keys("conversation") == []
    scene.annas = made["chat"]
    scene.bens = (await scene.ben.service.join(code=made["code"], relay=scene.relay.url))["chat"]
    await scene.anna.until_state(scene.annas, "connected")
    await scene.anna.until_delivered(scene.annas, await say(scene.anna, scene.annas, "one"))
    anna = await scene.annas_keeper.restart()
    await anna.until_delivered(scene.annas, await say(anna, scene.annas, "two"))
    assert scene.ben.heard(scene.bens) == ["one", "two"]


@in_the_reactor
async def test_a_file_does_not_outlive_its_daemon_and_the_other_side_is_told(scene, tmp_path):
    await scene.meet()
    path = tmp_path / "report.pdf"
    path.write_bytes(bytes(200_000))
    with path.open("rb") as file:
        await scene.anna.service.send_file(chat=scene.annas, name="report.pdf", file=file.fileno())
    await scene.ben.until(lambda: any(name == "file-state" for name, _ in scene.ben.events))
    anna = await scene.annas_keeper.restart()
    await scene.ben.until(lambda: [fields["state"] for name, fields in scene.ben.events
                                   if name == "file-state"][-1] == "failed")
    last = await say(anna, scene.annas, "sorry")
    await anna.until_delivered(scene.annas, last)
    with path.open("rb") as file:
        row = await anna.service.send_file(chat=scene.annas, name="report.pdf", file=file.fileno())
    await scene.ben.until(lambda: sum(name == "file-state" for name, _ in scene.ben.events) == 3)
    assert row["file"] == "f2"


@in_the_reactor
async def test_what_was_said_can_be_read_where_only_the_history_came_in(scene, tmp_path):
    scene.annas_keeper.keep.history = True
    scene.anna = await scene.annas_keeper.restart()
    await scene.meet()
    await scene.anna.until_delivered(scene.annas, await say(scene.anna, scene.annas, "one"))
    other = Keeper(tmp_path / "other.db", history=True)
    other.start()
    try:
        for collection in set(scene.annas_keeper.store.collections()) - set(MOVING):
            for key in scene.annas_keeper.store.keys(collection):
                other.store.put(collection, key, scene.annas_keeper.store.get(collection, key))
        person = await other.restart()
        assert [(row["state"], row["reason"]) for row in await person.service.list()] == [("ended", "exported")]
        assert [row["text"] for row in await person.service.history(chat=scene.annas)] == ["one"]
        await person.service.end(chat=scene.annas)
        assert other.store.keys("message") == []
    finally:
        await other.stop()


@in_the_reactor
async def test_with_the_memory_store_a_stop_ends_the_conversation(scene):
    await scene.bens_keeper.stop()
    scene.ben = Person()
    await scene.meet()
    await scene.ben.service.stop()
    await scene.anna.until_state(scene.annas, "ended", "peer-ended")
