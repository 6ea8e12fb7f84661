"""Fixed layouts with type bytes."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whisperd_plugins import pqxdh, pqxdh_falcon1024, pqxdh_mldsa87, x3dh
from whisperd_plugins.encoding import TYPES, Layout, encode

from whisperd.errors import KeyExchangeRefused

SMALL = Layout("small record", 0x77, (("point", "x25519 public key"), ("digest", "sha-256")))
SIZES = {pqxdh: (1767, 1734, 1800), pqxdh_mldsa87: (8988, 8955, 9021), pqxdh_falcon1024: (4842, 4809, 4875),
         x3dh: (198, 165, 231)}
LAYOUTS = (SMALL, *(layout for module in SIZES
                    for layout in (module.SUITE.one_time, module.SUITE.last_resort, module.SUITE.message)))


def values_of(layout: Layout, seed: bytes) -> dict[str, bytes]:
    return {name: hashlib.shake_256(seed + name.encode()).digest(TYPES[kind][1]) for name, kind in layout.fields}


def record(layout: Layout, values: dict[str, bytes]) -> bytes:
    return layout.finish(layout.head(values), *(values[name] for name, _ in layout.fields[-layout.over:]))


@given(st.sampled_from(LAYOUTS), st.binary(min_size=8, max_size=8))
def test_a_record_splits_into_what_it_was_made_of(layout: Layout, seed: bytes):
    values = values_of(layout, seed)
    made = record(layout, values)
    assert len(made) == layout.size
    assert layout.split(made) == values


@given(st.binary(max_size=SMALL.size + 2))
def test_bytes_split_only_when_they_are_a_record(junk: bytes):
    try:
        values = SMALL.split(junk)
    except KeyExchangeRefused:
        return
    assert record(SMALL, values) == junk


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_a_record_of_another_size_or_type_byte_is_refused(layout: Layout):
    good = record(layout, {name: bytes(TYPES[kind][1]) for name, kind in layout.fields})
    places, start = [0], 1
    for _, kind in layout.fields:
        places.append(start)
        start += 1 + TYPES[kind][1]
    for place in places:
        bad = bytearray(good)
        bad[place] ^= 0xFF
        with pytest.raises(KeyExchangeRefused):
            layout.split(bytes(bad))
    for wrong in (b"", good[:-1], good + b"\0"):
        with pytest.raises(KeyExchangeRefused):
            layout.split(wrong)


def test_no_two_types_have_the_same_type_byte():
    assert len({tag for tag, _ in TYPES.values()}) == len(TYPES)


@pytest.mark.parametrize("kind", TYPES)
def test_a_value_of_another_size_is_not_encoded(kind: str):
    with pytest.raises(ValueError, match=kind):
        encode(kind, bytes(TYPES[kind][1] + 1))


def test_a_record_with_a_missing_field_is_not_made():
    with pytest.raises(KeyError):
        SMALL.head({"digest": bytes(32)})


@pytest.mark.parametrize("module", SIZES, ids=lambda module: module.__name__.partition(".")[2])
def test_layouts_have_the_sizes_that_the_manual_states(module):
    suite = module.SUITE
    assert (suite.one_time.size, suite.last_resort.size, suite.message.size) == SIZES[module]


def test_a_field_begins_where_the_ones_before_it_end():
    assert (SMALL.start_of("point"), SMALL.start_of("digest")) == (1, 34)
    with pytest.raises(KeyError):
        SMALL.start_of("nothing")
