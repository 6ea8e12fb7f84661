"""Calls between two daemons with sealed stores, by ``whisperctl``: given up, answered anew, and not needed any more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.installed.kit import Company, Daemon, meet


@pytest.fixture
def people(company: Company) -> Iterator[tuple[Daemon, Daemon]]:
    """Anna and Ben: contacts of each other, in a conversation."""
    _, url = company.relay()
    anna, ben = (company.person(name, url, sealed=True) for name in ("anna", "ben"))
    anna.start()
    ben.start()
    meet(anna, ben)
    anna.ask("contact", "save", "c1", "ben")
    ben.wait(lambda: ben.call("contact.list"))
    ben.ask("contact", "save", "c1", "anna")
    anna.wait(lambda: contact(anna, "ben")["state"] == "connected")
    yield anna, ben


def contact(person: Daemon, name: str) -> dict[str, object]:
    """Return the row of a contact, or of one who is only offered to be that."""
    (row,) = [row for row in person.call("contact.list") if row["contact"] == name]
    return dict(row)


def sockets(person: Daemon) -> int:
    """Return how many sockets a daemon has open."""
    assert person.process is not None
    found = 0
    for each in Path(f"/proc/{person.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found += os.readlink(each).startswith("socket:")
    return found


def says(person: Daemon, chat: str, text: str) -> None:
    """Send a text, and see that it is delivered."""
    assert person.ask("chat", "send", chat, text, "--wait", "100")["state"] == "delivered"


def test_a_call_that_is_given_up_lets_go_of_its_link_and_the_next_one_connects(people):
    anna, ben = people
    anna.ask("chat", "end", "c1")
    ben.until_state("c1", "ended")
    before = sockets(anna)
    for _ in range(5):
        chat = anna.ask("chat", "call", "ben")["chat"]
        anna.wait(lambda: sockets(anna) > before)
        anna.ask("chat", "end", chat)
    anna.wait(lambda: sockets(anna) <= before)
    assert anna.chats() == {}
    ben.ask("contact", "listen", "anna")
    chat = anna.ask("chat", "call", "ben", "--wait", "100")["chat"]
    says(anna, chat, "here I am")
    for person in (anna, ben):
        assert b"contact-changed" not in person.log


def test_a_call_reaches_a_contact_who_ended_the_conversation_out_of_reach(people):
    anna, ben = people
    anna.stop()
    ben.until_state("c1", "away")
    ben.ask("chat", "end", "c1")
    ben.ask("contact", "listen", "anna")
    anna.start()
    anna.ask("chat", "send", "c1", "into the dark")
    answer = anna.ask("chat", "call", "ben", "--wait", "100")
    assert answer["chat"] != "c1" and answer["state"] == "connected"
    says(anna, answer["chat"], "is it you?")
    anna.until_state("c1", "ended")
    assert anna.chats()["c1"]["reason"] == "superseded"
    assert [row["state"] for row in anna.call("chat.history", chat="c1")] == ["failed"]
    assert contact(anna, "ben")["chat"] == answer["chat"]


def test_a_call_that_waits_goes_on_with_the_conversation_that_comes_back(people):
    anna, ben = people
    ben.stop()
    anna.until_state("c1", "away")
    called = anna.ask("chat", "call", "ben")["chat"]
    assert called != "c1"
    ben.start()
    answer = anna.ask("chat", "call", "ben", "--wait", "100")
    assert (answer["chat"], answer["state"]) == ("c1", "connected")
    assert anna.chats()[called]["reason"] == "superseded"
