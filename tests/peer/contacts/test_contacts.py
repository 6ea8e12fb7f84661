"""The secrets of two contacts over many calls, each of which may break off anywhere: they always find each other."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from tests.peer.support import seeded
from whisperd.errors import ConversationEnded
from whisperd.peer.contacts.book import Contact
from whisperd.peer.contacts.contacts import Contacts
from whisperd.peer.contacts.secrets import next_secret
from whisperd.store.memory import MemoryStore
from whisperd.wire.contacts import NONCE_SIZE, SaveContact, encode_contact_message

#: How far a call comes: nobody's key is confirmed, the joiner's is, the inviter's too, and the joiner hears of that.
OUTCOMES = ("broken", "joiner", "inviter", "settled")


class Side:
    """One person's contacts, in a store that outlives what is in memory."""

    def __init__(self, *, first: bool, secret: bytes) -> None:
        self.store = MemoryStore()
        self.seen: list[bytes] = []
        self.restart()
        self.key = self.contacts._book.add(Contact(
            name="other", secrets=(secret,), first=first, relays=("127.0.0.1:80",), access="", floor=2, seat=bytes(32)))

    def restart(self) -> None:
        self.contacts = Contacts(self, self.store, reactor=Clock(), emit=lambda *_, **__: None, random=seeded("people"),
                             wall=lambda: 0.0)

    def atomically(self, work: Any, *chats: str) -> Any:
        return work()

    async def end(self, chat: str) -> None:
        raise ConversationEnded

    def driver(self, chat: str) -> Any:
        raise ConversationEnded  # nothing of a call is asked of its conversation

    @property
    def secrets(self) -> tuple[bytes, ...]:
        return self.contacts._book.contacts[self.key].secrets

    def begin(self, chat: str, secret: bytes) -> None:
        line = SimpleNamespace(secret=secret, confirmed=lambda: None)
        self.contacts._bind(chat, self.key, line)  # type: ignore[arg-type]

    def confirm(self, chat: str, verification: bytes) -> None:
        self.contacts.confirmed(chat, verification)


def call(number: int, inviter: Side, joiner: Side, outcome: str) -> None:
    """One call by a secret that both hold, as far as it comes."""
    chat, verification = f"c{number}", number.to_bytes(32)
    common = next(secret for secret in inviter.secrets if secret in joiner.secrets)
    for side in (inviter, joiner):
        side.begin(chat, common)
    if outcome != "broken":
        joiner.confirm(chat, verification)
    if outcome in ("inviter", "settled"):
        inviter.confirm(chat, verification)
        inviter.contacts.settled(chat)
    if outcome == "settled":
        joiner.contacts.settled(chat)
    for side in (inviter, joiner):
        side.contacts.ended(chat)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(OUTCOMES), st.booleans()), max_size=12))
def test_however_calls_break_off_the_two_hold_a_secret_in_common(calls):
    inviter, joiner = Side(first=True, secret=bytes(32)), Side(first=False, secret=bytes(32))
    for number, (outcome, restarts) in enumerate(calls, 1):
        call(number, inviter, joiner, outcome)
        assert set(inviter.secrets) & set(joiner.secrets)
        assert len(inviter.secrets) == 1 and len(joiner.secrets) <= 2
        if restarts:
            inviter.restart()
            joiner.restart()
    call(99, inviter, joiner, "settled")
    assert inviter.secrets == joiner.secrets and len(joiner.secrets) == 1


@given(st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=6))
def test_a_secret_that_both_have_left_behind_never_comes_back(outcomes):
    inviter, joiner = Side(first=True, secret=bytes(32)), Side(first=False, secret=bytes(32))
    gone: set[bytes] = set()
    for number, outcome in enumerate([*outcomes, "settled"], 1):
        before = {*inviter.secrets, *joiner.secrets}
        call(number, inviter, joiner, outcome)
        now = {*inviter.secrets, *joiner.secrets}
        assert not now & gone
        gone |= before - now
    assert bytes(32) in gone


def test_a_contact_whose_first_word_is_the_last_has_the_next_secret_all_the_same():
    """Its conversation, and the key in it, are gone when the confirmation is carried out; the contact has moved on."""
    inviter, joiner = Side(first=True, secret=bytes(32)), Side(first=False, secret=bytes(32))
    for side in (joiner, inviter):
        side.begin("c1", bytes(32))
        side.confirm("c1", b"v" * 32)
        side.contacts.settled("c1")
        side.contacts.ended("c1")
    assert inviter.secrets == joiner.secrets == (next_secret(bytes(32), b"v" * 32),)


def test_a_contact_who_is_blocked_during_a_call_is_not_written_again():
    side = Side(first=False, secret=bytes(32))
    side.begin("c1", bytes(32))
    side.confirm("c1", bytes(32))
    side.contacts._book.block(side.key)
    side.contacts.settled("c1")
    side.confirm("c1", bytes(32))
    side.contacts.ended("c1")
    assert side.contacts._book.contacts == {} and list(side.contacts._book.blocked) == [side.key]


def test_a_contact_who_is_blocked_and_offers_another_nonce_is_not_written_again():
    side = Side(first=False, secret=bytes(32))
    side.contacts._bind("c1", side.key, SimpleNamespace())  # type: ignore[arg-type]
    binding = side.contacts._bindings["c1"]
    binding.ours, binding.theirs = bytes(NONCE_SIZE), bytes(NONCE_SIZE)
    side.contacts._book.block(side.key)
    side.contacts.told("c1", encode_contact_message(SaveContact(b"n" * NONCE_SIZE)), bytes(32))
    assert side.contacts._book.contacts == {} and list(side.contacts._book.blocked) == [side.key]


def test_a_contact_who_was_removed_during_a_call_is_not_written_again():
    side = Side(first=True, secret=bytes(32))
    side.begin("c1", bytes(32))
    side.contacts._book.remove("other")
    side.contacts._bindings["c1"].contact = ""
    side.confirm("c1", bytes(32))
    side.contacts.settled("c1")
    side.contacts.ended("c1")
    assert side.contacts._book.contacts == {} and side.store.keys("contact") == []


@pytest.mark.parametrize("work", ["removed", "renamed", "blocked"])
async def test_every_conversation_with_a_contact_is_told_what_becomes_of_its_name(work: str) -> None:
    side, told = Side(first=True, secret=bytes(32)), []
    side.contacts._emit = lambda event, **fields: told.append((event, fields))
    for chat in ("c1", "c2", "c3"):
        side.contacts._binding(chat).contact = side.key if chat != "c3" else ""
    if work == "removed":
        await side.contacts.remove("other")
    elif work == "renamed":
        side.contacts._check_free = lambda *_, **__: None  # the names that it compares with are the conversations' too
        await side.contacts.rename("other", "ben")
    else:
        await side.contacts.block("other")
    name = "ben" if work == "renamed" else "other"
    assert told == [("contact-state", {"contact": name, "state": work, "chat": chat}) for chat in ("c1", "c2")]


async def test_what_concerns_no_conversation_is_told_of_none() -> None:
    side, told = Side(first=True, secret=bytes(32)), []
    side.contacts._emit = lambda event, **fields: told.append((event, fields))
    await side.contacts.remove("other")
    assert told == [("contact-state", {"contact": "other", "state": "removed", "chat": ""})]
