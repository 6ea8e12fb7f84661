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
from whisperd_plugins import double
from whisperd_plugins.double import MAX_SKIP, OVERHEAD, SALT, STEPS, Double
from whisperd_plugins.double_he import DoubleHeaderEncrypted
from whisperd_plugins.ratchet_state import HEADER
from whisperd_plugins.skipped_keys import MAX_CHAINS

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
    def _material(key: bytes, salt: bytes) -> bytes:
        return HKDFExpand(SHA512(), 44, b"whisperd/1 double message" + salt).derive(key)

    @staticmethod
    async def encrypt(plaintext: bytes, key: bytes, associated_data: bytes) -> bytes:
        salt = os.urandom(SALT)
        material = Body._material(key, salt)
        return salt + AESGCM(material[:32]).encrypt(material[32:], plaintext, associated_data)

    @staticmethod
    async def decrypt(ciphertext: bytes, key: bytes, associated_data: bytes) -> bytes:
        material = Body._material(key, ciphertext[:SALT])
        try:
            return AESGCM(material[:32]).decrypt(material[32:], ciphertext[SALT:], associated_data)
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
            old = int(under_way[0][2]) < number - MAX_CHAINS  # its key may be dropped soon
            receiver, message, plaintext = under_way.pop(0 if old else chance.randrange(len(under_way)))
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


def test_a_message_is_72_bytes_longer_than_its_plaintext():
    one, _ = pair()
    for size in (0, 1, 100, 32_768):
        assert len(one.encrypt(bytes(size), AD)) == size + OVERHEAD == size + 72


@pytest.fixture
def walked(monkeypatch) -> list[int]:
    """Gets an entry for each step of a chain that was taken for a message further on."""
    steps: list[int] = []
    taken = double.next_chain_key
    monkeypatch.setattr(double, "next_chain_key", lambda key: steps.append(1) or taken(key))
    return steps


def forged(peer: bytes, previous: int, number: int) -> bytes:
    return HEADER.pack(peer, previous, number) + bytes(96)


def reject(receiver: Any, message: bytes) -> None:
    before = receiver.dump()
    with pytest.raises(MessageRejected):
        receiver.decrypt(message, AD)
    assert receiver.dump() == before


@pytest.mark.parametrize("turning", [True, False])
@pytest.mark.parametrize("number", [STEPS, STEPS + 1, 100, MAX_SKIP, MAX_SKIP + 2, 2**32 - 2, 2**32 - 1])
def test_forged_headers_cost_a_few_steps_each_whatever_they_claim(walked, turning: bool, number: int):
    one, other = pair()
    other.decrypt(one.encrypt(b"to", AD), AD)
    other.encrypt(b"fro", AD)
    for count in range(1, 400):
        peer = bindings.crypto_scalarmult_base(os.urandom(32)) if turning else other._state.peer
        reject(other, forged(peer, count % MAX_SKIP, number))
        assert len(walked) <= MAX_SKIP + count * STEPS
    other.decrypt(one.encrypt(b"the next", AD), AD)


def test_a_chain_that_ended_too_far_ahead_is_rejected_before_anything_is_computed(walked):
    one, other = pair()
    other.decrypt(one.encrypt(b"to", AD), AD)
    other.encrypt(b"fro", AD)
    reject(other, forged(bindings.crypto_scalarmult_base(os.urandom(32)), MAX_SKIP + 2, MAX_SKIP))
    reject(other, forged(bindings.crypto_scalarmult_base(os.urandom(32)), 2**32 - 1, 0))
    assert not walked


def flooded() -> tuple[Any, Any]:
    """Return two sides, the second without an allowance."""
    one, other = pair()
    other.decrypt(one.encrypt(b"to", AD), AD)
    one.decrypt(other.encrypt(b"fro", AD), AD)
    reject(other, forged(bindings.crypto_scalarmult_base(os.urandom(32)), 0, MAX_SKIP))
    return one, other


def test_after_a_flood_messages_that_overtake_a_few_are_read_as_ever():
    one, other = flooded()
    sent = [one.encrypt(b"%d" % number, AD) for number in range(STEPS + 1)]
    assert [other.decrypt(message, AD) for message in reversed(sent)] == [b"%d" % n for n in reversed(range(STEPS + 1))]


def test_after_a_flood_a_message_that_overtakes_many_is_read_once_enough_messages_came():
    one, other = flooded()
    missing = [one.encrypt(b"%d" % number, AD) for number in range(100)]
    tries = 0
    while True:
        tries += 1
        try:
            assert other.decrypt(one.encrypt(b"greeting", AD), AD) == b"greeting"
        except MessageRejected:
            continue
        break
    assert 1 < tries <= -(-110 // STEPS)
    assert [other.decrypt(message, AD) for message in missing] == [b"%d" % number for number in range(100)]


def test_what_authentic_messages_skip_is_given_back(walked):
    one, other = pair()
    other.decrypt(one.encrypt(b"to", AD), AD)
    for _ in range(4):
        missing = [one.encrypt(b"%d" % number, AD) for number in range(MAX_SKIP)]
        other.decrypt(one.encrypt(b"far", AD), AD)
        assert other.decrypt(missing[-1], AD) == b"%d" % (MAX_SKIP - 1)
        one.decrypt(other.encrypt(b"turn", AD), AD)
    assert len(walked) == 4 * MAX_SKIP


def test_a_side_that_was_turned_to_twice_keeps_its_allowance():
    one, other = pair()
    other.decrypt(one.encrypt(b"to", AD), AD)
    reject(other, forged(bindings.crypto_scalarmult_base(os.urandom(32)), 0, MAX_SKIP))
    assert other._state.allowance == MAX_SKIP


def test_a_dump_of_another_ratchet_does_not_load():
    foreign = DoubleHeaderEncrypted()
    offer, _ = foreign.offer(os.urandom)
    dump = foreign.initiator(bytes(32), offer, os.urandom).dump()
    with pytest.raises(ValueError, match="another version"):
        PLUGIN.load(dump, os.urandom)
