"""Contacts in sealed stores: they, their calls and the block list are there after a restart."""

from __future__ import annotations

import pytest
import pytest_twisted

from tests.integration.contacts import heard, parted, saved, secrets, talk
from tests.integration.peers import Person, Scene
from whisperd.errors import ContactBlocked
from whisperd.peer.effects import ContactMessageReceived

in_the_reactor = pytest_twisted.ensureDeferred


async def restarted(kept: Scene) -> None:
    kept.anna, kept.ben = [await keeper.restart() for keeper in (kept.annas_keeper, kept.bens_keeper)]


def sure(person: Person) -> bool:
    (contact,) = person.service._book.contacts.values()
    return contact.confirmed


@in_the_reactor
async def test_a_contact_is_called_after_both_have_started_again(kept):
    await saved(kept)
    await kept.anna.service.chats.verify(chat=kept.annas, confirm=True)
    await kept.ben.service.contacts.listen(name="anna")
    await parted(kept)
    before = secrets(kept.anna)
    await restarted(kept)
    assert secrets(kept.anna) == secrets(kept.ben) == before
    (row,) = await kept.anna.service.contacts.list()
    assert (row["contact"], row["verified"], row["state"]) == ("ben", True, "saved")
    anna = (await kept.anna.service.contacts.call(name="ben"))["chat"]
    ben = await kept.ben.until_contact("anna", "called")
    await kept.anna.until_state(anna, "connected")
    await talk(kept, anna, ben, "after a restart")
    assert secrets(kept.anna) == secrets(kept.ben) != before


@in_the_reactor
async def test_a_call_goes_on_after_a_restart_and_knows_its_contact(kept):
    await saved(kept)
    await parted(kept)
    await kept.ben.service.contacts.listen(name="anna")
    anna = (await kept.anna.service.contacts.call(name="ben"))["chat"]
    ben = await kept.ben.until_contact("anna", "called")
    await kept.anna.until_state(anna, "connected")
    await talk(kept, anna, ben, "before")
    await restarted(kept)
    await kept.anna.until_state(anna, "connected")
    await kept.ben.until_state(ben, "connected")
    await talk(kept, anna, ben, "after")
    rows = [row for row in await kept.anna.service.chats.list() if row["chat"] == anna]
    assert [row["contact"] for row in rows] == ["ben"] and secrets(kept.anna) == secrets(kept.ben)


@in_the_reactor
async def test_the_block_list_outlives_the_daemon(kept):
    await saved(kept)
    await kept.anna.service.contacts.block(name="ben")
    await restarted(kept)
    with pytest.raises(ContactBlocked):
        await kept.anna.service.contacts.call(name="ben")
    await kept.anna.service.contacts.unblock(name="ben")
    assert [row["state"] for row in await kept.anna.service.contacts.list()] == ["saved"]


@in_the_reactor
async def test_nothing_of_a_contact_stands_in_the_file_to_be_read(kept):
    await saved(kept)
    (contact,) = kept.anna.service._book.contacts.values()
    folder = kept.annas_keeper.place.path.parent
    data = b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())
    for secret in (*contact.secrets, contact.seat, b"ben\xa7secrets", f"127.0.0.1:{kept.relay.port}".encode()):
        assert secret not in data


@in_the_reactor
async def test_a_daemon_that_is_killed_after_it_has_saved_still_tells_the_other_side(kept, tmp_path):
    """What was on the disk when 'contact save' had answered is enough, also while the other side cannot be reached."""
    await kept.meet()
    await kept.anna.service.contacts.save(chat=kept.annas, name="ben")
    await kept.ben.until_contact("", "asked")
    await kept.annas_keeper.stop()
    await kept.ben.until_state(kept.bens, "away")
    assert (await kept.ben.service.contacts.save(chat=kept.bens, name="anna"))["state"] == "saved"
    assert not sure(kept.ben)
    kept.bens_keeper.copy(tmp_path / "killed")
    await kept.bens_keeper.stop()
    kept.bens_keeper.put_back(tmp_path / "killed")
    kept.ben, kept.anna = kept.bens_keeper.start(), kept.annas_keeper.start()
    await kept.anna.until_contact("ben", "saved")
    await heard(kept.ben, kept.bens)
    assert secrets(kept.anna) == secrets(kept.ben) and sure(kept.ben) and sure(kept.anna)


