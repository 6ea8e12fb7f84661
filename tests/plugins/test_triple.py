"""The Triple Ratchet: both halves of its keys, its rounds over bad links, and what a thief can still read."""

from __future__ import annotations

import hashlib
import hmac
import os
import random as randomness
from typing import Any

import nacl.bindings as bindings
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from hypothesis import given, settings
from hypothesis import strategies as st
from whisperd_plugins import ratchet_dump, sodium, sparse, triple
from whisperd_plugins.double_he import DoubleHeaderEncrypted
from whisperd_plugins.kdf import halves
from whisperd_plugins.sparse import CHAIN, CHUNKS, EPOCHS, FIELDS, NO_CHUNK
from whisperd_plugins.triple import OVERHEAD, ROOT_INFO, Triple, TripleState

from whisperd.errors import MessageRejected

PLUGIN = Triple()
AD = b"associated data"


def pair(plugin: Any = PLUGIN) -> tuple[Any, Any]:
    offer, private = plugin.offer(os.urandom)
    secret = os.urandom(32)
    return plugin.initiator(secret, offer, os.urandom), plugin.responder(secret, private, os.urandom)


def tell(sender: Any, receiver: Any, plaintext: bytes = b"said") -> bytes:
    message = sender.encrypt(plaintext, AD)
    assert receiver.decrypt(message, AD) == plaintext
    return message


def talk(one: Any, other: Any, times: int) -> None:
    for _ in range(times):
        tell(one, other)
        tell(other, one)


def sparse_of(session: Any) -> sparse.SparseRatchet:
    return session._state.sparse


def test_every_message_is_149_bytes_longer_than_its_plaintext_in_every_phase():
    one, other = pair()
    for size in range(300):
        assert len(tell(one, other, bytes(size))) == len(tell(other, one, bytes(size))) == size + OVERHEAD == size + 149
    assert one.epoch >= 4


def test_without_loss_every_chunk_is_sent_once(monkeypatch):
    said: list[tuple[int, int]] = []
    outgoing = sparse.SparseRatchet.outgoing

    def noted(self: sparse.SparseRatchet, random: Any) -> bytes:
        fields = outgoing(self, random)
        _, number, _, index, _ = FIELDS.unpack(fields)
        if index != NO_CHUNK:
            said.append((number, index))
        return fields

    monkeypatch.setattr(sparse.SparseRatchet, "outgoing", noted)
    one, other = pair()
    talk(one, other, 4 * CHUNKS)
    rounds = [index for number, index in said if number in (1, 2)]
    assert rounds == list(range(CHUNKS)) * 4


def test_a_round_takes_63_or_64_messages_of_each_side_and_both_own_rounds_in_turn():
    one, other = pair()
    seen = []
    for _ in range(4 * 2 * CHUNKS):
        tell(one, other)
        tell(other, one)
        seen.append((one.epoch, sparse_of(one).owner, other.epoch))
    assert [seen.index(next(state for state in seen if state[0] == epoch)) for epoch in (1, 2, 3)] == [62, 126, 189]
    assert {owner for epoch, owner, _ in seen if epoch == 0} == {True}
    assert {owner for epoch, owner, _ in seen if epoch == 1} == {False}
    assert {owner for epoch, owner, _ in seen if epoch == 2} == {True}


