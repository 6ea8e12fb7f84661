"""Ids of conversations that were ended come back neither in the same process nor, with a sealed store, in another."""

from __future__ import annotations

import pytest
import pytest_twisted

from tests.integration.contacts import parted, saved
from tests.integration.keepers import Faulty
from tests.integration.processes import call, refused, sealed
from whisperd.errors import ConversationEnded, ConversationUnknown, StoreFailed
from whisperd.peer.persistence.ids import NUMBERS
from whisperd.tor.testnet.ports import free_ports

PASSPHRASE = "correct horse battery"

in_the_reactor = pytest_twisted.ensureDeferred


async def begun_and_ended(scene, person, *, code=False) -> str:
    """Return the id of an invite that is made and given up again."""
    made = await person.service.invites.invite(relay=scene.relay.url, code=code)
    await person.service.chats.end(chat=made["chat"])
    return made["chat"]


@pytest.mark.parametrize("code", [False, True], ids=["link", "code"])
@in_the_reactor
async def test_an_id_that_ended_does_not_come_back_after_a_restart(kept, code):
    given = []
    for _ in range(3):
        given += [await begun_and_ended(kept, kept.anna, code=code) for _ in range(2)]
        kept.anna = await kept.annas_keeper.restart()
        for chat in given:
            with pytest.raises(ConversationEnded):
                await kept.anna.service.chats.find(chat)
    assert given == [f"c{number}" for number in range(1, 7)]
    with pytest.raises(ConversationUnknown):
        await kept.anna.service.chats.find("c7")


@in_the_reactor
async def test_nor_does_that_of_a_code_that_nobody_answered_before_the_stop(kept):
    first = (await kept.anna.service.invites.invite(relay=kept.relay.url, code=True))["chat"]
    kept.anna = await kept.annas_keeper.restart()
    joined = (await kept.ben.service.invites.join(code="3-abandon-ability-able", relay=kept.relay.url))["chat"]
    kept.ben = await kept.bens_keeper.restart()
    assert (first, await begun_and_ended(kept, kept.anna)) == ("c1", "c2")
    assert (joined, await begun_and_ended(kept, kept.ben)) == ("c1", "c2")


@in_the_reactor
async def test_nor_that_of_a_call_that_nobody_answered(kept):
    await saved(kept)
    await parted(kept)
    called = (await kept.anna.service.contacts.call("ben"))["chat"]
    kept.anna = await kept.annas_keeper.restart()
    assert (kept.annas, called, await begun_and_ended(kept, kept.anna)) == ("c1", "c2", "c3")


@in_the_reactor
async def test_a_store_that_kept_no_number_goes_on_behind_what_it_has(kept):
    await begun_and_ended(kept, kept.anna)
    await kept.invite()
    await kept.annas_keeper.stop()
    store = kept.annas_keeper.place.open()
    store.delete(NUMBERS, "")
    store.close()
    kept.anna = kept.annas_keeper.start()
    await kept.anna.service.chats.end(chat=kept.annas)
    kept.anna = await kept.annas_keeper.restart()
    assert (kept.annas, await begun_and_ended(kept, kept.anna)) == ("c2", "c3")


@in_the_reactor
async def test_nothing_begins_on_a_full_disk_and_no_id_is_lost_or_given_twice(kept):
    await saved(kept)
    await parted(kept)
    link = (await kept.ben.service.invites.invite(relay=kept.relay.url))["link"]
    disk = Faulty(kept.annas_keeper)
    service = kept.anna.service
    for attempt in (lambda: service.invites.invite(relay=kept.relay.url), lambda: service.invites.join(link=link),
                    lambda: service.invites.invite(relay=kept.relay.url, code=True),
                    lambda: service.contacts.call("ben"),
                    lambda: service.invites.join(code="3-abandon-ability-able", relay=kept.relay.url)):
        with pytest.raises(StoreFailed, match="nothing was started"):
            await attempt()
    assert await service.chats.list() == []
    disk.mend()
    assert await begun_and_ended(kept, kept.anna) == "c2"
    kept.anna = await kept.annas_keeper.restart()
    assert await begun_and_ended(kept, kept.anna) == "c3"


def begin_and_end(daemon) -> str:
    chat = call(daemon, "chat.invite")["chat"]
    call(daemon, "chat.end", chat=chat)
    return chat


def opened(start, folder):
    """Start a daemon on the store that is in the folder, or comes there."""
    folder.mkdir(exist_ok=True)
    made = start(sealed(folder, free_ports(1)[0]), folder=folder)
    made.serving()
    call(made, "store.unlock", passphrase=PASSPHRASE)
    return made


def restarted(start, daemon, folder):
    call(daemon, "stop")
    assert daemon.ended()[0] == 0
    return opened(start, folder)


@pytest.fixture
def daemon(start, tmp_path):
    return opened(start, tmp_path)


def test_a_store_that_is_locked_or_wiped_gives_no_id_of_this_process_again(start, daemon, tmp_path):
    assert begin_and_end(daemon) == "c1"
    call(daemon, "store.lock")
    call(daemon, "store.unlock", passphrase=PASSPHRASE)
    refused(daemon, "chat.send", ConversationEnded, chat="c1", text="for the one before")
    assert begin_and_end(daemon) == "c2"
    call(daemon, "store.wipe")
    call(daemon, "store.unlock", passphrase=PASSPHRASE)
    assert begin_and_end(daemon) == "c3"
    daemon = restarted(start, daemon, tmp_path)
    assert begin_and_end(daemon) == "c4"
    call(daemon, "store.wipe")
    call(daemon, "store.unlock", passphrase=PASSPHRASE)
    daemon = restarted(start, daemon, tmp_path)
    assert begin_and_end(daemon) == "c1"  # that store is gone, and all connections to its process


def exported(daemon, path) -> None:
    with path.open("wb") as file:
        call(daemon, "store.export", file.fileno(), passphrase="for the export", move=True)


def imported(daemon, path) -> None:
    with path.open("rb") as file:
        call(daemon, "store.import", file.fileno(), passphrase="for the export")


def test_an_export_takes_the_last_number_along_and_leaves_it(start, daemon, tmp_path):
    other = tmp_path / "other"
    assert call(daemon, "chat.invite")["chat"] == "c1"
    assert begin_and_end(daemon) == "c2"
    exported(daemon, tmp_path / "export")
    assert begin_and_end(daemon) == "c3"
    fresh = opened(start, other)
    imported(fresh, tmp_path / "export")
    assert [row["chat"] for row in call(fresh, "chat.list")] == ["c1"]
    call(fresh, "chat.end", chat="c1")
    fresh = restarted(start, fresh, other)
    assert begin_and_end(fresh) == "c3"


def test_what_comes_into_a_process_that_gave_its_ids_gets_others(start, daemon, tmp_path):
    other = tmp_path / "other"
    for _ in range(2):
        call(daemon, "chat.invite")
    exported(daemon, tmp_path / "export")
    used = opened(start, other)
    assert begin_and_end(used) == "c1"
    imported(used, tmp_path / "export")
    assert [row["chat"] for row in call(used, "chat.list")] == ["c2", "c3"]
    refused(used, "chat.end", ConversationEnded, chat="c1")
    used = restarted(start, used, other)
    assert [row["chat"] for row in call(used, "chat.list")] == ["c2", "c3"]
    assert begin_and_end(used) == "c4"
