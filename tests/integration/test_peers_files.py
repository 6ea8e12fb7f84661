"""Files between two peers on real sockets and real folders: offered, accepted, broken off, resumed, refused."""

from __future__ import annotations

import os
import resource
import stat
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted

from tests.integration.files import file_states, progress, until_file
from tests.integration.peers import Person, Relay, Scene
from whisperd.errors import FileFailed, FileTooLarge, FileUnknown, NoDownloads, TooLate, TooManyFiles

in_the_reactor = pytest_twisted.ensureDeferred


@pytest_twisted.async_yield_fixture
async def scene(tmp_path: Path):
    relay = Relay()
    await relay.start()
    (tmp_path / "downloads").mkdir()
    scene = Scene(relay=relay, anna=Person(), ben=Person(downloads=str(tmp_path / "downloads")), others=[],
                  folder=tmp_path / "downloads", home=tmp_path)
    await scene.meet()
    yield scene
    for person in (scene.anna, scene.ben, *scene.others):
        await person.service.stop()
    await relay.stop()


async def offer(scene: Scene, content: bytes, name: str = "report.pdf") -> dict[str, Any]:
    """Anna offers a file, and Ben has heard of it."""
    path = scene.home / "source"
    path.write_bytes(content)
    file = os.open(path, os.O_RDONLY)
    try:
        row = await scene.anna.service.files.send(chat=scene.annas, name=name, file=file)
    finally:
        os.close(file)
    await until_file(scene.ben, row["file"], "offered")
    return row


async def both_done(scene: Scene, file: str) -> None:
    await until_file(scene.ben, file, "done")
    await until_file(scene.anna, file, "done")


def left(scene: Scene) -> list[str]:
    return sorted(os.listdir(scene.folder))


@in_the_reactor
async def test_a_file_arrives_whole_after_it_was_accepted_and_not_before(scene):
    content = os.urandom(3_000_000)
    row = await offer(scene, content)
    assert left(scene) == [], "nothing is written before somebody accepts"
    assert (await scene.ben.service.files.accept(chat=scene.bens, file="f1"))["state"] == "moving"
    await both_done(scene, row["file"])
    assert left(scene) == ["report.pdf"] and (scene.folder / "report.pdf").read_bytes() == content
    assert stat.S_IMODE((scene.folder / "report.pdf").stat().st_mode) == 0o600
    (listed,) = await scene.anna.service.files.list(chat=scene.annas)
    assert (listed["moved"], listed["size"], listed["state"]) == (3_000_000, 3_000_000, "done")


@pytest.mark.parametrize("size", [0, 1, 32_640, 32_641])
@in_the_reactor
async def test_any_size_arrives(scene, size):
    content = os.urandom(size)
    row = await offer(scene, content)
    await scene.ben.service.files.accept(chat=scene.bens, file="f1")
    await both_done(scene, row["file"])
    assert (scene.folder / "report.pdf").read_bytes() == content


@pytest.mark.parametrize("side", ["anna", "ben"])
@in_the_reactor
async def test_a_link_that_breaks_on_either_side_is_made_good(scene, side):
    content = os.urandom(8_000_000)
    row = await offer(scene, content)
    await scene.ben.service.files.accept(chat=scene.bens, file="f1")
    for _ in range(3):
        seen = len(scene.ben.events)
        await scene.ben.until(lambda seen=seen: len(scene.ben.events) > seen)
        getattr(scene, side).dialer.cut()
    await both_done(scene, row["file"])
    assert (scene.folder / "report.pdf").read_bytes() == content


@in_the_reactor
async def test_a_text_is_not_starved_by_a_file(scene):
    row = await offer(scene, os.urandom(12_000_000))
    await scene.ben.service.files.accept(chat=scene.bens, file="f1")
    await progress(scene.anna, 1)
    sent = await scene.anna.service.messages.send(chat=scene.annas, text="meanwhile")
    await scene.anna.until_delivered(scene.annas, sent["id"])
    assert file_states(scene.anna, row["file"])[-1][0] == "moving", "the text overtook the file"
    await both_done(scene, row["file"])


