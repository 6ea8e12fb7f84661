"""ML-KEM-1024 through our wrapper."""

from __future__ import annotations

import os

import pytest
from whisperd_plugins import mlkem

from tests.plugins.external import cases


def test_decapsulation_gives_the_secrets_of_the_external_vectors():
    results = {"valid": 0, "invalid": 0}
    for _, case in cases("mlkem_1024"):
        seed, ciphertext = bytes.fromhex(case["seed"]), bytes.fromhex(case["c"])
        results[case["result"]] += 1
        if case["result"] == "valid":
            public, private = mlkem.keypair(seed)
            assert public.hex() == case["ek"]
            assert mlkem.decapsulate(private, ciphertext).hex() == case["K"]
        else:
            with pytest.raises(ValueError):
                mlkem.decapsulate(mlkem.keypair(seed)[1], ciphertext)
    assert min(results.values()) > 30


def test_every_invalid_encapsulation_key_of_the_external_vectors_is_refused():
    results = {"valid": 0, "invalid": 0}
    for _, case in cases("mlkem_1024_encaps"):
        public = bytes.fromhex(case["ek"])
        results[case["result"]] += 1
        if case["result"] == "valid":
            ciphertext, secret = mlkem.encapsulate(public)
            assert (len(ciphertext), len(secret)) == (mlkem.CIPHERTEXT, mlkem.SECRET)
        else:
            with pytest.raises(ValueError):
                mlkem.encapsulate(public)
    assert min(results.values()) > 100


def test_both_sides_share_a_secret_that_a_changed_ciphertext_does_not_give():
    public, private = mlkem.keypair(os.urandom(mlkem.SEED))
    ciphertext, secret = mlkem.encapsulate(public)
    assert mlkem.decapsulate(private, ciphertext) == secret
    changed = bytes((ciphertext[0] ^ 1,)) + ciphertext[1:]
    assert mlkem.decapsulate(private, changed) not in (secret, bytes(32))


@pytest.mark.parametrize("size", [0, 1, 1567, 1569, 3168])
def test_a_ciphertext_or_key_of_another_size_is_refused(size: int):
    _, private = mlkem.keypair(os.urandom(mlkem.SEED))
    with pytest.raises(ValueError, match="1568"):
        mlkem.decapsulate(private, bytes(size))
    with pytest.raises(ValueError, match="1568"):
        mlkem.encapsulate(bytes(size))


def test_the_same_seed_makes_the_same_key():
    seed = os.urandom(mlkem.SEED)
    assert mlkem.keypair(seed)[0] == mlkem.keypair(seed)[0]
