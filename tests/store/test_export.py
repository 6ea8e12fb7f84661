"""What a store holds as one sealed blob."""

from __future__ import annotations

import os

import pytest

from tests.store.kit import CHEAP
from whisperd.errors import StoreDamaged, WrongPassphrase
from whisperd.store import export

RECORDS = [("contact", "anna", b"secret"), ("contact", "ben", b""), ("", "\u00e9", bytes(5_000))]


@pytest.fixture(scope="module")
def blob() -> bytes:
    return export.encode(RECORDS, b"for the export", CHEAP, os.urandom)


def test_it_comes_back_as_it_was(blob):
    assert export.decode(blob, b"for the export") == RECORDS
    assert b"anna" not in blob and b"contact" not in blob


def test_another_passphrase_is_told_from_damage(blob):
    with pytest.raises(WrongPassphrase):
        export.decode(blob, b"something else")


@pytest.mark.parametrize("place", [0, 5, 16, 17, 20, 40, 100, 150, 190, 400, -1])
def test_a_flipped_bit_is_damage(blob, place):
    broken = bytearray(blob)
    broken[place] ^= 0x20
    with pytest.raises(StoreDamaged):
        export.decode(bytes(broken), b"for the export")


@pytest.mark.parametrize("size", [0, 10, 18, 60, 200, -1])
def test_what_is_cut_off_is_damage(blob, size):
    with pytest.raises(StoreDamaged):
        export.decode(blob[:size], b"for the export")