def test_the_first_message_is_what_the_papers_and_this_description_give():
    """Everything computed again with other libraries' functions, from the offer's private key."""
    private = os.urandom(32)
    draws = [private]
    offer, _ = PLUGIN.offer(lambda size: draws.pop())
    secret = os.urandom(32)
    message = PLUGIN.initiator(secret, offer, os.urandom).encrypt(b"first", AD)
    nonce, sealed, body = message[:24], message[24:133], message[133:]

    split = HKDF(SHA512(), 192, None, b"whisperd/1 triple secret").derive(secret)
    root, header_key, direction = split[:32], split[32:64], split[128:160]
    header = bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
        sealed, hashlib.sha256(body).digest(), nonce, header_key)
    assert header[32:44] == bytes(8) + b"\0\1\0\0"
    shared = bindings.crypto_scalarmult(private, header[:32])
    chain_key = HKDF(SHA512(), 96, root, b"whisperd/1 triple root").derive(shared)[32:64]
    quantum_chain_key = HKDFExpand(SHA512(), 64, b"whisperd/1 triple chain").derive(direction)[32:]
    quantum_key = HKDFExpand(SHA512(), 64, b"whisperd/1 triple step").derive(quantum_chain_key)[:32]
    key = hmac.digest(quantum_key, HKDFExpand(SHA512(), 64, b"whisperd/1 triple step").derive(chain_key)[:32], "sha256")
    material = HKDFExpand(SHA512(), 44, b"whisperd/1 triple message" + nonce).derive(key)
    assert AESGCM(material[:32]).decrypt(material[32:], body, AD + header) == b"first"


def thief_reads(plugin: Any, victim: int, rounds: int) -> bool:
    """Return whether who stole one side's state reads on after so many rounds, by hearing everything that it hears."""
    sides = list(pair(plugin))
    talk(*sides, 20)
    thief = plugin.load(sides[victim].dump(), os.urandom)
    for turn in range(rounds * 4 * CHUNKS):
        speaker = turn % 2
        if speaker == victim:
            tell(sides[speaker], sides[1 - speaker])
            follow(thief)
            continue
        message = tell(sides[speaker], sides[1 - speaker])
        try:
            thief.decrypt(message, AD)
        except MessageRejected:
            return False
    return True


def follow(thief: Any) -> None:
    thief.encrypt(b"as the victim does", AD)


@pytest.mark.parametrize("victim", [0, 1])
def test_a_thief_who_can_also_break_x25519_is_shut_out_by_the_rounds(monkeypatch, victim: int):
    monkeypatch.setattr(sodium, "agree", lambda private, public: bytearray(32))
    assert thief_reads(DoubleHeaderEncrypted(), victim, 4)
    assert not thief_reads(PLUGIN, victim, 3)


@pytest.mark.parametrize("victim", [0, 1])
def test_a_thief_who_can_also_break_ml_kem_is_shut_out_by_the_next_turn(monkeypatch, victim: int):
    monkeypatch.setattr(sparse.mlkem, "encapsulate", lambda public: (bytes(1568), bytes(32)))
    monkeypatch.setattr(sparse.mlkem, "decapsulate", lambda private, ciphertext: bytes(32))
    assert not thief_reads(PLUGIN, victim, 1)


def bad_link(seed: int, messages: int, loss: float, most_late: int) -> tuple[Any, Any]:
    """Return two sides that talked over a link that loses and reorders; everything delivered was read."""
    chance = randomness.Random(seed)
    sides = list(pair())
    tell(*sides)
    under_way: list[tuple[int, bytes, bytes]] = []
    for number in range(messages):
        sender = chance.randrange(2)
        plaintext = b"%d" % number
        message = sides[sender].encrypt(plaintext, AD)
        if chance.random() >= loss:
            under_way.append((1 - sender, message, plaintext))
        while len(under_way) > chance.randrange(most_late + 1):
            receiver, message, plaintext = under_way.pop(chance.randrange(len(under_way)))
            assert sides[receiver].decrypt(message, AD) == plaintext
        assert all(len(sparse_of(side).receiving) <= 3 for side in sides)
        if not chance.randrange(50):
            sides = [PLUGIN.load(side.dump(), os.urandom) for side in sides]
    return sides[0], sides[1]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("loss", "most_late"), [(0, 0), (0, 12), (0.3, 0), (0.3, 8), (0.6, 3)])
def test_loss_and_reordering_delay_rounds_and_never_break_them(seed: int, loss: float, most_late: int):
    one, other = bad_link(seed, 2_500, loss, most_late)
    assert one.epoch >= 2 and abs(one.epoch - other.epoch) <= 1
    talk(one, other, 4 * CHUNKS)
    assert one.epoch >= 4


