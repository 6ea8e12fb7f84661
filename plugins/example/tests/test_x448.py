"""``x448-signed`` keeps the contract, refuses what it must, and its bytes are those that its docstring specifies."""

from __future__ import annotations

import hashlib
import os

import pytest
import whisperd_x448
from nacl.signing import SigningKey
from whisperd_x448 import X448Signed

from whisperd.errors import KeyExchangeRefused
from whisperd.plugin.conformance import check_key_exchange


class Person:
    """An identity with one Ed25519 key."""

    def __init__(self) -> None:
        self.key = SigningKey.generate()

    def public(self, kind: str) -> bytes:
        return {"ed25519": bytes(self.key.verify_key)}[kind]

    def sign(self, kind: str, message: bytes) -> bytes:
        return self.key.sign(message).signature


@pytest.fixture
def anna() -> Person:
    return Person()


@pytest.fixture
def ben() -> Person:
    return Person()


def test_it_passes_the_conformance_kit():
    check_key_exchange(X448Signed()).require()


def test_bundle_and_message_have_the_bytes_of_the_specification(anna, ben):
    bundle, _ = X448Signed().prekeys(anna, os.urandom)
    message, _ = X448Signed().initiate(bundle, ben, os.urandom)
    assert (len(bundle), bundle[:1], bundle[1:33]) == (153, b"\x01", anna.public("ed25519"))
    assert (len(message), message[:1], message[1:33]) == (153, b"\x02", ben.public("ed25519"))
    ben.key.verify_key.verify(b"whisperd-x448/1 message" + hashlib.sha512(bundle).digest() + message[:89], message[89:])


def test_a_message_cannot_be_taken_over_by_somebody_who_signs_it_anew(anna, ben):
    eve = Person()
    bundle, private = X448Signed().prekeys(anna, os.urandom)
    message, secret = X448Signed().initiate(bundle, ben, os.urandom)
    head = b"\x02" + eve.public("ed25519") + message[33:89]
    stolen = head + eve.sign("ed25519", b"whisperd-x448/1 message" + hashlib.sha512(bundle).digest() + head)
    assert X448Signed().accept(stolen, private, anna) != secret


def test_a_point_of_low_order_is_refused_though_it_is_signed(anna, ben):
    head = b"\x01" + anna.public("ed25519") + bytes(56)
    bundle = head + anna.sign("ed25519", b"whisperd-x448/1 bundle" + head)
    with pytest.raises(KeyExchangeRefused, match="low order"):
        X448Signed().initiate(bundle, ben, os.urandom)


def test_a_refused_message_leaves_the_prekey_for_the_right_one(anna, ben):
    bundle, private = X448Signed().prekeys(anna, os.urandom)
    message, secret = X448Signed().initiate(bundle, ben, os.urandom)
    with pytest.raises(KeyExchangeRefused, match="verify"):
        X448Signed().accept(message[:-1] + bytes((message[-1] ^ 1,)), private, anna)
    assert X448Signed().accept(message, private, anna) == secret


def test_nobody_talks_to_themselves(anna):
    bundle, _ = X448Signed().prekeys(anna, os.urandom)
    with pytest.raises(KeyExchangeRefused, match="own"):
        X448Signed().initiate(bundle, anna, os.urandom)


def test_the_self_test_notices_other_primitives(monkeypatch):
    monkeypatch.setattr(whisperd_x448, "_hash", lambda data: hashlib.sha3_512(data).digest())
    with pytest.raises(ValueError, match="not what it has to be"):
        X448Signed().self_test()
