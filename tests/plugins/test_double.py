"""The Double Ratchet without header encryption, alone and in conversation with somebody else's."""

from __future__ import annotations

import os
import random as randomness
from collections.abc import Coroutine
from typing import Any

import nacl.bindings as bindings
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from doubleratchet import AuthenticationFailedException, DoubleRatchet, EncryptedMessage, Header
from doubleratchet import aead as foreign_aead
from doubleratchet.recommended import HashFunction, kdf_hkdf, kdf_separate_hmacs
from doubleratchet.recommended.diffie_hellman_ratchet_curve25519 import DiffieHellmanRatchet
from whisperd_plugins.double import MAX_SKIP, OVERHEAD, Double, PlainState
from whisperd_plugins.double_he import DoubleHeaderEncrypted
from whisperd_plugins.kdf import chain_step
from whisperd_plugins.ratchet import HEADER

from whisperd.errors import MessageRejected

PLUGIN = Double()
AD = b"associated data"


class RootChain(kdf_hkdf.KDF):
    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_512

    @staticmethod
    def _get_info() -> bytes:
        return b"whisperd/1 double root"


class MessageChain(kdf_separate_hmacs.KDF):
    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_256


class Body(foreign_aead.AEAD):
    @staticmethod
    def _material(key: bytes) -> bytes:
        return HKDFExpand(SHA512(), 44, b"whisperd/1 double message").derive(key)

    @staticmethod
    async def encrypt(plaintext: bytes, key: bytes, associated_data: bytes) -> bytes:
        material = Body._material(key)
        return AESGCM(material[:32]).encrypt(material[32:], plaintext, associated_data)

    @staticmethod
    async def decrypt(ciphertext: bytes, key: bytes, associated_data: bytes) -> bytes:
        material = Body._material(key)
        try:
            return AESGCM(material[:32]).decrypt(material[32:], ciphertext, associated_data)
        except InvalidTag:
            raise AuthenticationFailedException from None


def header_of(header: Header) -> bytes:
    return HEADER.pack(header.ratchet_pub, header.previous_sending_chain_length, header.sending_chain_length)


class ForeignDoubleRatchet(DoubleRatchet):
    @staticmethod
    def _build_associated_data(associated_data: bytes, header: Header) -> bytes:
        return associated_data + header_of(header)


SETTINGS: dict[str, Any] = {
    "diffie_hellman_ratchet_class": DiffieHellmanRatchet, "root_chain_kdf": RootChain,
    "message_chain_kdf": MessageChain, "message_chain_constant": b"\x02\x01", "dos_protection_threshold": 500,
    "max_num_skipped_message_keys": 4000, "aead": Body,
}


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Return what a coroutine that waits for nothing returns."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits for something")


class Foreign:
    """One side by PyPI's DoubleRatchet, with the face of our sessions."""

    def __init__(self, ratchet: DoubleRatchet) -> None:
        self._ratchet = ratchet

    def encrypt(self, plaintext: bytes, ad: bytes) -> bytes:
        sent = run(self._ratchet.encrypt_message(plaintext, ad))
        return header_of(sent.header) + sent.ciphertext

    def decrypt(self, message: bytes, ad: bytes) -> bytes:
        return run(self._ratchet.decrypt_message(taken_apart(message), ad))


def taken_apart(message: bytes) -> EncryptedMessage:
    return EncryptedMessage(Header(*HEADER.unpack_from(message)), message[HEADER.size:])


def ours_speaks_first() -> tuple[Any, Foreign]:
    """Return our initiator and a foreign responder that has heard it once."""
    secret, private = os.urandom(32), os.urandom(32)
    ours = PLUGIN.initiator(secret, bindings.crypto_scalarmult_base(private), os.urandom)
    ratchet, heard = run(ForeignDoubleRatchet.decrypt_initial_message(
        **SETTINGS, shared_secret=secret, own_ratchet_priv=private,
        message=taken_apart(ours.encrypt(b"hello", AD)), associated_data=AD))
    assert heard == b"hello"
    return ours, Foreign(ratchet)


def theirs_speaks_first() -> tuple[Any, Foreign]:
    """Return our responder and a foreign initiator that it has heard once."""
    secret = os.urandom(32)
    offer, private = PLUGIN.offer(os.urandom)
    ratchet, sent = run(ForeignDoubleRatchet.encrypt_initial_message(
        **SETTINGS, shared_secret=secret, recipient_ratchet_pub=offer, message=b"hello", associated_data=AD))
    ours = PLUGIN.responder(secret, private, os.urandom)
    assert ours.decrypt(header_of(sent.header) + sent.ciphertext, AD) == b"hello"
    return ours, Foreign(ratchet)


@pytest.mark.parametrize("meet", [ours_speaks_first, theirs_speaks_first])
@pytest.mark.parametrize("seed", range(4))
def test_hundreds_of_messages_in_any_order_are_read_by_somebody_elses_ratchet_and_back(meet, seed):
    chance = randomness.Random(seed)
    ours, theirs = meet()
    sides = [ours, theirs]
    under_way: list[tuple[int, bytes, bytes]] = []
    for number in range(400):
        sender = chance.randrange(2)
        plaintext = b"%d" % number
        under_way.append((1 - sender, sides[sender].encrypt(plaintext, AD), plaintext))
        while len(under_way) > chance.randrange(24):
            receiver, message, plaintext = under_way.pop(chance.randrange(len(under_way)))
            assert sides[receiver].decrypt(message, AD) == plaintext
    chance.shuffle(under_way)
    for receiver, message, plaintext in under_way:
        assert sides[receiver].decrypt(message, AD) == plaintext
    with pytest.raises(AuthenticationFailedException):
        theirs.decrypt(ours.encrypt(b"bound", AD), b"to something else")


def pair() -> tuple[Any, Any]:
    offer, private = PLUGIN.offer(os.urandom)
    secret = os.urandom(32)
    return PLUGIN.initiator(secret, offer, os.urandom), PLUGIN.responder(secret, private, os.urandom)


def test_a_message_is_56_bytes_longer_than_its_plaintext():
    one, _ = pair()
    for size in (0, 1, 100, 32_768):
        assert len(one.encrypt(bytes(size), AD)) == size + OVERHEAD == size + 56


def test_a_forged_header_costs_at_most_twice_the_bound_and_changes_nothing(monkeypatch):
    one, other = pair()
    other.decrypt(one.encrypt(b"to", AD), AD)
    other.encrypt(b"fro", AD)
    walked: list[int] = []
    monkeypatch.setattr(PlainState, "step_chain", staticmethod(lambda key: walked.append(1) or chain_step(key)))
    before = other.dump()
    public = bindings.crypto_scalarmult_base(os.urandom(32))
    for previous, number, most in ((MAX_SKIP + 1, MAX_SKIP, 2 * MAX_SKIP + 1), (3, 2**32 - 1, 2), (2**32 - 1, 0, 0)):
        walked.clear()
        with pytest.raises(MessageRejected):
            other.decrypt(HEADER.pack(public, previous, number) + bytes(80), AD)
        assert len(walked) == most
        assert other.dump() == before


def test_a_dump_of_another_ratchet_does_not_load():
    foreign = DoubleHeaderEncrypted()
    offer, _ = foreign.offer(os.urandom)
    dump = foreign.initiator(bytes(32), offer, os.urandom).dump()
    with pytest.raises(ValueError, match="another version"):
        PLUGIN.load(dump, os.urandom)
