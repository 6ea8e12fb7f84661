"""The primitives below the key exchanges against a second library each, so that no two mistakes agree."""

from __future__ import annotations

import os

import nacl.bindings as sodium_bindings
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from pqcrypto.kem import ml_kem_1024
from pqcrypto.sign import falcon_1024, falcon_padded_1024, ml_dsa_87
from whisperd_plugins import falcon, mlkem, signatures, sodium

from whisperd.plugin.identity import MemoryIdentity

ROUNDS = range(20)


@pytest.mark.parametrize("round", ROUNDS)
def test_libsodium_and_openssl_agree_on_x25519(round: int):
    ours, theirs = bytearray(os.urandom(32)), X25519PrivateKey.generate()
    public = sodium.public_key(ours)
    assert X25519PrivateKey.from_private_bytes(bytes(ours)).public_key().public_bytes_raw() == public
    shared = theirs.exchange(X25519PublicKey.from_public_bytes(public))
    assert bytes(sodium.agree(ours, theirs.public_key().public_bytes_raw())) == shared


@pytest.mark.parametrize("round", ROUNDS)
def test_libsodium_and_openssl_make_the_same_ed25519_signatures(round: int):
    seed, message = os.urandom(32), os.urandom(round)
    identity, theirs = MemoryIdentity(["ed25519"], lambda size: seed), Ed25519PrivateKey.from_private_bytes(seed)
    signature = identity.sign("ed25519", message)
    assert signature == theirs.sign(message)
    Ed25519PublicKey.from_public_bytes(identity.public("ed25519")).verify(signature, message)
    assert signatures.verify_ed25519(theirs.public_key().public_bytes_raw(), message, theirs.sign(message))


@pytest.mark.parametrize("round", ROUNDS)
def test_openssl_and_pqclean_understand_each_other_in_ml_kem(round: int):
    public, private = mlkem.keypair(os.urandom(mlkem.SEED))
    ciphertext, secret = ml_kem_1024.encrypt(public)
    assert mlkem.decapsulate(private, ciphertext) == secret
    their_public, their_private = ml_kem_1024.generate_keypair()
    ciphertext, secret = mlkem.encapsulate(their_public)
    assert ml_kem_1024.decrypt(their_private, ciphertext) == secret


@pytest.mark.parametrize("round", ROUNDS)
def test_openssl_and_pqclean_understand_each_other_in_ml_dsa(round: int):
    message = os.urandom(round * 100)
    identity = MemoryIdentity(["mldsa87"], os.urandom)
    assert ml_dsa_87.verify(identity.public("mldsa87"), message, identity.sign("mldsa87", message))
    public, private = ml_dsa_87.generate_keypair()
    signature = ml_dsa_87.sign(private, message)
    assert signatures.verify_mldsa87(public, message, signature)
    assert not signatures.verify_mldsa87(public, message + b"!", signature)


def test_our_view_of_pqclean_is_pqcryptos_own():
    public, private = falcon.keypair()
    assert falcon_padded_1024.verify(public, b"message", falcon.sign(private, b"message"))
    public, private = falcon_padded_1024.generate_keypair()
    assert falcon.verify(public, b"message", falcon_padded_1024.sign(private, b"message"))


def test_a_falcon_signature_in_the_form_that_is_not_padded_is_refused_though_it_is_genuine():
    public, private = falcon_1024.generate_keypair()
    signature = falcon_1024.sign(private, b"message")
    assert falcon_1024.verify(public, b"message", signature) and len(signature) < falcon.SIGNATURE
    assert not falcon.verify(public, b"message", signature)


def test_ed25519_keys_of_low_order_and_other_encodings_verify_nothing():
    identity = MemoryIdentity(["ed25519"], os.urandom)
    signature = identity.sign("ed25519", b"message")
    for public in (bytes(32), b"\x01" + bytes(31), b"\xff" * 32, (2**255 - 18).to_bytes(32, "little")):
        assert not signatures.verify_ed25519(public, b"message", signature)
        assert not signatures.verify_ed25519(public, b"", public + bytes(32))
    scalar = int.from_bytes(signature[32:], "little") + 2**252 + 27742317777372353535851937790883648493
    assert not signatures.verify_ed25519(identity.public("ed25519"), b"message",
                                         signature[:32] + scalar.to_bytes(32, "little"))
    assert sodium_bindings.crypto_sign_open(signature + b"message", identity.public("ed25519")) == b"message"
