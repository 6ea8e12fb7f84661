"""Key derivation."""

from __future__ import annotations

import hashlib
import hmac
import os

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from whisperd_plugins import kdf

from tests.plugins.external import cases


def test_hkdf_gives_what_the_external_vectors_say():
    counted = 0
    for _, case in cases("hkdf_sha512"):
        material, salt, info = (bytes.fromhex(case[name]) for name in ("ikm", "salt", "info"))
        if case["result"] == "valid":
            assert kdf.hkdf(material, salt, info, case["size"]).hex() == case["okm"]
        else:
            with pytest.raises(ValueError, match="larger"):
                kdf.hkdf(material, salt, info, case["size"])
        counted += 1
    assert counted > 50


@pytest.mark.parametrize("size", [1, 44, 64, 65, 96, 200])
def test_hkdf_is_that_of_the_library_without_and_with_salt(size: int):
    material = os.urandom(50)
    for salt in (None, b"", b"salt", os.urandom(32), bytearray(os.urandom(200))):
        library = HKDF(SHA512(), size, bytes(salt) if salt else None, b"info").derive(material)
        assert kdf.hkdf(bytearray(material), salt, b"info", size) == library


def test_expand_of_one_block_is_one_hmac():
    key = os.urandom(32)
    assert kdf.expand(key, b"info", 44) == hmac.digest(key, b"info\x01", hashlib.sha512)[:44]


def test_the_two_steps_of_a_chain_are_hmacs_of_different_constants():
    key = bytearray(os.urandom(32))
    assert kdf.chain_step(key) == tuple(hmac.digest(key, constant, hashlib.sha256) for constant in (b"\x01", b"\x02"))


def test_the_steps_of_two_chains_are_those_of_each_and_their_message_keys_in_one():
    keys = bytearray(os.urandom(64))
    first, second = (HKDFExpand(SHA512(), 64, b"info").derive(keys[place : place + 32]) for place in (0, 32))
    assert kdf.halves(keys[:32], kdf.block(b"info")) == (first[:32], first[32:])
    mixed = HKDF.extract(hashes.SHA256(), second[:32], first[:32])
    assert kdf.hybrid_step(keys, kdf.block(b"info")) == (mixed, first[32:] + second[32:])
