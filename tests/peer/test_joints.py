"""What the parts of the peer role are given has all that they ask of it, and so have the doubles of the tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.task import Clock

from tests.integration.peers import Person
from tests.peer.contacts import test_companion, test_rendezvous
from tests.peer.persistence.test_write_ahead import Durable, Persisted, Short
from tests.protocols import differences
from whisperd.interfaces import Store
from whisperd.peer import conversations
from whisperd.peer.commands import chats, invites, settling
from whisperd.peer.contacts import calls, contact_conversations, decisions, exchange, rendezvous
from whisperd.peer.contacts.listening import ContactListener
from whisperd.peer.invites import spoken
from whisperd.peer.persistence import aging, entries
from whisperd.store.memory import MemoryStore
from whisperd.store.sealed import SealedStore

SERVICE = Person().service
CONTACTS = test_companion.Side(first=True, secret=bytes(32))
WRITES = Persisted()
LISTENING = SERVICE._contacts._listening


@pytest.mark.parametrize("protocol", [
    exchange.Drivers, calls.Beginnings, contact_conversations.Conversations, chats.Conversations, invites.Beginnings,
    spoken.Beginnings], ids=lambda protocol: protocol.__module__)
def test_the_conversations_have_all_that_is_asked_of_them(protocol: type) -> None:
    assert differences(SERVICE.conversations, protocol) == []


@pytest.mark.parametrize("protocol", [settling.Persistence, decisions.Transactions, aging.Entries],
                         ids=lambda protocol: protocol.__name__)
def test_write_ahead_persistence_has_all_that_is_asked_of_it(protocol: type) -> None:
    assert differences(WRITES.writes, protocol) == []


def test_contacts_hear_all_that_is_told_of_a_conversation() -> None:
    assert differences(SERVICE._contacts, conversations.Companion) == []
    assert differences(LISTENING, exchange.Listeners) == []


def test_a_conversation_can_be_persisted() -> None:
    assert differences(WRITES.two.sides["anna"], entries.Persistent) == []
    assert differences(WRITES.two.sides["anna"].messages, entries.Texts) == []


def test_a_rendezvous_is_listened_to() -> None:
    listener = ContactListener(CONTACTS.key, LISTENING, SERVICE._contacts._listening._maker, CONTACTS.book,
                               CONTACTS.bindings)
    for made in (listener, test_rendezvous.Side(Clock(), test_rendezvous.Relay(), first=True)):
        assert differences(made, rendezvous.RendezvousListener) == []


@pytest.mark.parametrize("protocol", [decisions.Transactions, exchange.Drivers, contact_conversations.Conversations],
                         ids=lambda protocol: protocol.__name__)
def test_the_double_of_conversations_has_all_that_contacts_ask_of_them(protocol: type) -> None:
    assert differences(CONTACTS, protocol) == []


def test_every_store_has_all_that_is_asked_of_one(tmp_path: Path) -> None:
    for store in (MemoryStore(), SealedStore(tmp_path / "store.db"), Durable(), Short()):
        assert differences(store, Store) == []
