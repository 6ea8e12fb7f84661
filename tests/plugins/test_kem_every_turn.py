"""The ratchet with an ML-KEM exchange at each turn."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import nacl.bindings as bindings
import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM1024PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from hypothesis import given, settings
from hypothesis import strategies as st
from whisperd_plugins import kem_every_turn, mlkem, ratchet_dump, sodium
from whisperd_plugins.double_he import DoubleHeaderEncrypted
from whisperd_plugins.kdf import chain_step
from whisperd_plugins.kem_every_turn import OVERHEAD, ROOT_INFO, KemEveryTurn, KemState

from whisperd.errors import KeyExchangeRefused, MessageRejected

PLUGIN = KemEveryTurn()
AD = b"associated data"


def pair(plugin: Any = PLUGIN) -> tuple[Any, Any]:
    offer, private = plugin.offer(os.urandom)
    secret = os.urandom(32)
    return plugin.initiator(secret, offer, os.urandom), plugin.responder(secret, private, os.urandom)


def tell(sender: Any, receiver: Any) -> bytes:
    message = sender.encrypt(b"said", AD)
    assert receiver.decrypt(message, AD) == b"said"
    return message


def rejected(receiver: Any, message: bytes) -> None:
    before = receiver.dump()
    with pytest.raises(MessageRejected):
        receiver.decrypt(message, AD)
    assert receiver.dump() == before


def test_every_message_is_3232_bytes_longer_than_its_plaintext():
    one, other = pair()
    for _ in range(3):
        assert {len(tell(one, other)), len(tell(one, other)), len(tell(other, one))} == {4 + OVERHEAD} == {4 + 3232}


def test_the_first_message_is_what_the_paper_and_this_description_give():
    draws = [seed := os.urandom(64), private := os.urandom(32)]
    offer, _ = PLUGIN.offer(lambda size: draws.pop())
    secret = os.urandom(32)
    message = PLUGIN.initiator(secret, offer, os.urandom).encrypt(b"first", AD)
    nonce, sealed, body = message[:24], message[24:3216], message[3216:]

    split = HKDF(SHA512(), 96, None, b"whisperd/1 kem-every-turn secret").derive(secret)
    header = bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
        sealed, hashlib.sha256(body).digest(), nonce, split[32:64])
    shared = bindings.crypto_scalarmult(private, header[:32])
    shared += MLKEM1024PrivateKey.from_seed_bytes(seed).decapsulate(header[1608:])
    chain_key = HKDF(SHA512(), 96, split[:32], b"whisperd/1 kem-every-turn root").derive(shared)[32:64]
    key = chain_step(bytearray(chain_key))[0]
    material = HKDFExpand(SHA512(), 44, b"whisperd/1 kem-every-turn message" + nonce).derive(key)
    assert AESGCM(material[:32]).decrypt(material[32:], body, AD + header) == b"first"


def test_each_turn_has_a_key_and_a_ciphertext_of_its_own_and_a_chain_repeats_them():
    one, other = pair()
    seen = []
    for _ in range(3):
        for sender, receiver in ((one, other), (other, one)):
            tell(sender, receiver)
            announced = sender._state.announced
            tell(sender, receiver)
            assert sender._state.announced == announced
            seen.append(announced)
    assert len({value[:1568] for value in seen}) == len({value[1568:] for value in seen}) == len(seen)


def thief_reads(plugin: Any, victim: int) -> bool:
    """Return whether who stole one side's state, at its turn to speak, reads the answer and the answer after that."""
    sides = list(pair(plugin))
    tell(*sides)
    for _ in range(1 + victim):
        tell(sides[1], sides[0])
        tell(sides[0], sides[1])
    other = 1 - victim
    tell(sides[other], sides[victim])
    thief = plugin.load(sides[victim].dump(), os.urandom)
    for _ in range(2):
        tell(sides[victim], sides[other])
        thief.encrypt(b"as the victim does", AD)
        try:
            thief.decrypt(tell(sides[other], sides[victim]), AD)
        except MessageRejected:
            return False
    return True


@pytest.mark.parametrize("victim", [0, 1])
def test_a_thief_who_can_also_break_x25519_is_shut_out_by_one_turn_to_and_fro(monkeypatch, victim: int):
    monkeypatch.setattr(sodium, "agree", lambda private, public: bytearray(32))
    assert thief_reads(DoubleHeaderEncrypted(), victim)
    assert not thief_reads(PLUGIN, victim)


def test_the_encapsulated_secret_is_part_of_the_keys(monkeypatch):
    one, other = pair()
    tell(one, other)
    decapsulate = mlkem.decapsulate
    monkeypatch.setattr(kem_every_turn.mlkem, "decapsulate", lambda private, ciphertext: bytes(32))
    message = other.encrypt(b"fro", AD)
    rejected(one, message)
    monkeypatch.setattr(kem_every_turn.mlkem, "decapsulate", decapsulate)
    assert one.decrypt(message, AD) == b"fro"


@pytest.mark.parametrize("key", [b"\xff" * 1568, bytes(1567), bytes(1569)], ids=len)
def test_an_offer_with_an_encapsulation_key_that_is_not_valid_is_refused(key: bytes):
    offer, _ = PLUGIN.offer(os.urandom)
    with pytest.raises(KeyExchangeRefused, match="offer"):
        PLUGIN.initiator(os.urandom(32), offer[:32] + key, os.urandom)


def test_an_encapsulation_key_that_is_not_valid_is_rejected_even_from_the_right_peer():
    one, other = pair()
    announced = one._state.announced
    one._state.announced = b"\xff" * 1568 + announced[1568:]
    rejected(other, one.encrypt(b"hostile", AD))
    one._state.announced = announced
    tell(one, other)


def test_a_changed_ciphertext_even_from_the_right_peer_is_rejected():
    one, other = pair()
    one._state.announced = one._state.announced[:-1] + bytes((one._state.announced[-1] ^ 1,))
    rejected(other, one.encrypt(b"hostile", AD))


def test_a_peer_that_turns_the_ratchet_twice_without_an_answer_is_rejected():
    one, other = pair()
    tell(one, other)
    one._state.begin_sending(os.urandom)
    rejected(other, one.encrypt(b"second turn", AD))


def test_replaced_seeds_are_overwritten():
    one, other = pair()
    seeds = [other._state.seed, one._state.seed]
    tell(one, other)
    tell(other, one)
    assert not any(any(seed) for seed in seeds)
    assert one._state.seed is None and any(other._state.seed)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 5), st.integers(0, 4000), st.integers(0, 255))
def test_a_dump_with_one_byte_changed_and_a_right_check_loads_fully_or_not(messages: int, place: int, value: int):
    sides = pair()
    for number in range(messages):
        tell(sides[number % 2], sides[1 - number % 2])
    for side in sides:
        body = bytearray(side.dump()[: -ratchet_dump.CHECK])
        body[place % len(body)] = value
        data = bytes(body) + hashlib.sha256(body).digest()[: ratchet_dump.CHECK]
        try:
            state = ratchet_dump.load(data, ROOT_INFO, KemState)
        except ValueError:
            continue
        assert ratchet_dump.dump(state) == data
