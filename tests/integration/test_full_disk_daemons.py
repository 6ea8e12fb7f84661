"""Daemons of a user without rights whose stores lie on full disks: what is shown, said and answered is kept before."""

from __future__ import annotations

import json
import os

import pytest

from tests.integration.full_disks import Cramped, open_folder, remove
from tests.integration.killed import everything_arrived, meet, relay
from whisperd.errors import StoreFailed, WhisperdError


@pytest.fixture
def people():
    folder = open_folder()
    meeting, url = relay(folder / "relay")
    anna, ben = Cramped(folder, "anna", url), Cramped(folder, "ben", url)
    yield anna, ben
    for person in (anna, ben):
        person.gone()
    meeting.stop()
    remove(folder)


def failing(person: Cramped) -> bool:
    return person.call("store.status")["trouble"] is not None


def test_a_conversation_ends_for_good_on_a_full_disk(people):
    anna, ben = people
    meet(anna, ben)
    assert anna.say() and ben.say()
    everything_arrived(anna, ben)
    anna.disk.fill()
    with pytest.raises(StoreFailed, match="room"):
        for _ in range(2_000):
            anna.say()
    done = anna.ctl("chat", "end", "c1")
    assert done.returncode == 0, done.stderr
    ben.wait(lambda: ben.state() == "ended")
    anna.kill()
    anna.start()
    assert anna.call("chat.list") == []


def test_an_end_that_cannot_be_written_is_tried_until_it_is(people):
    """The store's log is taken away: no reserve helps."""
    anna, ben = people
    meet(anna, ben)
    wal = anna.disk.place / "store.db-wal"
    os.rename(wal, anna.disk.place / "elsewhere")  # from here on nothing that is written would be found again
    done = anna.ctl("chat", "end", "c1")
    assert done.returncode == StoreFailed.exit_status and "removed or replaced" in done.stderr, done
    assert anna.state() == "ended" and failing(anna)
    assert "the store cannot be written" in anna.ctl("status", "--check").stdout
    assert "its store cannot be written" in anna.ctl("doctor").stdout
    assert ben.state() != "ended"
    os.rename(anna.disk.place / "elsewhere", wal)
    anna.wait(lambda: anna.call("chat.list") == [])
    ben.wait(lambda: ben.state() == "ended")
    assert not failing(anna)
    anna.kill()
    anna.start()
    assert anna.call("chat.list") == []


def test_no_text_is_shown_before_it_is_kept_nor_under_two_numbers(people):
    anna, ben = people
    meet(anna, ben)
    assert ben.say()
    everything_arrived(anna, ben)
    anna.disk.fill()
    with pytest.raises(StoreFailed):
        for _ in range(2_000):
            anna.say()
    accepted = len(anna.said)
    for _ in range(3):
        assert ben.say()
    shown = anna.call("chat.history", chat="c1", after=0)
    counted = anna.call("chat.list")[0]["received"]
    anna.kill()
    anna.disk.make_room()
    anna.start()
    again = anna.call("chat.history", chat="c1", after=0)
    rows = {row["id"]: (row["direction"], row["text"]) for row in again}
    assert all(rows[row["id"]] == (row["direction"], row["text"]) for row in shown)
    assert counted == sum(row["direction"] == "in" for row in shown)
    anna.said = anna.said[:accepted]
    everything_arrived(anna, ben)


def test_a_contact_that_cannot_be_kept_here_is_nobodys(people):
    anna, ben = people
    meet(anna, ben)
    ben.call("contact.save", chat="c1", name="anna")
    anna.wait(lambda: [row["state"] for row in anna.call("contact.list")] == ["asked"])
    anna.disk.fill()
    with pytest.raises(StoreFailed):
        for _ in range(2_000):
            anna.say()
    done = anna.ctl("contact", "save", "c1", "ben")
    assert done.returncode == StoreFailed.exit_status, done
    assert [row["state"] for row in ben.call("contact.list")] == ["offered"]
    anna.kill()
    anna.disk.make_room()
    anna.start()
    assert [row["state"] for row in anna.call("contact.list")] == ["asked"]
    anna.wait(lambda: anna.state() == "connected")
    anna.call("contact.save", chat="c1", name="ben")
    ben.wait(lambda: [row["state"] for row in ben.call("contact.list")] == ["connected"])
    for person, name in ((anna, "ben"), (ben, "anna")):
        assert [row["contact"] for row in person.call("contact.list")] == [name]


def test_what_cannot_be_kept_has_not_begun(people):
    anna, ben = people
    anna.start()
    ben.start()
    link = anna.call("chat.invite")["link"]
    for person in people:
        person.disk.fill()
    refused = []
    for method, params in (("chat.invite", {}), ("chat.join", {"link": link})):
        for _ in range(200):
            try:
                ben.call(method, **params)
            except WhisperdError as error:
                refused.append(error.code)
                break
    assert refused[0] == StoreFailed.code
    before = [row["chat"] for row in ben.call("chat.list")]
    ben.kill()
    ben.disk.make_room()
    ben.start()
    assert [row["chat"] for row in ben.call("chat.list")] == before
    assert json.loads(ben.ctl("status", "--json").stdout)["store"]["trouble"] is None
