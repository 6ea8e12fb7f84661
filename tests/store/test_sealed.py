"""The sealed store: it keeps, seals, refuses and forgets."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys

import pytest
from zope.interface.verify import verifyObject

from tests.store.kit import CHEAP, PASSPHRASE, Place, content
from whisperd.errors import (
    StoreBusy,
    StoreDamaged,
    StoreFailed,
    StoreLocked,
    StoreUnusable,
    WrongPassphrase,
)
from whisperd.interfaces import IStore
from whisperd.store.file import places
from whisperd.store.sealed import SealedStore
from whisperd.store.sealing import Cost, Slot


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path / "store.db")


@pytest.fixture
def store(place):
    store = place.open()
    yield store
    store.close()


def test_it_keeps_the_contract(store):
    assert verifyObject(IStore, store)


def test_what_is_put_is_there_when_it_is_opened_again(place, store):
    store.put("a", "key", b"one")
    store.put("b", "key", b"two")
    store.put("a", "key", b"three")
    store.put("a", "other", bytes(100_000))
    store.delete("a", "other")
    store.delete("a", "other")
    store.close()
    again = place.open()
    assert content(again, "a", "b", "c") == {("a", "key"): b"three", ("b", "key"): b"two"}
    again.close()


def test_the_passphrase_opens_it_and_no_other_does(place, store):
    store.put("a", "key", b"one")
    store.close()
    again = place.closed()
    assert again.state == "locked"
    with pytest.raises(WrongPassphrase):
        again.open_with(b"correct horsf")
    with pytest.raises(StoreLocked):
        again.get("a", "key")
    again.open_with(PASSPHRASE)
    assert (again.state, again.get("a", "key")) == ("open", b"one")
    again.lock()
    for use in (lambda: again.get("a", "key"), lambda: again.keys("a"), lambda: again.put("a", "b", b""),
                lambda: again.delete("a", "key"), again.wipe):
        with pytest.raises(StoreLocked):
            use()
    again.close()


def test_another_passphrase_takes_the_place_of_the_first(place, store):
    store.put("a", "key", b"one")
    with pytest.raises(WrongPassphrase):
        store.new_slot(b"wrong", b"second")
    store.replace_slot(store.new_slot(PASSPHRASE, b"second"))
    store.close()
    again = place.closed()
    with pytest.raises(WrongPassphrase):
        again.open_with(PASSPHRASE)
    again.open_with(b"second")
    assert again.get("a", "key") == b"one"
    again.close()


def test_a_dearer_cost_is_put_into_force_at_the_next_unlocking(place, store):
    store.close()
    again = SealedStore(place.path, cost=Cost(64, 4, 1))
    again.open_with(PASSPHRASE)
    assert again.cost == Cost(64, 4, 1)
    again.close()
    third = place.closed()
    assert third.cost == Cost(64, 4, 1)
    third.open_with(PASSPHRASE)
    third.close()


@pytest.mark.parametrize("cost", [Cost(1, 3, 1), Cost(64, 1, 1), Cost(8192, 3, 1), Cost(64, 65, 1), Cost(64, 3, 17)])
def test_a_slot_with_a_cost_that_is_not_sane_is_refused(cost):
    with pytest.raises(StoreDamaged):
        Slot.decode(Slot(cost, bytes(32), bytes(96)).encode())


def test_nothing_of_names_and_values_can_be_read_in_the_files(place, store):
    for number in range(50):
        store.put("contact", f"anna-{number}", b"the secret of anna")
    store.delete("contact", "anna-3")
    raw = b"".join(path.read_bytes() for path in places(place.path) if path.exists())
    assert len(raw) > 20_000
    for word in (b"contact", b"anna", b"secret", PASSPHRASE):
        assert word not in raw


def test_equal_values_and_names_look_different_in_two_stores(tmp_path):
    seen = set()
    for name in ("one", "two"):
        store = Place(tmp_path / name).open()
        store.put("contact", "anna", b"x")
        seen.add(store._attached().all("SELECT place, sealed FROM records")[0])
        store.close()
    (first, second) = seen
    assert first[0] != second[0] and first[1] != second[1]


def test_the_file_is_for_its_user_only(place, store):
    store.put("a", "key", b"one")
    found = [path for path in places(place.path) if path.exists()]
    assert len(found) >= 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in found} == {0o600}


def test_a_file_that_others_can_read_is_refused(place, store):
    store.close()
    place.path.chmod(0o640)
    with pytest.raises(StoreUnusable):
        place.closed()


def test_a_symbolic_link_is_refused(tmp_path):
    (tmp_path / "other").touch(0o600)
    (tmp_path / "link").symlink_to(tmp_path / "other")
    with pytest.raises(StoreUnusable):
        SealedStore(tmp_path / "link", cost=CHEAP)


def test_a_folder_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(StoreUnusable, match="No such file"):
        SealedStore(tmp_path / "nowhere" / "store.db", cost=CHEAP)


def test_a_folder_without_permission_is_said_so(tmp_path):
    """Root may write anywhere, so another user tries."""
    tmp_path.chmod(0o500)
    code = ("import os, sys\n"
            "from pathlib import Path\n"
            "from whisperd.errors import StoreUnusable\n"
            "from whisperd.store.sealed import SealedStore\n"
            "os.chdir(sys.argv[1])\n"
            "if os.geteuid() == 0: os.setuid(65534)\n"
            "try: SealedStore(Path('store.db'))\n"
            "except StoreUnusable as error: print(error.message)\n")
    said = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "Permission denied" in said.stdout


def test_a_second_daemon_does_not_get_in(place, store):
    with pytest.raises(StoreBusy):
        place.closed()
    code = ("import sys\nfrom pathlib import Path\nfrom whisperd.errors import StoreBusy\n"
            "from whisperd.store.sealed import SealedStore\n"
            "try: SealedStore(Path(sys.argv[1]))\nexcept StoreBusy as error: print(error.code)\n")
    said = subprocess.run([sys.executable, "-c", code, str(place.path)], capture_output=True, text=True, check=True)
    assert said.stdout == "store-busy\n"
    store.put("a", "key", b"one")


def test_what_is_put_together_is_kept_together_or_not_at_all(place, store):
    store.put("a", "kept", b"before")
    with pytest.raises(KeyError), store.together():
        store.put("a", "kept", b"after")
        store.put("a", "new", b"new")
        with store.together():
            store.delete("a", "kept")
        raise KeyError
    assert content(store, "a") == {("a", "kept"): b"before"}
    with store.together():
        store.put("a", "kept", b"after")
        store.delete("a", "kept")
        store.put("b", "new", b"new")
    assert content(store, "a", "b") == {("b", "new"): b"new"}
    store.close()
    again = place.open()
    assert content(again, "a", "b") == {("b", "new"): b"new"}
    again.close()


def test_a_full_disk_is_a_typed_error_and_nothing_is_half_written(tmp_path):
    """In a process of its own, whose files may not grow beyond a limit for a while."""
    code = """
