"""Files of peers with sealed stores that are stopped and started again on either side."""

from __future__ import annotations

import os
from typing import Any

import pytest
import pytest_twisted

from tests.integration.files import file_states, progress, until_file
from tests.integration.keepers import Keeper
from tests.integration.peers import Person, Relay, Scene
from whisperd.errors import TooLate
from whisperd.peer.service import Tuning

in_the_reactor = pytest_twisted.ensureDeferred
SIZE = 3_200_000


@pytest_twisted.async_yield_fixture
async def scene(tmp_path):
    tuning = Tuning(progress=0.0)  # every step is told, so that a test can stop at one
    relay = Relay()
    await relay.start()
    keepers = {name: Keeper(tmp_path / name / "store.db", tuning=tuning) for name in ("anna", "ben")}
    for keeper in keepers.values():
        keeper.place.path.parent.mkdir()
    (tmp_path / "downloads").mkdir()
    made = Scene(relay=relay, keepers=keepers, folder=tmp_path / "downloads", source=tmp_path / "source",
                 content=os.urandom(SIZE), settings={"anna": {}, "ben": {"downloads": str(tmp_path / "downloads")}})
    made.anna, made.ben = (keepers[name].start(**made.settings[name]) for name in ("anna", "ben"))
    made.source.write_bytes(made.content)
    await made.meet()
    yield made
    for keeper in keepers.values():
        await keeper.stop()
    await relay.stop()


async def restart(scene: Any, *names: str, meanwhile: Any = lambda: None) -> None:
    for name in names:
        await scene.keepers[name].stop()
    meanwhile()
    for name in names:
        setattr(scene, name, scene.keepers[name].start(**scene.settings[name]))


async def offer(scene: Any) -> None:
    with scene.source.open("rb") as file:
        await scene.anna.service.files.send(chat=scene.annas, name="report.pdf", file=file.fileno())
    await until_file(scene.ben, "f1", "offered")


