"""Contacts in sealed stores: they, their calls and the block list are there after a restart."""

from __future__ import annotations

import pytest
import pytest_twisted

from tests.integration.contacts import parted, saved, secrets, talk
from tests.integration.peers import Scene
from whisperd.errors import ContactBlocked

in_the_reactor = pytest_twisted.ensureDeferred


async def restarted(kept: Scene) -> None:
    kept.anna, kept.ben = [await keeper.restart() for keeper in (kept.annas_keeper, kept.bens_keeper)]


@in_the_reactor
async def test_a_contact_is_called_after_both_have_started_again(kept):
    await saved(kept)
    await kept.anna.service.verify(chat=kept.annas, confirm=True)
    await kept.ben.service.people.listen(name="anna")
    await parted(kept)
    before = secrets(kept.anna)
    await restarted(kept)
    assert secrets(kept.anna) == secrets(kept.ben) == before
    (row,) = await kept.anna.service.people.list()
    assert (row["contact"], row["verified"], row["state"]) == ("ben", True, "saved")
    anna = (await kept.anna.service.people.call(name="ben"))["chat"]
    ben = await kept.ben.until_contact("anna", "called")
    await kept.anna.until_state(anna, "connected")
    await talk(kept, anna, ben, "after a restart")
    assert secrets(kept.anna) == secrets(kept.ben) != before


@in_the_reactor
async def test_a_call_goes_on_after_a_restart_and_knows_its_contact(kept):
    await saved(kept)
    await parted(kept)
    await kept.ben.service.people.listen(name="anna")
    anna = (await kept.anna.service.people.call(name="ben"))["chat"]
    ben = await kept.ben.until_contact("anna", "called")
    await kept.anna.until_state(anna, "connected")
    await talk(kept, anna, ben, "before")
    await restarted(kept)
    await kept.anna.until_state(anna, "connected")
    await kept.ben.until_state(ben, "connected")
    await talk(kept, anna, ben, "after")
    rows = [row for row in await kept.anna.service.list() if row["chat"] == anna]
    assert [row["contact"] for row in rows] == ["ben"] and secrets(kept.anna) == secrets(kept.ben)


@in_the_reactor
async def test_the_block_list_outlives_the_daemon(kept):
    await saved(kept)
    await kept.anna.service.people.block(name="ben")
    await restarted(kept)
    with pytest.raises(ContactBlocked):
        await kept.anna.service.people.call(name="ben")
    await kept.anna.service.people.unblock(name="ben")
    assert [row["state"] for row in await kept.anna.service.people.list()] == ["saved"]


@in_the_reactor
async def test_nothing_of_a_contact_stands_in_the_file_to_be_read(kept):
    await saved(kept)
    (contact,) = kept.anna.service.people._book.contacts.values()
    folder = kept.annas_keeper.place.path.parent
    data = b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())
    for secret in (*contact.secrets, contact.seat, b"ben\xa7secrets", f"127.0.0.1:{kept.relay.port}".encode()):
        assert secret not in data
