"""The envelope cascade: three layers, each with keys of its own, each enough to find a change."""

from __future__ import annotations

import os

import nacl.bindings as bindings
import pytest
from blake3 import blake3
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given, settings
from hypothesis import strategies as st
from whisperd_plugins import cascade
from whisperd_plugins.cascade import CASCADE, TripleCascade
from whisperd_plugins.triple import Triple

from whisperd.errors import MessageRejected

INFO = b"info"
AD = b"associated data"


class Layers:
    """The layers of one body, made with other libraries' functions."""

    def __init__(self, key: bytes) -> None:
        material = HKDFExpand(SHA512(), 132, INFO + b" cascade").derive(key)
        self.inner_key, self.inner_nonce = material[:32], material[32:44]
        self.outer_key, self.outer_nonce, self.tag_key = material[44:76], material[76:100], material[100:]

    def inner(self, plaintext: bytes) -> bytes:
        return AESGCM(self.inner_key).encrypt(self.inner_nonce, plaintext, AD)

    def outer(self, inner: bytes) -> bytes:
        return bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(inner, AD, self.outer_nonce, self.outer_key)

    def body(self, outer: bytes) -> bytes:
        return outer + blake3(len(AD).to_bytes(8) + AD + outer, key=self.tag_key).digest()


def flipped(data: bytes, place: int = 0) -> bytes:
    return data[:place] + bytes((data[place] ^ 1,)) + data[place + 1:]


@pytest.mark.parametrize("size", [0, 1, 100, 32_768])
def test_a_body_is_what_the_description_gives_and_64_bytes_longer(size: int):
    key, plaintext = os.urandom(32), os.urandom(size)
    layers = Layers(key)
    body = CASCADE.close(key, INFO, plaintext, AD)
    assert body == layers.body(layers.outer(layers.inner(plaintext)))
    assert len(body) == size + CASCADE.overhead == size + 64
    assert CASCADE.open(key, INFO, body, AD) == plaintext


def test_each_layer_alone_finds_a_change():
    key = os.urandom(32)
    layers = Layers(key)
    inner = layers.inner(b"whole")
    outer = layers.outer(inner)
    assert CASCADE.open(key, INFO, layers.body(outer), AD) == b"whole"
    assert CASCADE.open(key, INFO, flipped(layers.body(outer), -1), AD) is None
    assert CASCADE.open(key, INFO, layers.body(flipped(outer)), AD) is None
    assert CASCADE.open(key, INFO, layers.body(layers.outer(flipped(inner))), AD) is None


def test_the_keys_of_the_layers_have_nothing_in_common():
    keys = cascade._keys(os.urandom(32), INFO)
    assert [len(key) for key in keys] == [32, 12, 32, 24, 32]
    assert len({bytes(key[:12]) for key in keys}) == 5
    assert [bytes(key) for key in keys] != [bytes(key) for key in cascade._keys(os.urandom(32), INFO)]


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=64, max_size=200), st.binary(max_size=40))
def test_nothing_else_opens(junk: bytes, ad: bytes):
    key = bytes(32)
    assert CASCADE.open(key, INFO, junk, ad) is None
    body = CASCADE.close(key, INFO, b"here", AD)
    for other in (AD + ad + b"\0", AD[: len(ad) % len(AD)]):
        assert CASCADE.open(key, INFO, body, other) is None
    assert CASCADE.open(key, b"other info", body, AD) is None
    assert CASCADE.open(bytes(31) + b"\1", INFO, body, AD) is None


def test_a_forged_body_costs_no_decryption(monkeypatch):
    key = os.urandom(32)
    body = CASCADE.close(key, INFO, b"here", AD)
    monkeypatch.setattr(cascade.sodium, "unseal", lambda *rest: pytest.fail("decrypted"))
    assert CASCADE.open(key, INFO, flipped(body, 3), AD) is None


def test_a_ratchet_in_the_envelope_does_not_read_one_without_though_they_share_the_secret():
    plain, enclosed = Triple(), TripleCascade()
    offer, private = plain.offer(os.urandom)
    one = plain.initiator(bytes(32), offer, os.urandom)
    other = enclosed.responder(bytes(32), private, os.urandom)
    with pytest.raises(MessageRejected):
        other.decrypt(one.encrypt(bytes(48), AD), AD)
    assert len(one.encrypt(b"", AD)) == 149


def test_a_message_in_the_envelope_is_48_bytes_longer():
    plugin = TripleCascade()
    offer, _ = plugin.offer(os.urandom)
    session = plugin.initiator(bytes(32), offer, os.urandom)
    assert len(session.encrypt(bytes(100), AD)) == 100 + 149 + 48
