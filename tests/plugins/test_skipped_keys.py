"""The store of skipped message keys."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from whisperd_plugins.skipped_keys import MAX_CHAINS, MAX_MISSING, SkippedKeys


def keys(*numbers: int) -> dict[int, bytearray]:
    return {number: bytearray([1 + number % 255]) * 32 for number in numbers}


def header(number: int) -> bytearray:
    return bytearray([1 + number % 255]) * 32


def test_the_oldest_keys_are_dropped_and_overwritten_first():
    store = SkippedKeys()
    first = keys(*range(MAX_MISSING))
    kept = dict(first)
    store.add(first)
    store.turn(header(1))
    store.add(keys(0, 1, 2))
    assert store.total == MAX_MISSING
    assert next(iter(store.earlier[0].keys)) == 3
    assert all(kept[number] == bytearray(32) for number in range(3))
    assert kept[3] != bytearray(32)


def test_a_chain_whose_last_key_is_dropped_is_forgotten_with_its_header_key():
    store = SkippedKeys()
    head = header(1)
    store.add(keys(5))
    store.turn(head)
    store.add(keys(*range(MAX_MISSING)))
    assert not store.earlier
    assert head == bytearray(32)
    assert store.total == MAX_MISSING


def test_only_so_many_earlier_chains_are_kept():
    store = SkippedKeys()
    heads = [header(number) for number in range(MAX_CHAINS + 2)]
    for head in heads:
        store.add(keys(1, 2))
        store.turn(head)
    assert len(store.earlier) == MAX_CHAINS
    assert store.total == 2 * MAX_CHAINS
    assert heads[0] == heads[1] == bytearray(32)
    assert store.earlier[0].header is heads[2]


def test_a_chain_is_forgotten_after_so_many_turns_also_when_nothing_else_is_missing():
    store = SkippedKeys()
    head, lost = header(1), keys(7)
    store.add(dict(lost))
    store.turn(head)
    for number in range(MAX_CHAINS - 1):
        store.turn(header(number))
    assert store.total == 1
    store = SkippedKeys.load(store.dump())
    store.turn(header(0))
    assert (store.total, list(store.earlier)) == (0, [])


def test_a_key_of_the_current_chain_is_destroyed_when_enough_others_have_overtaken_it():
    store = SkippedKeys()
    lost = keys(7, 8)
    store.add(dict(lost))
    store.expire(7 + MAX_MISSING)
    assert store.total == 2
    store.expire(8 + MAX_MISSING)
    assert list(store.current) == [8] and lost[7] == bytearray(32)


def test_a_chain_of_which_nothing_is_missing_is_not_kept():
    store = SkippedKeys()
    head = header(1)
    store.turn(head)
    assert not store.earlier
    assert head == bytearray(32)


def test_the_last_key_of_an_earlier_chain_takes_the_chain_with_it():
    store = SkippedKeys()
    for number in range(3):
        store.add(keys(number))
        store.turn(header(number))
    store.remove(store.earlier[1].keys, 1)
    assert [chain.header[0] for chain in store.earlier] == [1, 3]
    assert store.total == 2


@settings(max_examples=60)
@given(st.lists(st.tuples(st.lists(st.integers(0, 2**32 - 1), unique=True, max_size=6), st.booleans()), max_size=12))
def test_what_is_dumped_loads_to_the_same(chains: list[tuple[list[int], bool]]):
    store = SkippedKeys()
    for place, (numbers, turn) in enumerate(chains):
        store.add({number: key for number, key in keys(*numbers).items() if number not in store.current})
        if turn:
            store.turn(header(place))
    data = store.dump()
    loaded = SkippedKeys.load(data)
    assert (loaded.dump(), loaded.total) == (data, store.total)
    assert loaded.current == store.current
    for wrong in (data[:-1], data + b"\0"):
        with pytest.raises(ValueError, match="skipped"):
            SkippedKeys.load(wrong)


def test_more_than_is_ever_held_does_not_load():
    store = SkippedKeys()
    store.current = keys(*range(MAX_MISSING + 1))
    with pytest.raises(ValueError, match="ever held"):
        SkippedKeys.load(store.dump())


def test_a_number_that_stands_twice_does_not_load():
    entry = bytes(3) + b"\x07" + bytes(32)
    with pytest.raises(ValueError, match="twice"):
        SkippedKeys.load(b"\0\x02" + entry + entry + b"\0\0")


def test_an_earlier_chain_without_keys_does_not_load():
    with pytest.raises(ValueError, match="without"):
        SkippedKeys.load(b"\0\0" + b"\0\x01" + bytes(33) + b"\0\0")
