"""A sealed store that somebody changed: no change gives another content, and none is an untyped error."""

from __future__ import annotations

import random
import shutil
import sqlite3

import pytest

from tests.store.kit import PASSPHRASE, Place, content
from whisperd.errors import StoreDamaged, StoreUnusable
from whisperd.store.sealed import SealedStore

RECORDS = {("contact", f"person-{number}"): bytes([number]) * (number * 40) for number in range(12)}


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path / "store.db")
    store = place.open()
    for (collection, key), value in RECORDS.items():
        store.put(collection, key, value)
    store.close()
    return place


def change(place, *statements):
    """Write to the file as somebody without the key can."""
    other = sqlite3.connect(place.path, isolation_level=None)
    for statement, *values in statements:
        other.execute(statement, values)
    other.close()


def rows(place):
    other = sqlite3.connect(place.path)
    found = other.execute("SELECT place, version, sealed FROM records").fetchall()
    other.close()
    return found


def outcome(place):
    """Return what the store holds, or the code of the error that it is refused with."""
    try:
        store = place.open()
    except (StoreDamaged, StoreUnusable) as error:
        return error.code
    try:
        return content(store, "contact")
    finally:
        store.close()


def test_a_flipped_bit_anywhere_is_found_or_harmless(place):
    """SQLite leaves some bytes of a page unused; a flip there may change nothing, and never what is read."""
    whole = place.path.read_bytes()
    chosen = random.Random(6)
    found = 0
    offsets = [*range(100), *range(100, len(whole), 61)]
    for offset in offsets:
        broken = bytearray(whole)
        broken[offset] ^= 1 << chosen.randrange(8)
        place.path.write_bytes(broken)
        seen = outcome(place)
        assert seen in ("store-damaged", "store-unusable") or seen == RECORDS, offset
        found += seen != RECORDS
    assert found > len(offsets) * 0.25


def test_a_flipped_bit_in_any_byte_of_a_record_is_found(place):
    for where, version, sealed in rows(place)[:2]:
        for column, value in (("place", where), ("sealed", sealed)):
            for offset in range(0, len(value), 7):
                broken = bytearray(value)
                broken[offset] ^= 0x10
                change(place, (f"UPDATE records SET {column} = ? WHERE place = ?", bytes(broken), where))
                assert outcome(place) == "store-damaged"
                change(place, (f"UPDATE records SET {column} = ? WHERE version = ?", value, version))
    assert outcome(place) == RECORDS


@pytest.mark.parametrize("name", ["id", "slot", "root"])
def test_a_flipped_bit_in_the_head_is_damage_and_no_wrong_passphrase(place, name):
    other = sqlite3.connect(place.path)
    (value,) = other.execute("SELECT value FROM head WHERE name = ?", (name,)).fetchone()
    other.close()
    for offset in range(0, len(value), 1 if name == "slot" else 5):
        broken = bytearray(value)
        broken[offset] ^= 0x04
        change(place, ("UPDATE head SET value = ? WHERE name = ?", bytes(broken), name))
        assert outcome(place) == "store-damaged"
    change(place, ("UPDATE head SET value = ? WHERE name = ?", value, name))
    assert outcome(place) == RECORDS


def test_records_that_changed_places_are_found(place):
    (one, version_one, sealed_one), (two, version_two, sealed_two), *_ = rows(place)
    change(place, ("UPDATE records SET sealed = ? WHERE place = ?", sealed_two, one),
           ("UPDATE records SET sealed = ? WHERE place = ?", sealed_one, two))
    assert outcome(place) == "store-damaged"
    change(place, ("UPDATE records SET version = ? WHERE place = ?", version_two, one),
           ("UPDATE records SET version = ? WHERE place = ?", version_one, two))
    assert outcome(place) == "store-damaged"