import resource, sys
from pathlib import Path
from tests.store.kit import Place, content
from whisperd.errors import StoreFailed
place = Place(Path(sys.argv[1]))
store = place.open()
store.put("a", "kept", b"before")
store.close()
store = place.open()
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, hard))
failed = 0
for number in range(8):
    try:
        with store.together():
            store.put("a", "kept", b"after")
            store.put("a", str(number), bytes(60_000))
    except StoreFailed:
        failed += 1
during = sorted(store.keys("a"))
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
store.put("a", "room", b"again")
before = content(store, "a")
store.close()
store = place.open()
assert content(store, "a") == before
print(failed > 2, {("a", key) for key in during} < set(before), store.get("a", "room"))
"""
    said = subprocess.run([sys.executable, "-c", code, str(tmp_path / "store.db")], capture_output=True, text=True)
    assert said.stdout == "True True b'again'\n", said.stderr


def test_destroying_it_leaves_no_file_and_a_new_store(place, store):
    store.put("a", "key", b"one")
    (sealed,) = store._attached().all("SELECT sealed FROM records")[0]
    known = (store._id, store._slot.encode(), sealed)
    store.destroy()
    assert store.state == "new" and place.path.exists()
    raw = b"".join(path.read_bytes() for path in places(place.path) if path.exists())
    assert [value in raw for value in known] == [False, False, False]
    store.open_with(b"another")
    assert store.keys("a") == []


def test_the_key_is_destroyed_before_the_file_is(place, store, monkeypatch):
    store.put("a", "key", b"one")
    slot = store._slot.encode()
    copies = []
    unlink = type(place.path).unlink
    monkeypatch.setattr(type(place.path), "unlink", lambda path, **how: (
        copies.append(path.read_bytes() if path.exists() else b""), unlink(path, **how)))
    store.destroy()
    assert copies and all(slot not in copy and slot[-64:] not in copy for copy in copies)


def test_the_keys_are_overwritten_when_it_is_locked(store):
    keys = store._keys
    store.lock()
    assert {bytes(keys._place), bytes(keys._seal), bytes(keys._sum)} == {bytes(32)}


def test_no_temporary_file_is_made(place, store):
    with store.together():
        for number in range(300):
            store.put("a", str(number), os.urandom(2_000))
    assert sorted(path.name for path in place.path.parent.iterdir()) == ["store.db", "store.db-wal"]
    store.close()
    assert sorted(path.name for path in place.path.parent.iterdir()) == ["store.db"]


def test_deleted_content_is_overwritten_in_the_file(place, store):
    store.put("a", "key", b"one")
    (sealed,) = store._attached().all("SELECT sealed FROM records")[0]
    store.delete("a", "key")
    store.close()
    assert sealed[:32] not in place.path.read_bytes()


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "store.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE mail (text)")
    other.close()
    path.chmod(0o600)
    with pytest.raises(StoreDamaged):
        SealedStore(path, cost=CHEAP)
    path.write_bytes(b"not a database at all" * 400)
    with pytest.raises(StoreDamaged):
        SealedStore(path, cost=CHEAP)


def test_a_file_of_a_newer_version_is_said_so(place, store):
    store.close()
    other = sqlite3.connect(place.path)
    other.execute("PRAGMA user_version = 9")
    other.close()
    with pytest.raises(StoreUnusable, match="newer"):
        place.closed()


def test_a_commit_that_fails_takes_back_what_the_store_remembers(store, monkeypatch):
    store.put("a", "kept", b"before")
    run = store._file.run

    def fail(statement, *values):
        if statement == "COMMIT":
            raise StoreFailed
        run(statement, *values)

    monkeypatch.setattr(store._file, "run", fail)
    with pytest.raises(StoreFailed):
        store.put("a", "new", b"new")
    monkeypatch.undo()
    assert content(store, "a") == {("a", "kept"): b"before"}
    store.put("a", "third", b"3")
    assert sorted(store.keys("a")) == ["kept", "third"]
