"""The identity whose keys are in this process's memory."""

from __future__ import annotations

import os

import nacl.bindings as bindings
import pytest
from zope.interface.verify import verifyObject

from tests.plugins.external import cases
from whisperd.interfaces import IIdentity
from whisperd.plugin.identity import MemoryIdentity

KINDS = ("ed25519", "x25519")


def test_it_provides_the_interface():
    assert verifyObject(IIdentity, MemoryIdentity(KINDS, os.urandom))


def test_a_signature_verifies_under_the_public_key_and_nothing_else_does():
    identity = MemoryIdentity(KINDS, os.urandom)
    signature = identity.sign("ed25519", b"message")
    assert len(signature) == 64
    assert bindings.crypto_sign_open(signature + b"message", identity.public("ed25519")) == b"message"
    with pytest.raises(Exception, match="forged"):
        bindings.crypto_sign_open(signature + b"massage", identity.public("ed25519"))


def test_two_identities_agree():
    one, other = MemoryIdentity(["x25519"], os.urandom), MemoryIdentity(["x25519"], os.urandom)
    assert one.agree(other.public("x25519")) == other.agree(one.public("x25519"))


def test_agreement_gives_the_secrets_of_the_external_vectors():
    for _, case in cases("x25519"):
        identity = MemoryIdentity(["x25519"], lambda size, case=case: bytes.fromhex(case["private"]))
        if "ZeroSharedSecret" in case["flags"]:
            with pytest.raises(ValueError, match="low order"):
                identity.agree(bytes.fromhex(case["public"]))
        else:
            assert identity.agree(bytes.fromhex(case["public"])).hex() == case["shared"]


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_point_of_another_size_is_refused(size: int):
    with pytest.raises(ValueError, match="32 bytes"):
        MemoryIdentity(["x25519"], os.urandom).agree(bytes(size))


def test_kinds_that_it_does_not_have_are_key_errors():
    signing, agreeing = MemoryIdentity(["ed25519"], os.urandom), MemoryIdentity(["x25519"], os.urandom)
    for call in (lambda: signing.public("x25519"), lambda: signing.agree(bytes(32)),
                 lambda: signing.sign("mldsa87", b""), lambda: agreeing.sign("ed25519", b""),
                 lambda: agreeing.sign("x25519", b"")):
        with pytest.raises(KeyError):
            call()


def test_a_kind_that_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="rsa"):
        MemoryIdentity(["rsa"], os.urandom)


def test_the_same_random_source_makes_the_same_identity():
    made = [MemoryIdentity(KINDS, lambda size: b"\7" * size) for _ in range(2)]
    assert made[0].public("ed25519") == made[1].public("ed25519") != made[0].public("x25519")


def test_wiping_overwrites_the_keys_and_ends_every_use():
    identity = MemoryIdentity(KINDS, os.urandom)
    held = [key.private for key in identity._keys.values()]
    assert any(held[0]) and any(held[1])
    identity.wipe()
    assert held == [bytearray(64), bytearray(32)]
    for call in (lambda: identity.public("ed25519"), lambda: identity.sign("ed25519", b""),
                 lambda: identity.agree(bytes(32))):
        with pytest.raises(KeyError):
            call()
    identity.wipe()