@in_the_reactor
async def test_an_offer_outlives_the_daemon_that_made_it(kept):
    await kept.meet()
    await kept.anna.service.contacts.save(chat=kept.annas, name="ben")
    await kept.ben.until_contact("", "asked")
    await restarted(kept)
    assert [row["state"] for row in await kept.anna.service.contacts.list()] == ["offered"]
    assert [row["state"] for row in await kept.ben.service.contacts.list()] == ["asked"]
    await kept.ben.service.contacts.save(chat=kept.bens, name="anna")
    await kept.anna.until_contact("ben", "saved")
    assert secrets(kept.anna) == secrets(kept.ben)


@in_the_reactor
async def test_what_was_heard_and_not_seen_to_when_the_daemon_was_killed_is_seen_to_once(kept, tmp_path, monkeypatch):
    """The record of the conversation has it; the contact does not stand there yet, or stands there already."""
    await kept.meet()
    await kept.anna.service.contacts.save(chat=kept.annas, name="ben")
    await kept.ben.until_contact("", "asked")
    book = kept.anna.service._book
    with monkeypatch.context() as patch:
        patch.setitem(kept.anna.service.conversations.driver(kept.annas)._executor._decisions, ContactMessageReceived,
                      lambda told: kept.annas_keeper.copy(tmp_path / "before") or ())
        await kept.ben.service.contacts.save(chat=kept.bens, name="anna")
        await heard(kept.ben, kept.bens)
    assert book.contacts == {}
    for _ in range(2):
        await kept.annas_keeper.stop()
        kept.annas_keeper.put_back(tmp_path / "before")
        kept.anna = kept.annas_keeper.start()
        assert secrets(kept.anna) == secrets(kept.ben)
        made = kept.anna.service._book.contacts
        kept.annas_keeper.copy(tmp_path / "before")
    assert [contact.name for contact in made.values()] == ["ben"]


@in_the_reactor
async def test_a_contact_that_the_other_side_never_got_is_said_to_be_one(kept):
    await kept.meet()
    await kept.anna.service.contacts.save(chat=kept.annas, name="ben")
    await kept.ben.until_contact("", "asked")
    await kept.annas_keeper.stop()
    await kept.ben.until_state(kept.bens, "away")
    await kept.ben.service.contacts.save(chat=kept.bens, name="anna")
    await kept.ben.service.chats.end(chat=kept.bens)
    assert kept.ben.contact_errors() == ["contact-unconfirmed"]
    assert [row["state"] for row in await kept.ben.service.contacts.list()] == ["unconfirmed"]
    await kept.ben.service.contacts.call(name="anna")
    await kept.ben.service.chats.end(chat=(await kept.ben.service.chats.list())[0]["chat"])
    assert kept.ben.contact_errors() == ["contact-unconfirmed"] * 2


@in_the_reactor
async def test_a_secret_that_is_renewed_while_the_other_side_is_away_leaves_no_side_alone(kept):
    await saved(kept)
    await heard(kept.ben, kept.bens)
    before = secrets(kept.anna)
    await kept.annas_keeper.stop()
    await kept.ben.until_state(kept.bens, "away")
    for _ in range(3):
        await kept.ben.service.contacts.save(chat=kept.bens, name="anna")
    assert secrets(kept.ben)[1:] == before
    kept.ben, kept.anna = await kept.bens_keeper.restart(), kept.annas_keeper.start()
    assert secrets(kept.ben)[1:] == before
    await heard(kept.ben, kept.bens)
    assert secrets(kept.anna) == secrets(kept.ben) != before


@in_the_reactor
async def test_who_was_removed_and_saves_again_is_answered(kept):
    await saved(kept)
    await kept.anna.service.contacts.remove(name="ben")
    kept.anna.events.clear()
    await kept.anna.service.contacts.save(chat=kept.annas, name="ben")
    await kept.anna.until_contact("ben", "saved")
    assert secrets(kept.anna) == secrets(kept.ben)
