"""What the browser's libraries come to when they are asked now, not only once. [tests/vectors/noble/answers.json]"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from whisperd_plugins import falcon, mlkem, p256, signatures, sodium
from whisperd_plugins.p256_simple import P256Simple
from whisperd_plugins.pqxdh_mldsa87 import PqxdhMlkem1024Mldsa87

from tests.plugins.noble import Ask, running
from whisperd.errors import KeyExchangeRefused
from whisperd.plugin.identity import MemoryIdentity

pytestmark = pytest.mark.soak
ROUNDS = range(5)
VERIFY = {"mldsa87": signatures.verify_mldsa87, "falcon1024": falcon.verify}


@pytest.fixture(scope="module")
def noble() -> Iterator[Ask]:
    """Return a function that asks Node."""
    with running() as ask:
        yield ask


@pytest.mark.parametrize("kind", VERIFY)
@pytest.mark.parametrize("round", ROUNDS)
def test_signatures_are_understood_both_ways(noble: Ask, kind: str, round: int):
    identity, message = MemoryIdentity([kind], os.urandom), os.urandom(1000 * round)
    signature = identity.sign(kind, message)
    assert noble("verify", kind=kind, key=identity.public(kind), message=message, signature=signature)["valid"]
    other = message + b"!"
    assert noble("verify", kind=kind, key=identity.public(kind), message=other, signature=signature)["valid"] is False
    made = noble("sign", kind=kind, message=message)
    assert VERIFY[kind](made["key"], message, made["signature"])
    assert not VERIFY[kind](made["key"], other, made["signature"])


def test_a_falcon_signature_that_is_cut_is_refused_by_both(noble: Ask):
    made = noble("sign", kind="falcon1024", message=b"message")
    cut = made["signature"].rstrip(b"\0")
    assert not falcon.verify(made["key"], b"message", cut)
    answer = noble("verify", kind="falcon1024", key=made["key"], message=b"message", signature=cut)
    assert "error" in answer or answer["valid"] is False


@pytest.mark.parametrize("round", ROUNDS)
def test_seeds_make_the_same_public_keys(noble: Ask, round: int):
    seed = os.urandom(mlkem.SEED)
    assert noble("keygen", kind="mlkem1024", seed=seed)["key"] == mlkem.keypair(seed)[0]
    identity = MemoryIdentity(["mldsa87"], lambda size: seed[:size])
    assert noble("keygen", kind="mldsa87", seed=seed[:32])["key"] == identity.public("mldsa87")


@pytest.mark.parametrize("round", ROUNDS)
def test_encapsulation_is_understood_both_ways(noble: Ask, round: int):
    seed = os.urandom(mlkem.SEED)
    public, private = mlkem.keypair(seed)
    made = noble("encapsulate", key=public)
    assert mlkem.decapsulate(private, made["ciphertext"]) == made["secret"]
    ciphertext, secret = mlkem.encapsulate(public)
    assert noble("decapsulate", seed=seed, ciphertext=ciphertext)["secret"] == secret
    changed = ciphertext[:-1] + bytes((ciphertext[-1] ^ 1,))
    rejected = noble("decapsulate", seed=seed, ciphertext=changed)["secret"]
    assert rejected == mlkem.decapsulate(private, changed) != secret


@pytest.mark.parametrize("round", ROUNDS)
def test_curves_give_the_same(noble: Ask, round: int):
    own, uniform = os.urandom(32), os.urandom(32)
    other = sodium.public_key(bytearray(os.urandom(32)))
    assert noble("agree", private=own, public=other)["secret"] == sodium.agree(bytearray(own), other)
    assert noble("mapped", private=own, uniform=uniform)["share"] == sodium.hashed_public_key(bytearray(own), uniform)
    key, point = p256.private_key(os.urandom(48)), p256.public_key(p256.private_key(os.urandom(48)))
    scalar = key.private_numbers().private_value.to_bytes(32, "big")
    made = noble("p256", private=scalar, public=point, message=b"message")
    assert made["secret"] == p256.agree(key, point)
    assert made["signature"] == p256.sign(key, b"message")


@pytest.mark.parametrize("plugin", [PqxdhMlkem1024Mldsa87(), P256Simple()], ids=lambda plugin: plugin.id)
@pytest.mark.parametrize("round", ROUNDS)
def test_a_joiner_in_javascript_arrives_at_our_secret(noble: Ask, plugin: Any, round: int):
    inviter = MemoryIdentity(plugin.identity_kinds, os.urandom)
    bundle, private = plugin.prekeys(inviter, os.urandom)
    made = noble("p256Simple" if plugin.id == "p256-simple" else "pqxdh", bundle=bundle)
    assert "error" not in made, made
    changed = made["message"][:-1] + bytes((made["message"][-1] ^ 1,))
    with pytest.raises(KeyExchangeRefused, match="changed"):
        plugin.accept(changed, private, inviter)
    assert plugin.accept(made["message"], private, inviter) == made["secret"]


def test_a_joiner_in_javascript_refuses_a_bundle_that_was_changed(noble: Ask):
    for plugin, ask in ((PqxdhMlkem1024Mldsa87(), "pqxdh"), (P256Simple(), "p256Simple")):
        bundle, _ = plugin.prekeys(MemoryIdentity(plugin.identity_kinds, os.urandom), os.urandom)
        assert "error" in noble(ask, bundle=bundle[:100] + bytes((bundle[100] ^ 1,)) + bundle[101:])
