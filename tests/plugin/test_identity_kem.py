"""An identity with an ML-KEM-1024 key: the handle decapsulates, and a key exchange that needs it passes every check."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import pytest
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from whisperd_plugins import mlkem

from tests.plugin.open_kex import SIZE, OpenKex
from tests.plugins.external import cases
from whisperd.errors import KeyExchangeRefused
from whisperd.interfaces import Random
from whisperd.plugin.conformance import check_key_exchange
from whisperd.plugin.identity import MemoryIdentity
from whisperd.plugin.registry import KEX, fault

KIND = "mlkem1024"


class IdentityKem(OpenKex):
    """The open exchange with a second encapsulation, to the inviter's identity; what is added is signed once more."""

    id = "identity-kem"
    identity_kinds = ("ed25519", "x25519", KIND)

    def prekeys(self, identity: Any, random: Random, *, lasting: bool = False) -> Any:
        bundle, private = super().prekeys(identity, random, lasting=lasting)
        private.whole = _extended(bundle, identity.public(KIND), identity)
        return private.whole, private

    def initiate(self, bundle: bytes, identity: Any, random: Random) -> tuple[bytes, bytes]:
        key = _added(bundle)
        message, secret = super().initiate(bundle[:SIZE], identity, random)
        ciphertext, shared = self.encapsulate(key)
        message = _extended(message, ciphertext, identity)
        return message, hashlib.sha256(secret + shared + bundle + message).digest()

    def accept(self, message: bytes, private: Any, identity: Any) -> bytes:
        shared = identity.decapsulate(_added(message))
        secret = super().accept(message[:SIZE], private, identity)
        return hashlib.sha256(secret + shared + private.whole + message).digest()


def _extended(record: bytes, more: bytes, identity: Any) -> bytes:
    whole: bytes = record + more + identity.sign("ed25519", b"added" + record + more)
    return whole


def _added(record: bytes) -> bytes:
    """Return what was added to a record; raises KeyExchangeRefused unless who signed the record signed that too."""
    if len(record) != SIZE + mlkem.PUBLIC + 64:
        raise KeyExchangeRefused
    try:
        VerifyKey(record[1:33]).verify(b"added" + record[:-64], record[-64:])
    except BadSignatureError:
        raise KeyExchangeRefused from None
    return record[SIZE:-64]


def test_a_key_exchange_with_a_kem_key_in_its_identities_passes_every_check():
    assert fault(IdentityKem(), KEX, "identity-kem") is None
    assert check_key_exchange(IdentityKem()).faults == {}


def test_what_is_encapsulated_to_an_identity_is_known_to_it_alone():
    identity = MemoryIdentity([KIND], os.urandom)
    ciphertext, secret = mlkem.encapsulate(identity.public(KIND))
    assert len(identity.public(KIND)) == 1_568 and identity.decapsulate(ciphertext) == secret
    assert MemoryIdentity([KIND], os.urandom).decapsulate(ciphertext) != secret
    assert identity.decapsulate(ciphertext[:-1] + bytes((ciphertext[-1] ^ 1,))) != secret


def test_decapsulation_gives_the_secrets_of_the_external_vectors():
    tried = 0
    for _, case in cases("mlkem_1024"):
        if case["result"] == "valid":
            identity = MemoryIdentity([KIND], lambda size, case=case: bytes.fromhex(case["seed"]))
            assert identity.public(KIND).hex() == case["ek"]
            assert identity.decapsulate(bytes.fromhex(case["c"])).hex() == case["K"]
            tried += 1
    assert tried


@pytest.mark.parametrize("size", [0, 1_567, 1_569])
def test_a_ciphertext_of_another_size_is_refused(size: int):
    with pytest.raises(ValueError, match="1568 bytes"):
        MemoryIdentity([KIND], os.urandom).decapsulate(bytes(size))


def test_without_the_key_and_after_wipe_there_is_no_decapsulation():
    identity = MemoryIdentity([KIND], os.urandom)
    key = identity._keys[KIND]
    identity.wipe()
    assert key.private is None
    for other in (identity, MemoryIdentity(["x25519"], os.urandom)):
        with pytest.raises(KeyError):
            other.decapsulate(bytes(mlkem.CIPHERTEXT))
    for use in (lambda one: one.sign(KIND, b""), lambda one: one.agree(bytes(32))):
        with pytest.raises(KeyError):
            use(MemoryIdentity([KIND], os.urandom))
