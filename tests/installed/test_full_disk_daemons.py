"""Daemons of a user without rights whose stores lie on full disks: what is shown, said and answered is kept before."""

from __future__ import annotations

import json
import os

import pytest

from tests.installed.kit import Daemon, meet
from tests.installed.kit.disks import SmallDisk
from tests.installed.kit.speaker import Speaker, everything_arrived
from whisperd.errors import StoreFailed, WhisperdError

SUITE = 'kex = ["pqxdh-25519-mlkem1024"]\nratchet = ["double-he"]\n'


class Cramped(Speaker):
    """One side of the conversation, whose store lies on a small disk."""

    def __init__(self, name: str, daemon: Daemon) -> None:
        super().__init__(name, daemon)
        self.disk = SmallDisk(daemon.folder / "store")


@pytest.fixture(scope="module")
def url(shared):
    return shared.relay()[1]


@pytest.fixture
def people(company, url):
    made = [Cramped(name, company.person(name, url, sealed=True, more=SUITE)) for name in ("anna", "ben")]
    for person in made:
        person.daemon.launch()
    for person in made:
        person.daemon.wait(person.daemon.serves)
    yield made
    for person in made:
        person.daemon.stop()
        person.disk.gone()


def failing(person: Cramped) -> bool:
    return person.daemon.call("store.status")["trouble"] is not None


def test_a_conversation_ends_for_good_on_a_full_disk(people):
    anna, ben = people
    meet(anna.daemon, ben.daemon)
    assert anna.say() and ben.say()
    everything_arrived(anna, ben)
    anna.disk.fill()
    with pytest.raises(StoreFailed, match="full"):
        for _ in range(2_000):
            anna.say()
    done = anna.daemon.whisperctl("chat", "end", "c1")
    assert done.returncode == 0, done.stderr
    ben.daemon.wait(lambda: ben.state() == "ended")
    anna.daemon.kill()
    anna.daemon.start()
    assert anna.daemon.call("chat.list") == []


def test_an_end_that_cannot_be_written_is_tried_until_it_is(people):
    """The store's log is taken away: no reserve helps."""
    anna, ben = people
    meet(anna.daemon, ben.daemon)
    wal = anna.disk.place / "store.db-wal"
    os.rename(wal, anna.disk.place / "elsewhere")  # from here on nothing that is written would be found again
    done = anna.daemon.whisperctl("chat", "end", "c1")
    assert done.returncode == StoreFailed.exit_status and "removed or replaced" in done.stderr, done
    assert anna.state() == "ended" and failing(anna)
    assert "the store cannot be written" in anna.daemon.whisperctl("status", "--check").stdout
    assert "its store cannot be written" in anna.daemon.whisperctl("doctor").stdout
    assert ben.state() != "ended"
    os.rename(anna.disk.place / "elsewhere", wal)
    anna.daemon.wait(lambda: anna.daemon.call("chat.list") == [])
    ben.daemon.wait(lambda: ben.state() == "ended")
    assert not failing(anna)
    anna.daemon.kill()
    anna.daemon.start()
    assert anna.daemon.call("chat.list") == []


def test_no_text_is_shown_before_it_is_kept_nor_under_two_numbers(people):
    anna, ben = people
    meet(anna.daemon, ben.daemon)
    assert ben.say()
    everything_arrived(anna, ben)
    anna.disk.fill()
    with pytest.raises(StoreFailed):
        for _ in range(2_000):
            anna.say()
    accepted = len(anna.said)
    for _ in range(3):
        assert ben.say()
    shown = anna.daemon.call("chat.history", chat="c1", after=0)
    counted = anna.daemon.call("chat.list")[0]["received"]
    anna.daemon.kill()
    anna.disk.make_room()
    anna.daemon.start()
    again = anna.daemon.call("chat.history", chat="c1", after=0)
    rows = {row["id"]: (row["direction"], row["text"]) for row in again}
    assert all(rows[row["id"]] == (row["direction"], row["text"]) for row in shown)
    assert counted == sum(row["direction"] == "in" for row in shown)
    anna.said = anna.said[:accepted]
    everything_arrived(anna, ben)


def test_a_contact_that_cannot_be_kept_here_is_nobodys(people):
    anna, ben = people
    meet(anna.daemon, ben.daemon)
    ben.daemon.call("contact.save", chat="c1", name="anna")
    anna.daemon.wait(lambda: [row["state"] for row in anna.daemon.call("contact.list")] == ["asked"])
    anna.disk.fill()
    with pytest.raises(StoreFailed):
        for _ in range(2_000):
            anna.say()
    done = anna.daemon.whisperctl("contact", "save", "c1", "ben")
    assert done.returncode == StoreFailed.exit_status, done
    assert [row["state"] for row in ben.daemon.call("contact.list")] == ["offered"]
    anna.daemon.kill()
    anna.disk.make_room()
    anna.daemon.start()
    assert [row["state"] for row in anna.daemon.call("contact.list")] == ["asked"]
    anna.daemon.wait(lambda: anna.state() == "connected")
    anna.daemon.call("contact.save", chat="c1", name="ben")
    ben.daemon.wait(lambda: [row["state"] for row in ben.daemon.call("contact.list")] == ["connected"])
    for person, name in ((anna, "ben"), (ben, "anna")):
        assert [row["contact"] for row in person.daemon.call("contact.list")] == [name]


def test_what_cannot_be_kept_has_not_begun(people):
    anna, ben = people
    link = anna.daemon.call("chat.invite")["link"]
    for person in people:
        person.disk.fill()
    refused = []
    for method, params in (("chat.invite", {}), ("chat.join", {"link": link})):
        for _ in range(200):
            try:
                ben.daemon.call(method, **params)
            except WhisperdError as error:
                refused.append(error.code)
                break
    assert refused[0] == StoreFailed.code
    before = [row["chat"] for row in ben.daemon.call("chat.list")]
    ben.daemon.kill()
    ben.disk.make_room()
    ben.daemon.start()
    assert [row["chat"] for row in ben.daemon.call("chat.list")] == before
    assert json.loads(ben.daemon.whisperctl("status", "--json").stdout)["store"]["trouble"] is None
