"""Signed Diffie-Hellman on P-256, in the formats of WebCrypto."""

from __future__ import annotations

import hashlib
import os

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from whisperd_plugins import p256
from whisperd_plugins.p256_simple import BUNDLE, BUNDLE_CONTEXT, MESSAGE, P256Simple

from whisperd.errors import KeyExchangeRefused
from whisperd.interfaces import Level
from whisperd.plugin.conformance import check_key_exchange
from whisperd.plugin.identity import MemoryIdentity

PLUGIN = P256Simple()
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
FIELD = 2**256 - 2**224 + 2**192 + 2**96 - 1


def identity() -> MemoryIdentity:
    return MemoryIdentity(["p256"], os.urandom)


def exchange() -> tuple:
    inviter, joiner = identity(), identity()
    bundle, private = PLUGIN.prekeys(inviter, os.urandom)
    message, secret = PLUGIN.initiate(bundle, joiner, os.urandom)
    return inviter, bundle, private, message, secret


def with_prekey(owner: MemoryIdentity, bundle: bytes, prekey: bytes) -> bytes:
    """Return the bundle with another prekey, signed by its owner."""
    head = BUNDLE.head({**BUNDLE.split(bundle), "prekey": prekey})
    return BUNDLE.finish(head, owner.sign("p256", BUNDLE_CONTEXT + head))


def test_it_passes_every_check_and_is_of_no_higher_level_than_standard():
    assert check_key_exchange(PLUGIN).faults == {}
    assert PLUGIN.level == Level.STANDARD


def test_records_have_the_sizes_that_the_manual_states():
    _, bundle, _, message, _ = exchange()
    assert (len(bundle), len(message)) == (BUNDLE.size, MESSAGE.size) == (198, 248)


def test_the_secret_and_the_confirmation_are_the_ones_of_the_description():
    inviter, bundle, private, message, secret = exchange()
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), MESSAGE.split(message)["ephemeral key"])
    head = message[:-17]
    info = b"whisperd/1 p256-simple" + hashlib.sha256(bundle).digest() + hashlib.sha256(head).digest()
    keys = HKDF(SHA256(), 64, None, info).derive(private.key.exchange(ec.ECDH(), theirs))
    assert keys[:32] == secret == PLUGIN.accept(message, private, inviter)
    assert AESGCM(keys[32:]).decrypt(bytes(12), message[-16:], head) == b""


@pytest.mark.parametrize("prekey", [
    b"\x04" + bytes(64), b"\x04" + b"\xff" * 64, b"\x00" * 65, b"\x04" + (FIELD + 5).to_bytes(32, "big") + bytes(32),
], ids=["nowhere", "beyond-the-field", "no-form", "not-reduced"])
def test_a_well_signed_prekey_that_is_not_a_point_is_refused(prekey: bytes):
    inviter, bundle, *_ = exchange()
    with pytest.raises(KeyExchangeRefused, match="not valid"):
        PLUGIN.initiate(with_prekey(inviter, bundle, prekey), identity(), os.urandom)


def test_another_form_of_a_point_is_refused():
    inviter, bundle, *_ = exchange()
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), BUNDLE.split(bundle)["prekey"])
    hybrid = bytes((6 + point.public_numbers().y % 2,)) + BUNDLE.split(bundle)["prekey"][1:]
    with pytest.raises(KeyExchangeRefused, match="not valid"):
        PLUGIN.initiate(with_prekey(inviter, bundle, hybrid), identity(), os.urandom)
    assert len(point.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)) != p256.PUBLIC


def test_the_second_form_of_a_signature_is_of_no_use():
    """ECDSA verifies (r, -s) as well; the bundle's digest and the derivation do not take it for the same."""
    inviter, bundle, private, message, _ = exchange()
    for layout, record in ((BUNDLE, bundle), (MESSAGE, message)):
        start = layout.start_of("signature") + 33
        other = ORDER - int.from_bytes(record[start:start + 32], "big")
        turned = record[:start] + other.to_bytes(32, "big") + record[start + 32:]
        if layout is BUNDLE:
            turned, _ = PLUGIN.initiate(turned, identity(), os.urandom)
        with pytest.raises(KeyExchangeRefused):
            PLUGIN.accept(turned, private, inviter)


def test_prekeys_of_another_identity_are_refused():
    _, _, private, message, _ = exchange()
    with pytest.raises(KeyExchangeRefused, match="another identity"):
        PLUGIN.accept(message, private, identity())


def test_a_side_does_not_exchange_with_itself():
    inviter, bundle, *_ = exchange()
    with pytest.raises(KeyExchangeRefused, match="own identity"):
        PLUGIN.initiate(bundle, inviter, os.urandom)


@pytest.mark.parametrize("drawn", [bytes(48), b"\xff" * 48, (ORDER - 1).to_bytes(48, "big"), ORDER.to_bytes(48, "big")],
                         ids=["zero", "most", "n-1", "n"])
def test_any_48_bytes_make_a_private_key(drawn: bytes):
    private = p256.private_key(drawn)
    assert 0 < private.private_numbers().private_value < ORDER
    assert p256.verify(p256.public_key(private), b"message", p256.sign(private, b"message"))


@pytest.mark.parametrize("signature", [b"", bytes(63), bytes(64), bytes(65), b"\xff" * 64], ids=len)
def test_what_is_not_a_signature_does_not_verify(signature: bytes):
    assert not p256.verify(identity().public("p256"), b"message", signature)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_are_anything_but_refused(junk: bytes):
    inviter, _, private, _, _ = exchange()
    with pytest.raises(KeyExchangeRefused):
        PLUGIN.initiate(junk, inviter, os.urandom)
    with pytest.raises(KeyExchangeRefused):
        PLUGIN.accept(junk, private, inviter)
