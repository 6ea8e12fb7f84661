"""The secrets of two contacts over many calls, each of which may break off anywhere: they always find each other."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from tests.peer.support import seeded
from whisperd.errors import ConversationEnded
from whisperd.peer.commands.contacts import ContactCommands
from whisperd.peer.contacts.bindings import Bindings
from whisperd.peer.contacts.book import Book, Contact
from whisperd.peer.contacts.companion import Contacts
from whisperd.peer.contacts.contact_conversations import ContactConversations
from whisperd.peer.contacts.decisions import Decisions
from whisperd.peer.contacts.exchange import ContactExchange
from whisperd.peer.contacts.listening import Listening, Rests
from whisperd.peer.contacts.secrets import next_secret
from whisperd.peer.conversation.driver import Steps
from whisperd.store.memory import MemoryStore
from whisperd.wire.contacts import NONCE_SIZE, SaveContact, encode_contact_message

#: How far a call comes: nobody's key is confirmed, the joiner's is, the inviter's too, and the joiner hears of that.
OUTCOMES = ("broken", "joiner", "inviter", "settled")


class Side:
    """One person's contacts, in a store that outlives what is in memory."""

    def __init__(self, *, first: bool, secret: bytes) -> None:
        self.store = MemoryStore()
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.restart()
        self.key = self.book.add(Contact(
            name="other", secrets=(secret,), first=first, relays=("127.0.0.1:80",), access="", floor=2, seat=bytes(32)))

    def restart(self) -> None:
        clock, random = Clock(), seeded("people")
        self.book = Book(self.store, random)
        self.decisions = Decisions(self, lambda event, **fields: self.told.append((event, fields)))
        self.bindings = Bindings(self.book, self.decisions)
        contact_conversations = ContactConversations(self, self.book, self.bindings, clock.seconds)
        unused: Any = None  # nobody calls, or is listened for
        listening = Listening(unused, unused, self.book, self.bindings, self.decisions, Rests(clock, 30.0))
        exchange = ContactExchange(self, self.book, self.bindings, self.decisions, listening, random)
        self.contacts = Contacts(self.book, self.bindings, self.decisions, exchange, listening, contact_conversations)
        self.commands = ContactCommands(self.book, self.bindings, self.decisions, exchange, listening,
                                        contact_conversations)

    # -- as conversations, and what persists them --

    def atomically(self, work: Callable[[], Any], *chats: str) -> Any:
        return work()

    def undo(self, step: Callable[[], None]) -> None:
        self.store.undo(step)

    async def end(self, chat: str) -> None:
        raise ConversationEnded

    def driver(self, chat: str) -> Any:
        raise ConversationEnded  # nothing of a call is asked of its conversation

    @property
    def secrets(self) -> tuple[bytes, ...]:
        return self.book.contacts[self.key].secrets

    def begin(self, chat: str, secret: bytes) -> None:
        """A call begins at a rendezvous."""
        met: Any = SimpleNamespace(secret=secret, confirmed=lambda: None)
        binding = self.bindings.made(chat)
        binding.contact, binding.rendezvous, binding.relays = self.key, met, self.book.contacts[self.key].addresses

    def confirm(self, chat: str, verification: bytes) -> None:
        self.do(self.contacts.confirmed(chat, verification))

    def settle(self, chat: str) -> None:
        self.do(self.contacts.settled(chat))

    def do(self, steps: Steps) -> None:
        for step in steps:
            step()


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
        inviter.settle(chat)
    if outcome == "settled":
        joiner.settle(chat)
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
        side.settle("c1")
        side.contacts.ended("c1")
    assert inviter.secrets == joiner.secrets == (next_secret(bytes(32), b"v" * 32),)


def test_a_contact_who_is_blocked_during_a_call_is_not_written_again():
    side = Side(first=False, secret=bytes(32))
    side.begin("c1", bytes(32))
    side.confirm("c1", bytes(32))
    side.book.block(side.key)
    side.settle("c1")
    side.confirm("c1", bytes(32))
    side.contacts.ended("c1")
    assert side.book.contacts == {} and list(side.book.blocked) == [side.key]


def test_a_contact_who_is_blocked_and_offers_another_nonce_is_not_written_again():
    side = Side(first=False, secret=bytes(32))
    side.begin("c1", bytes(32))
    binding = side.bindings.of("c1")
    binding.ours, binding.theirs = bytes(NONCE_SIZE), bytes(NONCE_SIZE)
    side.book.block(side.key)
    side.do(side.contacts.told("c1", encode_contact_message(SaveContact(b"n" * NONCE_SIZE)), bytes(32)))
    assert side.book.contacts == {} and list(side.book.blocked) == [side.key]


def test_a_contact_who_was_removed_during_a_call_is_not_written_again():
    side = Side(first=True, secret=bytes(32))
    side.begin("c1", bytes(32))
    side.book.remove("other")
    side.bindings.of("c1").contact = ""
    side.confirm("c1", bytes(32))
    side.settle("c1")
    side.contacts.ended("c1")
    assert side.book.contacts == {} and side.store.keys("contact") == []


@pytest.mark.parametrize("work", ["removed", "renamed", "blocked"])
async def test_every_conversation_with_a_contact_is_told_what_becomes_of_its_name(work: str) -> None:
    side = Side(first=True, secret=bytes(32))
    for chat in ("c1", "c2", "c3"):
        side.bindings.made(chat).contact = side.key if chat != "c3" else ""
    if work == "removed":
        await side.commands.remove("other")
    elif work == "renamed":
        await side.commands.rename("other", "ben")
    else:
        await side.commands.block("other")
    name = "ben" if work == "renamed" else "other"
    assert side.told == [("contact-state", {"contact": name, "state": work, "chat": chat}) for chat in ("c1", "c2")]


async def test_what_concerns_no_conversation_is_told_of_none() -> None:
    side = Side(first=True, secret=bytes(32))
    await side.commands.remove("other")
    assert side.told == [("contact-state", {"contact": "other", "state": "removed", "chat": ""})]
