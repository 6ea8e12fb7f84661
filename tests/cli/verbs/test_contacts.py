"""The verbs of contacts, as processes against a served sample daemon."""

from __future__ import annotations

import json

import pytest
import pytest_twisted

from tests.cli.conftest import Ctl
from tests.control.sample import ADDRESS, Serving
from whisperd.cli import render
from whisperd.cli.chat_view.conversation import ACTIONS, ConversationView
from whisperd.cli.chat_view.conversations import ConversationViews
from whisperd.cli.render import PLAIN


@pytest_twisted.ensureDeferred
async def test_a_contact_is_saved_listed_renamed_and_called(serving: Serving, ctl: Ctl) -> None:
    serving.api.add("inviter", "connected")
    done = await ctl("contact", "save", "ben")
    assert (done.returncode, done.stdout) == (0, "ben is saved. To call, run 'whisperctl chat call ben'.\n")
    assert (await ctl("contact", "save", "c1", "shy")).stdout.startswith("shy is offered. It is saved when")
    assert (await ctl("contact", "rename", "ben", "bert")).stdout == "ben is now called bert\n"
    assert (await ctl("contact", "save")).returncode == 2
    head, *rows = (await ctl("contact", "list")).stdout.splitlines()
    assert head.split() == ["CONTACT", "STATE", "CHAT", "VERIFIED", "LISTENS", "LEVEL", "RELAYS"]
    assert rows[1].split() == ["bert", "connected", "c1", "yes", "no", "enhanced", ADDRESS]
    assert json.loads((await ctl("--json", "contact", "list")).stdout)[1]["contact"] == "bert"
    called = await ctl("chat", "call", "bert", "--wait", "30")
    assert (called.returncode, called.stdout) == (0, "bert: c2 is connected\n")
    assert "bert" in (await ctl("chat", "list")).stdout
    assert (await ctl("chat", "end", "bert")).stdout == "c2 is ended\n"
    assert (await ctl("chat", "end", "nobody")).returncode == 55


@pytest_twisted.ensureDeferred
async def test_a_contact_is_listened_for_blocked_unblocked_and_removed(serving: Serving, ctl: Ctl) -> None:
    serving.api.add("inviter", "connected")
    await ctl("contact", "save", "ben")
    for words, said in ((("listen", "ben"), "ben can call now: this daemon listens"),
                        (("listen", "ben", "--off"), "ben can no longer call"),
                        (("block", "ben"), "ben is blocked"), (("unblock", "ben"), "ben is no longer blocked"),
                        (("remove", "ben"), "ben is removed")):
        done = await ctl("contact", *words)
        assert (done.returncode, done.stdout) == (0, said + "\n")
    assert (await ctl("contact", "list")).stdout == "There are no contacts.\n"


@pytest_twisted.ensureDeferred
async def test_a_contact_that_is_unknown_has_an_exit_status_of_its_own(ctl: Ctl) -> None:
    done = await ctl("chat", "call", "nobody")
    assert done.returncode == 93 and "there is no contact with this name" in done.stderr


@pytest_twisted.ensureDeferred
async def test_verify_can_require_what_it_shows(serving: Serving, ctl: Ctl) -> None:
    serving.api.add("inviter", "connected")
    await ctl("chat", "verify", "c1", "--require")
    assert serving.api.calls == [("chat.verify", {"chat": "c1", "confirm": False, "require": True})]


def test_events_of_contacts_are_sentences_and_names_are_clean():
    def said(state: str, contact: str = "be\x1bn", chat: str = "") -> str:
        return render.event({"event": "contact-state", "contact": contact, "state": state, "chat": chat}, PLAIN)

    assert said("called", chat="c2") == "ben calls (c2)"
    assert said("calling", chat="c2") == "ben is being called (c2)"
    assert said("here") == "ben is here"
    assert said("asked", "", "c1").startswith("c1: the other person wants to exchange contacts")
    wrong = {"event": "contact-error", "contact": "ben", "code": "contact-changed", "message": "m", "remedy": "R."}
    assert render.event(wrong, PLAIN) == "ben error contact-changed: m. R."


class Answers:
    """A client that answers as the daemon does."""

    def call(self, method: str, params: dict[str, str] | None = None) -> object:
        if method == "contact.save":
            return {"contact": (params or {})["name"], "chat": "c1", "state": "saved"}
        return [] if method != "chat.list" else [{"chat": "c1", "state": "connected", "contact": None}]


def test_the_open_view_saves_and_shows_the_contact():
    view = ConversationView(Answers(), "c1", PLAIN)  # type: ignore[arg-type]
    view.refresh()
    assert "/save" in ACTIONS and view.status_line().startswith("c1 | connected")
    assert view.typed("/save ben") == ["ben is saved. To call, run 'whisperctl chat call ben'."]
    assert view.status_line().startswith("c1 | ben | connected")
    view.happened({"event": "contact-state", "contact": "bert", "state": "renamed", "chat": "c1"})
    assert view.status_line().startswith("c1 | bert | connected")


@pytest.mark.parametrize("state", ["removed", "blocked"])
def test_the_open_view_goes_by_the_plain_name_again_when_the_contact_is_gone(state):
    talks = ConversationViews(Answers(), "c1", PLAIN)  # type: ignore[arg-type]
    talks.begin()
    talks.happened({"event": "contact-state", "contact": "ben", "state": "saved", "chat": "c1"})
    assert talks.prompt == "ben> "
    first, second = talks.happened({"event": "contact-state", "contact": "ben", "state": state, "chat": "c1"})
    assert first == f"-- ben is {state} (c1)" and second.startswith("-- this is c1 and no longer ben")
    assert talks.prompt == "c1> " and talks.status_line().startswith("c1 | connected")
    (refused,) = talks.typed("/end ben")
    assert "ends only the conversation that is shown" in refused and not talks.finished


def test_a_name_that_was_given_to_another_a_moment_ago_ends_nothing():
    talks = ConversationViews(Answers(), "c1", PLAIN)  # type: ignore[arg-type]
    talks.begin()
    talks.happened({"event": "contact-state", "contact": "ben", "state": "saved", "chat": "c1"})
    (refused,) = talks.typed("/end ben")  # the daemon has it without a contact; the event is under way
    assert "ends only the conversation that is shown" in refused and not talks.finished