def test_a_burst_of_one_side_changes_nothing_for_the_round():
    one, other = pair()
    talk(one, other, 3)
    for _ in range(1_000):
        tell(one, other)
    assert sparse_of(other).found == 2**CHUNKS - 1
    for _ in range(1_000):
        tell(other, one)
    assert one.epoch == 1
    tell(one, other)
    assert other.epoch == 1


def test_rounds_are_told_apart_beyond_256():
    one, other = pair()
    for session in (one, other):
        sparse_of(session).round += 254
        sparse_of(session).chain_epoch = 254
        sparse_of(session).receiving[0] = (254, sparse_of(session).receiving[0][1])
    talk(one, other, 2 * 2 * CHUNKS + 4)
    assert one.epoch == other.epoch == 256
    talk(one, other, 2 * CHUNKS)
    assert one.epoch == 257


def forged(one: Any, other: Any, **changes: Any) -> bytes:
    """Return a message that says something else of the round than the ratchet would have it say."""
    names = ("epoch", "round", "acknowledged", "index", "chunk")
    fields = dict(zip(names, FIELDS.unpack(sparse_of(one).outgoing(os.urandom)), strict=True)) | changes
    kept = sparse.SparseRatchet.outgoing
    sparse.SparseRatchet.outgoing = lambda self, random: FIELDS.pack(*fields.values())  # type: ignore[method-assign]
    try:
        return one.encrypt(b"hostile", AD)
    finally:
        sparse.SparseRatchet.outgoing = kept  # type: ignore[method-assign]


def rejected(receiver: Any, message: bytes) -> None:
    before = receiver.dump()
    with pytest.raises(MessageRejected):
        receiver.decrypt(message, AD)
    assert receiver.dump() == before


@pytest.mark.parametrize("changes", [
    {"index": CHUNKS}, {"index": 0xFE}, {"acknowledged": CHUNKS + 1}, {"acknowledged": 0xFF}, {"round": 2},
], ids=str)
def test_what_no_honest_peer_says_is_rejected_in_an_authentic_message(changes):
    one, other = pair()
    talk(one, other, 3)
    for sender, receiver in ((one, other), (other, one)):
        rejected(receiver, forged(sender, receiver, **changes))
        tell(sender, receiver)


@pytest.mark.parametrize("epoch", [1, 2, 0xFF])
def test_a_chain_of_an_epoch_that_is_not_known_is_rejected(epoch: int):
    one, other = pair()
    talk(one, other, 3)
    rejected(other, forged(one, other, epoch=epoch))
    tell(one, other)


def test_an_encapsulation_key_that_is_not_valid_is_rejected_with_its_last_chunk():
    one, other = pair()
    for _ in range(CHUNKS - 1):
        assert other.decrypt(forged(one, other, chunk=b"\xff" * 49), AD) == b"hostile"
        tell(other, one)
    rejected(other, forged(one, other, index=CHUNKS - 1))


def test_chunks_of_a_ciphertext_before_there_is_a_key_are_ignored():
    one, other = pair()
    other.decrypt(forged(one, other), AD)
    sparse_of(one).seed, sparse_of(one).own = None, b""
    for index in range(CHUNKS):
        one.decrypt(forged(other, one, index=index, chunk=b"\x01" * 49), AD)
    assert one.epoch == 0 and sparse_of(one).found == 0


def stay_in_the_first_epoch(monkeypatch, session: Any) -> None:
    """Have a side begin all its chains in epoch 0, of which it has kept the key."""
    chains, held, hostile = sparse.SparseRatchet.next_chain, [sparse_of(session).sending[:]], sparse_of(session)

    def next_chain(own: sparse.SparseRatchet) -> bytes:
        if own is not hostile:
            return chains(own)
        held[0], chain = halves(held[0], CHAIN)
        return chain

    monkeypatch.setattr(sparse.SparseRatchet, "next_chain", next_chain)


