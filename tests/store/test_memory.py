"""The default store."""

from __future__ import annotations

from zope.interface.verify import verifyObject

from whisperd.interfaces import IStore
from whisperd.store.memory import MemoryStore


def test_it_keeps_the_contract():
    assert verifyObject(IStore, MemoryStore())


def test_it_keeps_what_is_put_by_collection_and_key():
    store = MemoryStore()
    store.put("a", "key", b"one")
    store.put("b", "key", b"two")
    store.put("a", "key", b"three")
    assert (store.get("a", "key"), store.get("b", "key"), store.get("c", "key")) == (b"three", b"two", None)
    assert (store.keys("a"), store.keys("c")) == (["key"], [])


def test_what_is_deleted_is_gone_and_deleting_nothing_is_no_error():
    store = MemoryStore()
    store.put("a", "key", b"one")
    store.delete("a", "key")
    store.delete("a", "key")
    assert store.get("a", "key") is None and store.keys("a") == []


def test_wipe_overwrites_and_forgets_everything():
    store = MemoryStore()
    store.put("a", "key", b"secret")
    kept = store._collections["a"]["key"]
    store.wipe()
    assert kept == bytes(6) and store.keys("a") == []