@in_the_reactor
async def test_nothing_is_overwritten_by_a_name_that_is_taken(scene):
    (scene.folder / "report.pdf").write_bytes(b"mine")
    await offer(scene, b"theirs", "../../report.pdf")
    await scene.ben.service.files.accept(chat=scene.bens, file="f1")
    await both_done(scene, "f1")
    assert left(scene) == ["report (1).pdf", "report.pdf"]
    assert (scene.folder / "report.pdf").read_bytes() == b"mine"
    assert (await scene.ben.service.files.list())[0]["filename"] == "report (1).pdf"


@in_the_reactor
async def test_a_full_disk_halts_the_file_and_it_goes_on_where_it_stopped(scene):
    content = os.urandom(2_000_000)
    await offer(scene, content)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        await scene.ben.service.files.accept(chat=scene.bens, file="f1")
        await until_file(scene.ben, "f1", "halted")
        await until_file(scene.anna, "f1", "halted")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert scene.ben.errors() == ["file-failed"]
    before = (await scene.ben.service.files.list())[0]["moved"]
    assert 0 < before <= 1_000_000
    await scene.ben.service.files.accept(chat=scene.bens, file="f1")
    await both_done(scene, "f1")
    assert (scene.folder / "report.pdf").read_bytes() == content and left(scene) == ["report.pdf"]


@in_the_reactor
async def test_a_folder_without_permission_or_none_at_all_is_said_to_whoever_accepts(scene):
    await offer(scene, b"content")
    scene.folder.rename(scene.home / "elsewhere")
    with pytest.raises(FileFailed, match="downloads"):
        await scene.ben.service.files.accept(chat=scene.bens, file="f1")
    (scene.home / "elsewhere").rename(scene.folder)
    await scene.ben.service.files.accept(chat=scene.bens, file="f1")
    await both_done(scene, "f1")


@in_the_reactor
async def test_without_a_folder_in_the_configuration_nothing_can_be_accepted(scene):
    file = os.open(__file__, os.O_RDONLY)
    await scene.ben.service.files.send(chat=scene.bens, name="x", file=file)
    os.close(file)
    await until_file(scene.anna, "f1", "offered")
    with pytest.raises(NoDownloads):
        await scene.anna.service.files.accept(chat=scene.annas, file="f1")
    await scene.anna.service.files.refuse(chat=scene.annas, file="f1")
    await until_file(scene.ben, "f1", "refused")


@in_the_reactor
async def test_without_a_store_no_path_is_asked_for_and_nothing_is_flushed_for_a_restart(scene):
    await offer(scene, os.urandom(20_000_000))
    await scene.ben.service.files.accept(chat=scene.bens, file="f1")
    await progress(scene.ben, 3_000_000)
    here, there = (person.service.conversations.driver(chat).files._owner.open_files().left()[0].on_disk
                   for person, chat in ((scene.anna, scene.annas), (scene.ben, scene.bens)))
    assert here.place == "" and there.size == 0


@pytest.mark.parametrize("side", ["anna", "ben"])
@in_the_reactor
async def test_a_cancelled_file_leaves_nothing_on_the_disk(scene, side):
    await offer(scene, os.urandom(20_000_000))
    await scene.ben.service.files.accept(chat=scene.bens, file="f1")
    await progress(scene.ben, 1)
    (partial,) = left(scene)
    assert partial.startswith(".whisperd-") and stat.S_IMODE((scene.folder / partial).stat().st_mode) == 0o600
    person, chat = (scene.anna, scene.annas) if side == "anna" else (scene.ben, scene.bens)
    await person.service.files.cancel(chat=chat, id="f1")
    await until_file(scene.anna, "f1", "cancelled")
    await until_file(scene.ben, "f1", "cancelled")
    sent = await scene.anna.service.messages.send(chat=scene.annas, text="and on")
    await scene.anna.until_delivered(scene.annas, sent["id"])
    await scene.ben.service.stop()
    assert left(scene) == []


@in_the_reactor
async def test_the_end_of_the_conversation_removes_what_is_not_complete(scene):
    await offer(scene, os.urandom(20_000_000))
    await scene.ben.service.files.accept(chat=scene.bens, file="f1")
    await progress(scene.ben, 1)
    await scene.anna.service.chats.end(chat=scene.annas)
    await scene.ben.until_state(scene.bens, "ended", "peer-ended")
    assert file_states(scene.ben, "f1")[-1][0] == "failed"
    await scene.ben.service.stop()
    assert left(scene) == []