@pytest.mark.parametrize("hostile", [0, 1])
def test_a_peer_whose_chains_stay_in_an_old_epoch_stops_the_rounds_and_nothing_grows(monkeypatch, hostile: int):
    sides = pair()
    talk(*sides, 1)
    victim = sides[1 - hostile]
    with monkeypatch.context() as patch:
        stay_in_the_first_epoch(patch, sides[hostile])
        talk(*sides, 2 * CHUNKS * EPOCHS)
        stopped, size = victim.epoch, len(victim.dump())
        talk(*sides, 4 * CHUNKS)
        assert victim.epoch == stopped >= EPOCHS - 2
        assert len(sparse_of(victim).receiving) == EPOCHS and len(victim.dump()) <= size + CHUNKS * 49
    assert PLUGIN.load(victim.dump(), os.urandom).dump() == victim.dump()
    talk(*sides, 4 * CHUNKS)
    assert victim.epoch > stopped and len(sparse_of(victim).receiving) <= 3


def test_a_dump_with_keys_of_more_epochs_than_are_ever_kept_does_not_load():
    one, other = pair()
    talk(one, other, 1)
    state = sparse_of(other)
    state._enter()
    state.round += EPOCHS - 1
    state.receiving.extend((epoch, bytearray(32)) for epoch in range(1, EPOCHS))
    assert PLUGIN.load(other.dump(), os.urandom).dump() == other.dump()
    state.round += 1
    state.receiving.append((EPOCHS, bytearray(32)))
    with pytest.raises(ValueError, match="cannot be"):
        PLUGIN.load(other.dump(), os.urandom)


def test_a_changed_ciphertext_leads_to_keys_that_nobody_has_in_common():
    one, other = pair()
    talk(one, other, CHUNKS)
    changed = False
    with pytest.raises(MessageRejected):
        for _ in range(2 * CHUNKS):
            tell(one, other)
            if not changed and sparse_of(other).own:
                sparse_of(other).own = sparse_of(other).own[:-1] + bytes((sparse_of(other).own[-1] ^ 1,))
                changed = True
            tell(other, one)
    assert changed and one.epoch == 1


def test_keys_of_earlier_epochs_and_rounds_are_overwritten():
    one, other = pair()
    talk(one, other, 5)
    for side in (one, other):
        old = [sparse_of(side).root, sparse_of(side).sending, sparse_of(side).receiving[0][1]]
        old += [sparse_of(side).seed] if sparse_of(side).seed else []
        talk(one, other, 2 * CHUNKS + 2)
        assert len(old) >= 3 and not any(any(buffer) for buffer in old)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 400), st.integers(0, 3000), st.integers(0, 255))
def test_a_dump_with_one_byte_changed_and_a_right_check_loads_fully_or_not(messages: int, place: int, value: int):
    one, other = pair()
    for number in range(messages):
        tell(*((one, other) if number % 2 == 0 else (other, one)))
    body = bytearray(one.dump()[: -ratchet_dump.CHECK])
    body[place % len(body)] = value
    data = bytes(body) + hashlib.sha256(body).digest()[: ratchet_dump.CHECK]
    try:
        state = ratchet_dump.load(data, ROOT_INFO, TripleState)
    except ValueError:
        return
    assert ratchet_dump.dump(state) == data


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 8), st.integers(0, 2))
def test_a_dump_of_a_sparse_ratchet_loads_fully_or_not_at_all(junk: bytes, flags: int, number: int):
    body = bytes((3, 2)) + bytes(4 + 96 + 32) + bytes((flags,)) + bytes(7) + bytes((number,)) + junk
    data = body + hashlib.sha256(body).digest()[: ratchet_dump.CHECK]
    try:
        state = ratchet_dump.load(data, ROOT_INFO, TripleState)
    except ValueError:
        return
    assert ratchet_dump.dump(state) == data


def test_the_message_key_changes_with_either_half():
    keys = [bytearray(os.urandom(64))]
    for place in (0, 31, 32, 63):
        changed = bytearray(keys[0])
        changed[place] ^= 1
        keys.append(changed)
    steps = [triple.step_chain(key) for key in keys]
    assert len({message_key for message_key, _ in steps}) == len({bytes(key) for _, key in steps}) == len(keys)
