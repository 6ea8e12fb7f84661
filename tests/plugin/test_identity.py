"""The identity whose keys are in this process's memory."""

from __future__ import annotations

import os

import pytest
from whisperd_plugins import p256
from whisperd_plugins.pqxdh_falcon1024 import FALCON1024
from whisperd_plugins.signatures import ED25519, MLDSA87
from zope.interface.verify import verifyObject

from tests.plugins.external import cases
from whisperd.interfaces import IIdentity
from whisperd.plugin.identity import MemoryIdentity

KINDS = ("ed25519", "x25519")
VERIFIERS = {signer.kind: signer.verify for signer in (ED25519, MLDSA87, FALCON1024)} | {"p256": p256.verify}
SIGNING = {"ed25519": (32, 64), "mldsa87": (2592, 4627), "falcon1024": (1793, 1280), "p256": (65, 64)}


def test_it_provides_the_interface():
    assert verifyObject(IIdentity, MemoryIdentity(KINDS, os.urandom))


@pytest.mark.parametrize("kind", SIGNING)
def test_a_signature_verifies_under_the_public_key_and_nothing_else_does(kind: str):
    identity, verify = MemoryIdentity([kind], os.urandom), VERIFIERS[kind]
    public, signature = identity.public(kind), identity.sign(kind, b"message")
    assert (len(public), len(signature)) == SIGNING[kind]
    assert verify(public, b"message", signature)
    assert not verify(public, b"massage", signature)
    assert not verify(MemoryIdentity([kind], os.urandom).public(kind), b"message", signature)
    for wrong in (b"", signature[:-1], signature + b"\0", bytes(len(signature))):
        assert not verify(public, b"message", wrong)
    for wrong in (b"", public[:-1], public + b"\0"):
        assert not verify(wrong, b"message", signature)


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


@pytest.mark.parametrize("kind", SIGNING)
def test_a_wiped_key_signs_no_more(kind: str):
    identity = MemoryIdentity([kind], os.urandom)
    key = identity._keys[kind]
    identity.wipe()
    assert not key.private or not any(key.private)
    with pytest.raises(KeyError):
        identity.sign(kind, b"")


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