@in_the_reactor
async def test_a_file_that_changes_while_it_is_sent_is_not_kept(scene):
    row = await offer(scene, bytes(4_000_000))
    (scene.home / "source").write_bytes(bytes(3_999_999) + b"x")
    await scene.ben.service.files.accept(chat=scene.bens, file="f1")
    await until_file(scene.ben, "f1", "failed")
    await until_file(scene.anna, row["file"], "failed")
    assert file_states(scene.ben, "f1")[-1][1] == file_states(scene.anna, "f1")[-1][1] == "hash-mismatch"
    assert left(scene) == []


@in_the_reactor
async def test_a_file_that_shrinks_while_it_is_sent_is_withdrawn(scene):
    await offer(scene, bytes(4_000_000))
    os.truncate(scene.home / "source", 1_000_000)
    await scene.ben.service.files.accept(chat=scene.bens, file="f1")
    await until_file(scene.ben, "f1", "failed")
    await scene.ben.service.stop()
    assert scene.anna.errors() == ["file-failed"] and left(scene) == []


@in_the_reactor
async def test_what_is_no_plain_file_or_too_much_is_refused_here(scene):
    small = Person(max_file=10, max_files=1)
    scene.others.append(small)
    link = (await small.service.invites.invite(relay=scene.relay.url))["link"]
    await scene.ben.service.invites.join(link=link)
    await small.until_state("c1", "connected")
    (scene.home / "ten").write_bytes(b"x" * 10)
    (scene.home / "eleven").write_bytes(b"x" * 11)
    for path, error in ((scene.home, FileFailed), (scene.home / "eleven", FileTooLarge), (scene.home / "ten", None),
                        (scene.home / "ten", TooManyFiles)):
        file = os.open(path, os.O_RDONLY)
        try:
            if error is None:
                await small.service.files.send(chat="c1", name="x", file=file)
            else:
                with pytest.raises(error):
                    await small.service.files.send(chat="c1", name="x", file=file)
        finally:
            os.close(file)


@in_the_reactor
async def test_what_is_not_there_or_over_cannot_be_accepted_or_cancelled(scene):
    await offer(scene, b"x")
    with pytest.raises(TooLate):
        await scene.anna.service.files.accept(chat=scene.annas, file="f1")
    for use in (scene.ben.service.files.accept, scene.ben.service.files.refuse):
        with pytest.raises(FileUnknown):
            await use(chat=scene.bens, file="f2")
    await scene.ben.service.files.accept(chat=scene.bens, file="f1")
    await both_done(scene, "f1")
    for word in ("f1", "f9", "7", "x", ""):
        with pytest.raises(TooLate if word == "f1" else FileUnknown):
            await scene.ben.service.files.cancel(chat=scene.bens, id=word)


@in_the_reactor
async def test_a_message_can_be_taken_back_while_it_is_queued_and_not_later(scene):
    first = await scene.anna.service.messages.send(chat=scene.annas, text="one")
    await scene.anna.until_delivered(scene.annas, first["id"])
    await scene.relay.crash()
    await scene.anna.until_state(scene.annas, "away")
    sent = [await scene.anna.service.messages.send(chat=scene.annas, text=text) for text in ("two", "three", "four")]
    await scene.anna.service.files.cancel(chat=scene.annas, id=str(sent[1]["id"]))
    with pytest.raises(TooLate):
        await scene.anna.service.files.cancel(chat=scene.annas, id="#1")
    await scene.relay.start()
    await scene.anna.until_delivered(scene.annas, sent[2]["id"])
    assert scene.ben.heard(scene.bens) == ["one", "two", "four"]
    assert [row["state"] for row in await scene.anna.service.messages.history(chat=scene.annas)] == \
        ["delivered", "delivered", "cancelled", "delivered"]


@in_the_reactor
async def test_what_a_killed_daemon_left_is_removed_and_a_living_one_s_is_not(scene):
    (scene.folder / ".whisperd-0011223344556677.part").write_bytes(b"left by a daemon that was killed")
    (scene.folder / "other.part").write_bytes(b"somebody else's")
    await offer(scene, os.urandom(20_000_000))
    await scene.ben.service.files.accept(chat=scene.bens, file="f1")
    await progress(scene.ben, 1)
    scene.others.append(Person(downloads=str(scene.folder)))
    assert len(left(scene)) == 2 and ".whisperd-0011223344556677.part" not in left(scene)
    await both_done(scene, "f1")
    assert left(scene) == ["other.part", "report.pdf"]
