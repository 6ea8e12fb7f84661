"""The bad keys that the kit tries are bad, and keys are found where they stand."""

from __future__ import annotations

import os

import nacl.bindings as sodium
import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM1024PrivateKey, MLKEM1024PublicKey

from tests.plugin.open_kex import OpenKex
from tests.plugins.external import cases
from whisperd.errors import KeyExchangeRefused
from whisperd.plugin.conformance import seeded
from whisperd.plugin.conformance.bad_keys import LOW_ORDER, Drawn, invalid_kem_keys, other_encodings
from whisperd.plugin.conformance.kex_bench import RecordingSigner
from whisperd.plugin.identity import MemoryIdentity
from whisperd.plugin.registry import BUNDLED, KEX, sources


def test_points_of_low_order_give_no_secret():
    for point in LOW_ORDER:
        with pytest.raises(Exception, match="library error"):
            sodium.crypto_scalarmult(os.urandom(32), point)


def test_another_encoding_of_a_key_gives_the_same_secret_as_the_key():
    private, public = os.urandom(32), sodium.crypto_scalarmult_base(os.urandom(32))
    same, *_ = other_encodings(public)
    assert same != public
    assert sodium.crypto_scalarmult(private, same) == sodium.crypto_scalarmult(private, public)
    for encoding in other_encodings(public):
        assert int.from_bytes(encoding, "little") >= 2**255 - 19


def test_invalid_kem_keys_differ_from_a_good_one_in_numbers_that_are_too_large():
    public = MLKEM1024PrivateKey.generate().public_key().public_bytes_raw()
    MLKEM1024PublicKey.from_public_bytes(public)
    for invalid in invalid_kem_keys(public):
        assert len(invalid) == len(public) and invalid[-32:] == public[-32:]
        with pytest.raises(ValueError):
            MLKEM1024PublicKey.from_public_bytes(invalid)
    first, last, _ = invalid_kem_keys(public)
    assert sum(one != other for one, other in zip(first, public, strict=True)) <= 2
    assert sum(one != other for one, other in zip(last, public, strict=True)) <= 2


def test_drawn_keys_are_found_where_they_stand_and_only_there():
    drawn = Drawn(seeded("drawn"))
    point, seed = sodium.crypto_scalarmult_base(drawn(32)), drawn(64)
    kem = MLKEM1024PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw()
    assert drawn.x25519(b"before" + point + b"behind") == [point] and drawn.x25519(b"nothing") == []
    assert drawn.mlkem1024(kem + point) == [kem] and drawn.mlkem1024(point) == []


def test_a_record_is_signed_anew_after_a_change():
    identity = RecordingSigner(MemoryIdentity(("ed25519", "x25519"), os.urandom))
    bundle, _ = OpenKex().prekeys(identity, os.urandom)
    key = bundle[65:97]
    other = sodium.crypto_scalarmult_base(os.urandom(32))
    forged = identity.signed_anew(bundle, {key: other})
    assert forged[65:97] == other and forged[-64:] != bundle[-64:]
    OpenKex().initiate(forged, MemoryIdentity(("ed25519", "x25519"), os.urandom), os.urandom)


@pytest.mark.parametrize("name", [name for name in BUNDLED[KEX] if name.startswith("pqxdh")])
def test_no_invalid_key_of_the_external_vectors_is_accepted_in_a_bundle_though_it_is_signed(name: str):
    plugin = sources(name)[0].make()
    inviter, joiner = (MemoryIdentity(plugin.identity_kinds, os.urandom) for _ in range(2))
    overflowing = (case for _, case in cases("mlkem_1024_encaps") if "ModulusOverflow" in case["flags"])
    invalid = [bytes.fromhex(case["ek"]) for case in overflowing]
    assert len(invalid) >= 16
    for bad in invalid:
        signer, drawn = RecordingSigner(inviter), Drawn(os.urandom)
        bundle, _ = plugin.prekeys(signer, drawn)
        (good,) = drawn.mlkem1024(bundle)
        with pytest.raises(KeyExchangeRefused, match="valid"):
            plugin.initiate(signer.signed_anew(bundle, {good: bad}), joiner, os.urandom)
