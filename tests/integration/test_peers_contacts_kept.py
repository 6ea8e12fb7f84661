"""Contacts in sealed stores: they, their calls and the block list are there after a restart."""

from __future__ import annotations

import pytest
import pytest_twisted

from tests.integration.peers import Relay, Scene
from tests.integration.test_peers_contacts import parted, saved, secrets, talk
from tests.integration.test_peers_kept import Keeper
from whisperd.errors import ContactBlocked

in_the_reactor = pytest_twisted.ensureDeferred


@pytest_twisted.async_yield_fixture
async def scene(tmp_path):
    relay = Relay()
    await relay.start()
    keepers = [Keeper(tmp_path / name / "store.db") for name in ("anna", "ben")]
    for keeper in keepers:
        keeper.place.path.parent.mkdir()
        keeper.start()
    anna, ben = keepers
    yield Scene(relay=relay, anna=anna.person, ben=ben.person, keepers=keepers)
    for keeper in keepers:
        await keeper.stop()
    await relay.stop()


async def restarted(scene: Scene) -> None:
    scene.anna, scene.ben = [await keeper.restart() for keeper in scene.keepers]


@in_the_reactor
async def test_a_contact_is_called_after_both_have_started_again(scene):
    await saved(scene)
    await scene.anna.service.verify(chat=scene.annas, confirm=True)
    await scene.ben.service.people.listen(name="anna")
    await parted(scene)
    before = secrets(scene.anna)
    await restarted(scene)
    assert secrets(scene.anna) == secrets(scene.ben) == before
    (row,) = await scene.anna.service.people.list()
    assert (row["contact"], row["verified"], row["state"]) == ("ben", True, "saved")
    anna = (await scene.anna.service.people.call(name="ben"))["chat"]
    ben = await scene.ben.until_contact("anna", "called")
    await scene.anna.until_state(anna, "connected")
    await talk(scene, anna, ben, "after a restart")
    assert secrets(scene.anna) == secrets(scene.ben) != before


@in_the_reactor
async def test_a_call_goes_on_after_a_restart_and_knows_its_contact(scene):
    await saved(scene)
    await parted(scene)
    await scene.ben.service.people.listen(name="anna")
    anna = (await scene.anna.service.people.call(name="ben"))["chat"]
    ben = await scene.ben.until_contact("anna", "called")
    await scene.anna.until_state(anna, "connected")
    await talk(scene, anna, ben, "before")
    await restarted(scene)
    await scene.anna.until_state(anna, "connected")
    await scene.ben.until_state(ben, "connected")
    await talk(scene, anna, ben, "after")
    rows = [row for row in await scene.anna.service.list() if row["chat"] == anna]
    assert [row["contact"] for row in rows] == ["ben"] and secrets(scene.anna) == secrets(scene.ben)


@in_the_reactor
async def test_the_block_list_outlives_the_daemon(scene):
    await saved(scene)
    await scene.anna.service.people.block(name="ben")
    await restarted(scene)
    with pytest.raises(ContactBlocked):
        await scene.anna.service.people.call(name="ben")
    await scene.anna.service.people.unblock(name="ben")
    assert [row["state"] for row in await scene.anna.service.people.list()] == ["saved"]


@in_the_reactor
async def test_nothing_of_a_contact_stands_in_the_file_to_be_read(scene):
    await saved(scene)
    (contact,) = scene.anna.service.people._book.contacts.values()
    folder = scene.keepers[0].place.path.parent
    data = b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())
    for secret in (*contact.secrets, contact.seat, b"ben\xa7secrets", f"127.0.0.1:{scene.relay.port}".encode()):
        assert secret not in data