def test_an_older_record_put_back_is_found(place):
    store = place.open()
    store.put("contact", "person-3", b"old")
    store.close()
    old = {where: (version, sealed) for where, version, sealed in rows(place)}
    store = place.open()
    store.put("contact", "person-3", b"new")
    store.close()
    ((where, version, _),) = [row for row in rows(place) if old[row[0]][0] != row[1]]
    change(place, ("UPDATE records SET version = ?, sealed = ? WHERE place = ?", *old[where], where))
    assert outcome(place) == "store-damaged"
    change(place, ("UPDATE records SET version = ? WHERE place = ?", version, where))
    assert outcome(place) == "store-damaged"


def test_a_record_that_was_taken_out_or_put_back_in_is_found(place):
    gone, *_ = rows(place)
    change(place, ("DELETE FROM records WHERE place = ?", gone[0]))
    assert outcome(place) == "store-damaged"
    change(place, ("INSERT INTO records VALUES (?, ?, ?)", *gone))
    assert outcome(place) == RECORDS
    store = place.open()
    key = next(key for key in store.keys("contact") if store._names["contact"][key] == gone[0])
    store.delete("contact", key)
    store.close()
    change(place, ("INSERT INTO records VALUES (?, ?, ?)", *gone))
    assert outcome(place) == "store-damaged"


def test_a_record_of_another_store_is_found(place, tmp_path):
    other = Place(tmp_path / "other.db")
    store = other.open()
    store.put("contact", "person-1", b"mine")
    store.close()
    ((_, _, sealed),) = rows(other)
    where, *_ = rows(place)[0]
    change(place, ("UPDATE records SET sealed = ? WHERE place = ?", sealed, where))
    assert outcome(place) == "store-damaged"


def test_a_schema_with_something_more_is_refused(place):
    change(place, ("CREATE TRIGGER later AFTER UPDATE ON records BEGIN DELETE FROM records; END",))
    assert outcome(place) == "store-damaged"


@pytest.mark.parametrize("part", [0.02, 0.1, 0.33, 0.5, 0.75, 0.99])
def test_a_file_that_was_cut_off_is_found(place, part):
    whole = place.path.read_bytes()
    place.path.write_bytes(whole[: int(len(whole) * part)])
    assert outcome(place) == "store-damaged"


def test_the_right_passphrase_on_a_damaged_file_says_damage(place):
    where, *_ = rows(place)[0]
    change(place, ("UPDATE records SET sealed = zeroblob(400) WHERE place = ?", where))
    store = place.closed()
    with pytest.raises(StoreDamaged):
        store.open_with(PASSPHRASE)
    assert store.state == "locked"
    store.close()


def test_a_record_that_changes_while_it_is_open_is_found(place):
    store = place.open()
    store._attached().run("UPDATE records SET sealed = zeroblob(400)")
    with pytest.raises(StoreDamaged):
        store.get("contact", "person-1")
    store.close()


def test_a_copy_opens_as_the_original_does(place, tmp_path):
    shutil.copy(place.path, tmp_path / "copy.db")
    store = SealedStore(tmp_path / "copy.db")
    store.open_with(PASSPHRASE)
    assert content(store, "contact") == RECORDS
    store.close()


def test_damage_to_the_log_of_a_killed_daemon_gives_an_earlier_state_as_a_whole_or_is_found(place, tmp_path):
    """The log has checksums of its own: SQLite takes what stands before the first one that is wrong."""
    store = place.open()
    states = [dict(RECORDS)]
    for number in range(6):
        with store.together():
            store.put("contact", "first", bytes([number]) * 500)
            store.put("contact", "second", bytes([number]) * 500)
        states.append(content(store, "contact"))
    log = place.path.with_name(place.path.name + "-wal")
    files = place.path.read_bytes(), log.read_bytes()
    store.close()
    seen = set()
    chosen = random.Random(7)
    for offset in [*range(0, 60, 4), *range(60, len(files[1]), 331)]:
        broken = bytearray(files[1])
        broken[offset] ^= 1 << chosen.randrange(8)
        place.path.write_bytes(files[0])
        log.write_bytes(broken)
        log.chmod(0o600)
        found = outcome(place)
        assert found == "store-damaged" or found in states, offset
        seen.add(-1 if found == "store-damaged" else states.index(found))
    assert len(seen) > 3
