"""X25519 and XChaCha20-Poly1305 through our wrapper."""

from __future__ import annotations

import os
import subprocess
import sys

import nacl.bindings as bindings
import pytest
from hypothesis import given
from hypothesis import strategies as st
from whisperd_plugins import sodium

from tests.plugins.external import cases

FIELD = 2**255 - 19


def test_x25519_gives_the_secrets_of_the_external_vectors():
    counted = 0
    for _, case in cases("x25519"):
        private, public = bytearray.fromhex(case["private"]), bytes.fromhex(case["public"])
        if "ZeroSharedSecret" in case["flags"]:
            with pytest.raises(ValueError, match="low order"):
                sodium.agree(private, public)
        else:
            assert sodium.agree(private, public).hex() == case["shared"]
        counted += 1
    assert counted > 500


def test_whoever_imports_it_has_the_implementations_for_this_processor():
    """libsodium says 1 when it has been initialised before."""
    program = "import whisperd_plugins.sodium; from nacl._sodium import lib; print(lib.sodium_init())"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout == "1\n"


def test_keys_that_are_not_canonical_are_refused_where_external_vectors_have_them():
    found = {False: 0, True: 0}
    for _, case in cases("x25519"):
        public = bytes.fromhex(case["public"])
        canonical = int.from_bytes(public, "little") < FIELD
        found[canonical] += 1
        if canonical:
            assert sodium.check_public_key(public) == public
        else:
            with pytest.raises(ValueError, match="canonical"):
                sodium.check_public_key(public)
    assert min(found.values()) > 10


def test_xchacha_seals_and_opens_as_the_external_vectors_say():
    counted = 0
    for _, case in cases("xchacha20_poly1305"):
        key, nonce = bytearray.fromhex(case["key"]), bytes.fromhex(case["iv"])
        plaintext, ad = bytes.fromhex(case["msg"]), bytes.fromhex(case["aad"])
        sealed = bytes.fromhex(case["ct"] + case["tag"])
        if case["result"] == "valid":
            assert sodium.seal(key, nonce, plaintext, ad) == sealed
            assert sodium.unseal(key, nonce, sealed, ad) == plaintext
        else:
            assert sodium.unseal(key, nonce, sealed, ad) is None
        counted += 1
    assert counted > 300


def test_public_keys_are_those_of_the_public_bindings():
    private = os.urandom(32)
    assert sodium.public_key(bytearray(private)) == bindings.crypto_scalarmult_base(private)


@given(st.binary(max_size=64), st.binary(max_size=64))
def test_keys_of_another_size_never_reach_the_library(private: bytes, public: bytes):
    if len(private) != 32 or len(public) != 32:
        with pytest.raises(ValueError, match="32 bytes"):
            sodium.agree(bytearray(private), public)
    if len(private) != 32:
        with pytest.raises(ValueError, match="32 bytes"):
            sodium.public_key(bytearray(private))


@given(st.binary(max_size=40), st.binary(max_size=30), st.binary(max_size=200))
def test_ciphers_with_a_wrong_size_of_key_or_nonce_are_refused(key: bytes, nonce: bytes, data: bytes):
    if (len(key), len(nonce)) == (32, 24):
        return
    with pytest.raises(ValueError, match="32 bytes"):
        sodium.seal(bytearray(key), nonce, data, b"")
    assert sodium.unseal(bytearray(key), nonce, data, b"") is None


@given(st.binary(max_size=300), st.binary(max_size=100), st.integers(0, 10_000))
def test_what_is_sealed_opens_and_no_changed_byte_does(plaintext: bytes, ad: bytes, place: int):
    key, nonce = bytearray(os.urandom(32)), os.urandom(24)
    sealed = sodium.seal(key, nonce, plaintext, ad)
    assert sodium.unseal(key, nonce, sealed, ad) == plaintext
    bad = bytearray(sealed)
    bad[place % len(bad)] ^= 1
    assert sodium.unseal(key, nonce, bytes(bad), ad) is None
    assert sodium.unseal(key, nonce, sealed, ad + b"x") is None


def test_wiping_overwrites_the_very_buffer():
    one, other = bytearray(b"secret"), bytearray(b"more")
    sodium.wipe(one, None, other, bytearray())
    assert (one, other) == (bytearray(6), bytearray(4))


def test_the_first_key_that_opens_is_named():
    keys = [bytearray(os.urandom(32)) for _ in range(5)]
    nonce = os.urandom(24)
    for place, key in enumerate(keys):
        sealed = sodium.seal(key, nonce, b"said", b"ad")
        assert sodium.unseal_by_any(iter(keys), nonce, sealed, b"ad") == (place, b"said")
        assert sodium.unseal_by_any(keys[:place], nonce, sealed, b"ad") is None
    assert sodium.unseal_by_any(keys, nonce, sealed, b"other") is None
    assert sodium.unseal_by_any(keys, nonce[:-1], sealed, b"ad") is None
    assert sodium.unseal_by_any(keys, nonce, sealed[:15], b"ad") is None
