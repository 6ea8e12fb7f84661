"""The book of contacts: what is kept, under which names, and what it is when it cannot be read."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.peer.support import seeded
from whisperd.errors import ContactBlocked, ContactExists, ContactUnknown, ContactUnreadable, UsageError
from whisperd.peer.contacts.book import BLOCKED, CONTACTS, Book, Contact
from whisperd.store.memory import MemoryStore

secrets = st.binary(min_size=32, max_size=32)
contacts = st.builds(
    Contact, name=st.from_regex(r"[a-z0-9][a-z0-9._-]{0,31}", fullmatch=True),
    secrets=st.lists(secrets, min_size=1, max_size=2).map(tuple), first=st.booleans(),
    relays=st.lists(st.sampled_from(["127.0.0.1:8787", "[::1]:80", "a" * 56 + ".onion"]), min_size=1,
                    max_size=4).map(tuple),
    access=st.text(max_size=64),
    floor=st.integers(1, 3), seat=secrets, verified=st.booleans(), listens=st.booleans())
BEN = Contact(name="ben", secrets=(bytes(32),), first=True, relays=("127.0.0.1:8787",), access="", floor=3,
              seat=bytes(32))


def book(store: MemoryStore | None = None) -> Book:
    return Book(store or MemoryStore(), seeded("book"))


@given(contacts, st.booleans())
def test_what_is_kept_comes_back_in_another_run(contact, blocked):
    store = MemoryStore()
    key = book(store).add(contact)
    if blocked:
        book(store).block(key)
    again = book(store)
    assert (again.blocked if blocked else again.contacts) == {key: contact}
    assert store.keys(BLOCKED if blocked else CONTACTS) == [key] and len(key) == 32, "a name is not a key"


def test_secrets_are_hidden_from_a_log():
    assert "ben" not in repr(BEN) and "0000" not in repr(BEN)


def test_a_contact_is_found_changed_blocked_unblocked_and_removed():
    held = book()
    key = held.add(BEN)
    assert held.find("ben") == key
    assert held.change(key, verified=True).verified
    held.block(key)
    with pytest.raises(ContactBlocked):
        held.find("ben")
    assert held.unblock("ben") == key and held.contacts[key].verified
    assert held.remove("ben") == key
    for missing in (held.find, held.remove, held.unblock):
        with pytest.raises(ContactUnknown):
            missing("ben")


def test_a_blocked_contact_can_be_removed():
    store = MemoryStore()
    held = book(store)
    held.block(held.add(BEN))
    held.remove("ben")
    assert book(store).blocked == {}


def test_a_name_is_taken_once_whatever_its_case_and_by_a_blocked_contact_too():
    held = book()
    key = held.add(BEN)
    held.check_free("ben", besides=key)
    for name in ("ben", "Ben"):
        with pytest.raises(ContactExists):
            held.check_free(name)
    held.block(key)
    with pytest.raises(ContactExists):
        held.check_free("BEN")


@pytest.mark.parametrize("name", ["", " ben", "be n", "_ben", "x" * 33, "be\nn", "be\x1b", "../ben", "be/n"])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(UsageError):
        book().check_free(name)


@pytest.mark.parametrize("name", ["c4", "C4", "c04", "c999999999999999999", "c\u0664", "c\u00b2", "\uff43\uff14",
                                  "\u0441\u0034", "\u0421\u0034", "\u03f9\u0034"])
def test_no_name_is_like_that_of_a_conversation_but_one_from_before_is_found_and_can_be_changed(name):
    with pytest.raises(UsageError, match="look like the id of a conversation"):
        book().check_free(name)
    held = book()
    key = held.add(msgspec.structs.replace(BEN, name=name))
    assert held.find(name) == key and held.change(key, name="ben").name == "ben"


def test_a_name_agreed_on_under_other_rules_becomes_one_that_can_be_meant():
    held = book()
    held.add(BEN)
    assert [held.usable(name) for name in ("carl", "ben", "BEN", "C4")] == ["carl", "ben-2", "BEN-2", "contact-C4"]
    held.add(msgspec.structs.replace(BEN, name="contact-c4"))
    assert held.usable("C4") == "contact-C4-2" and len(held.usable("c" + "9" * 31)) <= 32


@pytest.mark.parametrize("change", [
    {"version": 2}, {"secrets": ()}, {"secrets": (b"short",)}, {"floor": 9}, {"more": 1}, {"relays": ()},
    {"name": 7}, {"seat": b""},
])
@pytest.mark.parametrize("collection", [CONTACTS, BLOCKED])
def test_a_record_of_another_shape_is_an_error_and_not_dropped(collection, change):
    store = MemoryStore()
    store.put(collection, "00", msgspec.msgpack.encode(msgspec.structs.asdict(BEN) | change))
    with pytest.raises(ContactUnreadable):
        book(store)
    assert store.get(collection, "00") is not None


def test_bytes_that_are_no_record_are_an_error():
    store = MemoryStore()
    store.put(CONTACTS, "00", b"\xff")
    with pytest.raises(ContactUnreadable):
        book(store)


def test_a_name_is_found_in_any_case_and_in_its_own_spelling_first():
    held = book()
    old = {name: held.add(msgspec.structs.replace(BEN, name=name)) for name in ("carol", "Carol")}  # from another time
    assert [held.find(name) for name in ("carol", "Carol")] == [old["carol"], old["Carol"]]
    for ask in (held.find, held.remove, held.unblock):
        with pytest.raises(UsageError, match="2 contacts are called 'CAROL': carol, Carol"):
            ask("CAROL")
    held.block(old["Carol"])
    with pytest.raises(UsageError):
        held.find("CAROL")
    with pytest.raises(ContactBlocked):
        held.find("Carol")
    assert held.unblock("Carol") == old["Carol"] and held.remove("carol") == old["carol"]
    held.block(held.find("CAROL"))
    with pytest.raises(ContactBlocked):
        held.find("CAROL")
    assert held.unblock("CAROL") == held.find("caroL") == held.remove("CAROL") == old["Carol"]


@pytest.mark.parametrize("letter", "c\u0441\u03f2\u217d\u2ca5\uabaf\u1d04\uff43b\u00e7\u10dc")
@pytest.mark.parametrize("number", ["4", "04", "\u0664", "\u00b2", "\U0001d7d2", "12"])
def test_no_name_is_one_letter_and_a_number(letter, number):
    with pytest.raises(UsageError):
        book().check_free(letter + number)
    assert book().usable(letter + number) == f"contact-{letter}{number}"


@pytest.mark.parametrize("name", ["c", "4", "44", "co4", "4c", "c-4", "c4a", "\u674e\u4e00"])
def test_other_names_with_letters_and_numbers_are_free(name):
    book().check_free(name)