async def half(scene: Any) -> None:
    """Have more than half of the file written at Ben's."""
    await offer(scene)
    await scene.ben.service.files.accept(chat=scene.bens, file="f1")
    await progress(scene.ben, SIZE * 2 // 3)


async def row(person: Person, chat: str) -> dict[str, Any]:
    (found,) = await person.service.files.list(chat=chat)
    return found


async def arrives(scene: Any) -> None:
    """Wait until both sides have it as done; it is there once, and nothing beside it."""
    await until_file(scene.ben, "f1", "done")
    await until_file(scene.anna, "f1", "done")
    assert os.listdir(scene.folder) == ["report.pdf"]
    assert (scene.folder / "report.pdf").read_bytes() == scene.content


@pytest.mark.parametrize("who", [("anna",), ("ben",), ("anna", "ben")], ids="-".join)
@in_the_reactor
async def test_an_offer_outlives_its_sender_and_its_receiver(scene, who):
    await offer(scene)
    await restart(scene, *who)
    assert (await row(scene.ben, scene.bens))["state"] == "offered"
    await scene.ben.until_state(scene.bens, "connected")
    await scene.ben.service.files.accept(chat=scene.bens, file="f1")
    await arrives(scene)


@pytest.mark.parametrize("who", [("anna",), ("ben",), ("anna", "ben")], ids="-".join)
@in_the_reactor
async def test_a_file_on_its_way_goes_on_where_it_was(scene, who):
    await half(scene)
    await restart(scene, *who)
    assert (await row(getattr(scene, who[0]), "c1"))["moved"] > 500_000
    await arrives(scene)


@in_the_reactor
async def test_an_accepted_file_of_which_nothing_came_yet_goes_on_too(scene):
    await offer(scene)
    await scene.relay.crash()
    await scene.ben.until_state(scene.bens, "away")
    await scene.ben.service.files.accept(chat=scene.bens, file="f1")
    await restart(scene, "ben", "anna")
    await scene.relay.start()
    await arrives(scene)


@in_the_reactor
async def test_a_conversation_with_a_file_is_restarted_again_and_again(scene):
    await offer(scene)
    await scene.ben.service.files.accept(chat=scene.bens, file="f1")
    for number in range(4):
        name = ("anna", "ben")[number % 2]
        other = getattr(scene, ("ben", "anna")[number % 2])
        seen = len(other.events)
        await other.until(lambda other=other, seen=seen: any(event == "file-progress" for event, _ in
                                                             other.events[seen:]))
        await restart(scene, name)
    await arrives(scene)


CHANGES = {
    "content": (lambda path: path.write_bytes(bytes(SIZE)), "file-changed", "file-changed"),
    "size": (lambda path: os.truncate(path, SIZE - 1), "file-changed", "file-changed"),
    "gone": (lambda path: path.unlink(), "file-failed", "withdrawn"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "file-failed", "withdrawn"),
    "a fifo": (lambda path: (path.unlink(), os.mkfifo(path)), "file-failed", "withdrawn"),
}


@pytest.mark.parametrize("change", CHANGES)
@in_the_reactor
async def test_a_source_that_changed_meanwhile_is_an_error_on_both_sides_and_nothing_of_it_is_sent(scene, change):
    do, here, there = CHANGES[change]
    await half(scene)
    await restart(scene, "anna", meanwhile=lambda: do(scene.source))
    await until_file(scene.ben, "f1", "failed")
    assert file_states(scene.anna, "f1")[-1] == ("failed", here) and scene.anna.errors() == [here]
    assert file_states(scene.ben, "f1")[-1] == ("failed", there)
    assert os.listdir(scene.folder) == []


@in_the_reactor
async def test_a_link_in_the_place_of_the_source_is_not_followed(scene):
    await half(scene)
    other = scene.source.with_name("other")
    await restart(scene, "anna", meanwhile=lambda: (scene.source.rename(other), scene.source.symlink_to(other)))
    await until_file(scene.ben, "f1", "failed")
    assert file_states(scene.anna, "f1")[-1] == ("failed", "file-failed")


@in_the_reactor
async def test_a_source_that_was_written_anew_with_the_same_content_is_the_same(scene):
    await half(scene)
    await restart(scene, "anna", meanwhile=lambda: (scene.source.unlink(), scene.source.write_bytes(scene.content)))
    await arrives(scene)


def partial(scene: Any) -> Any:
    (found,) = scene.folder.iterdir()
    return found


BEHIND = {
    "removed": lambda path: path.unlink(),
    "cut": lambda path: os.truncate(path, 1_000),
    "changed": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "a link": lambda path: (path.unlink(), path.symlink_to(path.parent.parent / "elsewhere")),
    "named elsewhere": lambda path: os.link(path, path.parent.parent / "elsewhere"),
}


@pytest.mark.parametrize("what", BEHIND)
@in_the_reactor
async def test_a_partial_file_that_is_not_what_was_kept_begins_anew_and_nothing_else_is_touched(scene, what):
    await half(scene)
    elsewhere = scene.folder.parent / "elsewhere"
    elsewhere.write_bytes(b"mine") if what == "a link" else None
    await restart(scene, "ben", meanwhile=lambda: BEHIND[what](partial(scene)))
    before = elsewhere.read_bytes() if elsewhere.exists() else None
    await arrives(scene)
    assert before == (elsewhere.read_bytes() if elsewhere.exists() else None)
    assert scene.ben.errors() == scene.anna.errors() == []


@in_the_reactor
async def test_what_was_written_beyond_what_is_known_is_cut_off(scene):
    await half(scene)
    kept = []

    def grow() -> None:
        with partial(scene).open("ab") as file:
            file.write(b"x" * 100_000)
        kept.append(partial(scene).name)

    await restart(scene, "ben", meanwhile=grow)
    await scene.ben.until(lambda: len(file_states(scene.ben, "f1")) > 1)
    assert [path.name for path in scene.folder.iterdir()] == kept or os.listdir(scene.folder) == ["report.pdf"]
    await arrives(scene)


@in_the_reactor
async def test_a_file_that_was_halted_waits_until_it_is_accepted_again(scene):
    await half(scene)
    folder = scene.folder.rename(scene.folder.with_name("away"))
    await restart(scene, "ben")
    await until_file(scene.ben, "f1", "halted")
    await until_file(scene.anna, "f1", "halted")
    await restart(scene, "ben")
    assert (await row(scene.ben, scene.bens))["state"] == "halted"
    folder.rename(scene.folder)
    await scene.ben.until_state(scene.bens, "connected")
    found = await scene.ben.service.files.accept(chat=scene.bens, file="f1")
    assert found["moved"] > 500_000
    await arrives(scene)


@in_the_reactor
async def test_a_daemon_without_its_folder_halts_the_file(scene):
    await half(scene)
    settings, scene.settings["ben"] = scene.settings["ben"], {}
    await restart(scene, "ben")
    await until_file(scene.ben, "f1", "halted")
    assert scene.ben.errors() == ["no-downloads"]
    scene.settings["ben"] = settings
    await restart(scene, "ben")
    await scene.ben.until_state(scene.bens, "connected")
    await scene.ben.service.files.accept(chat=scene.bens, file="f1")
    await arrives(scene)


@pytest.mark.parametrize("halted", [False, True])
@in_the_reactor
async def test_a_file_that_is_given_up_after_a_restart_leaves_nothing(scene, halted):
    await half(scene)
    away = scene.folder.with_name("away")
    if halted:
        scene.folder.rename(away)
        await restart(scene, "ben")
        await until_file(scene.ben, "f1", "halted")
        away.rename(scene.folder)
    await restart(scene, "ben")
    await scene.ben.service.files.cancel(chat=scene.bens, id="f1")
    await until_file(scene.anna, "f1", "cancelled")
    assert os.listdir(scene.folder) == []
    with pytest.raises(TooLate):
        await scene.ben.service.files.cancel(chat=scene.bens, id="f1")


@in_the_reactor
async def test_the_end_of_the_conversation_while_the_daemon_was_away_removes_what_is_partial(scene):
    await half(scene)
    await scene.keepers["ben"].stop()
    await scene.anna.service.chats.end(chat=scene.annas)
    scene.ben = scene.keepers["ben"].start(**scene.settings["ben"])
    await scene.ben.service.chats.end(chat=scene.bens)
    assert os.listdir(scene.folder) == []


@in_the_reactor
async def test_what_is_partial_and_of_no_conversation_is_removed_and_nothing_else(scene):
    await half(scene)

    def leave() -> None:
        (scene.folder / ".whisperd-0011223344556677.part").write_bytes(b"left")
        (scene.folder / "mine.part").write_bytes(b"mine")

    await restart(scene, "ben", meanwhile=leave)
    await until_file(scene.ben, "f1", "done")
    assert sorted(os.listdir(scene.folder)) == ["mine.part", "report.pdf"]
