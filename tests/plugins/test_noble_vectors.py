"""What @noble made and said once, and what whisperd makes of it. [tests/vectors/noble/answers.json]"""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from whisperd_plugins import falcon, mlkem, p256, signatures, sodium

from tests.plugins.noble import FILE
from whisperd.plugin.identity import MemoryIdentity

VECTORS: dict[str, Any] = json.loads(FILE.read_text())
VERIFY = {"mldsa87": signatures.verify_mldsa87, "falcon1024": falcon.verify}


def unhex(vector: dict[str, Any], *names: str) -> tuple[bytes, ...]:
    """Return values that stand there in hexadecimal."""
    return tuple(bytes.fromhex(vector[name]) for name in names)


def test_there_are_vectors_of_each_kind():
    assert {name: len(found) for name, found in VECTORS.items()} == {
        "signatures": 2, "keys": 3, "encapsulations": 3, "curves": 5}


@pytest.mark.parametrize("vector", VECTORS["signatures"], ids=lambda vector: vector["kind"])
def test_signatures_are_understood_both_ways(vector):
    verify, (message,) = VERIFY[vector["kind"]], unhex(vector, "message")
    for side in ("noble", "whisperd"):
        key, signature = unhex(vector[side], "key", "signature")
        assert verify(key, message, signature)
        assert not verify(key, message + b"!", signature)
    assert vector["noble_accepts"] is True and vector["noble_accepts_for_another_message"] is False


def test_a_falcon_signature_that_is_cut_is_refused():
    vector = next(vector for vector in VECTORS["signatures"] if vector["kind"] == "falcon1024")
    (message,), (key, signature) = unhex(vector, "message"), unhex(vector["noble"], "key", "signature")
    assert not falcon.verify(key, message, signature.rstrip(b"\0"))


@pytest.mark.parametrize("vector", VECTORS["keys"], ids=lambda vector: vector["seed"][:8])
def test_seeds_make_the_same_public_keys(vector):
    seed, kem, dsa = unhex(vector, "seed", "mlkem1024", "mldsa87")
    assert mlkem.keypair(seed)[0] == kem
    assert MemoryIdentity(["mldsa87"], lambda size: seed[:size]).public("mldsa87") == dsa


@pytest.mark.parametrize("vector", VECTORS["encapsulations"], ids=lambda vector: vector["seed"][:8])
def test_encapsulation_is_understood_both_ways(vector):
    _, private = mlkem.keypair(*unhex(vector, "seed"))
    for side in ("noble", "whisperd"):
        ciphertext, secret = unhex(vector[side], "ciphertext", "secret")
        assert mlkem.decapsulate(private, ciphertext) == secret
    assert vector["noble_decapsulates"] == vector["whisperd"]["secret"]
    changed = ciphertext[:-1] + bytes((ciphertext[-1] ^ 1,))
    assert unhex(vector, "noble_decapsulates_when_the_last_bit_is_changed") == (mlkem.decapsulate(private, changed),)


@pytest.mark.parametrize("vector", VECTORS["curves"], ids=lambda vector: vector["private"][:8])
def test_curves_give_the_same(vector):
    own, public, secret, uniform, share = unhex(vector, "private", "public", "secret", "uniform", "share")
    assert sodium.agree(bytearray(own), public) == secret
    assert sodium.hashed_public_key(bytearray(own), uniform) == share
    scalar, point = unhex(vector, "p256_private", "p256_public")
    key = ec.derive_private_key(int.from_bytes(scalar, "big"), ec.SECP256R1())
    assert unhex(vector["p256"], "secret", "signature") == (p256.agree(key, point), p256.sign(key, b"message"))
