"""The Double Ratchet with header encryption."""

from __future__ import annotations

import hashlib
import hmac
import os

import nacl.bindings as bindings
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from hypothesis import given, settings
from hypothesis import strategies as st
from whisperd_plugins import ratchet_dump, ratchet_state, sodium
from whisperd_plugins.double_he import OVERHEAD, ROOT_INFO, DoubleHeaderEncrypted

from whisperd.errors import KeyExchangeRefused, MessageRejected
from whisperd.plugin.conformance import seeded
from whisperd.plugin.conformance.kex import LOW_ORDER

PLUGIN = DoubleHeaderEncrypted()
AD = b"associated data"


def pair(random=os.urandom):
    offer, private = PLUGIN.offer(random)
    secret = random(32)
    return PLUGIN.initiator(secret, offer, random), PLUGIN.responder(secret, private, random)


def rejected(session, message, ad=AD):
    before = session.dump()
    with pytest.raises(MessageRejected):
        session.decrypt(message, ad)
    assert session.dump() == before


def test_a_message_is_96_bytes_longer_than_its_plaintext():
    one, _ = pair()
    for size in (0, 1, 100, 32_768):
        assert len(one.encrypt(bytes(size), AD)) == size + OVERHEAD == size + 96


def test_the_first_message_is_what_the_paper_and_this_description_give():
    """Everything computed again with other libraries' functions, from the offer's private key."""
    private = os.urandom(32)
    draws = [private]
    offer, kept = PLUGIN.offer(lambda size: draws.pop())
    secret = os.urandom(32)
    message = PLUGIN.initiator(secret, offer, os.urandom).encrypt(b"first", AD)
    nonce, sealed, body = message[:24], message[24:80], message[80:]

    split = HKDF(SHA512(), 96, None, b"whisperd/1 double-he secret").derive(secret)
    root, header_key = split[:32], split[32:64]
    header = bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
        sealed, hashlib.sha256(body).digest(), nonce, header_key)
    assert header[32:] == bytes(8)
    shared = bindings.crypto_scalarmult(private, header[:32])
    chain_key = HKDF(SHA512(), 96, root, b"whisperd/1 double-he root").derive(shared)[32:64]
    message_key = hmac.digest(chain_key, b"\x01", "sha256")
    material = HKDFExpand(SHA512(), 44, b"whisperd/1 double-he message" + nonce).derive(message_key)
    assert AESGCM(material[:32]).decrypt(material[32:], body, AD + header) == b"first"
    assert PLUGIN.responder(secret, kept, os.urandom).decrypt(message, AD) == b"first"


def test_headers_show_nothing_that_repeats():
    """No two messages have 8 equal bytes at the same place: neither keys nor numbers are in the clear."""
    one, other = pair()
    messages = [one.encrypt(b"same", AD) for _ in range(20)]
    other.decrypt(messages[0], AD)
    messages += [other.encrypt(b"same", AD) for _ in range(20)]
    for start in range(len(messages[0]) - 8):
        assert len({message[start : start + 8] for message in messages}) == len(messages)


@pytest.mark.parametrize("point", LOW_ORDER, ids=lambda point: point.hex()[:6])
def test_an_offer_of_low_order_is_refused(point: bytes):
    with pytest.raises(KeyExchangeRefused, match="offer"):
        PLUGIN.initiator(os.urandom(32), point, os.urandom)


@pytest.mark.parametrize("wrong", [b"", bytes(31), bytes(33), b"\xff" * 32, (2**255 - 10).to_bytes(32, "little")])
def test_an_offer_that_is_no_canonical_key_is_refused(wrong: bytes):
    with pytest.raises(KeyExchangeRefused, match="offer"):
        PLUGIN.initiator(os.urandom(32), wrong, os.urandom)


@pytest.mark.parametrize("point", [*LOW_ORDER, b"\xff" * 32], ids=lambda point: point.hex()[:6])
def test_a_ratchet_key_that_is_not_valid_is_rejected_even_from_the_right_peer(point: bytes):
    one, other = pair()
    one._state.sending.public = point
    rejected(other, one.encrypt(b"hostile", AD))
    assert not other.can_encrypt


def test_a_ratchet_key_in_another_spelling_is_rejected():
    """With the unused bit set it is the same point to X25519: the agreement succeeds, the encoding is not ours."""
    one, other = pair()
    public = one._state.sending.public
    one._state.sending.public = public[:31] + bytes((public[31] | 0x80,))
    rejected(other, one.encrypt(b"hostile", AD))


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_secret_of_another_size_is_refused(size: int):
    offer, private = PLUGIN.offer(os.urandom)
    with pytest.raises(ValueError, match="32 bytes"):
        PLUGIN.initiator(bytes(size), offer, os.urandom)
    with pytest.raises(ValueError, match="32 bytes"):
        PLUGIN.responder(bytes(size), private, os.urandom)


def test_a_peer_that_turns_the_ratchet_twice_without_an_answer_is_rejected():
    one, other = pair()
    other.decrypt(one.encrypt(b"first", AD), AD)
    one._state.begin_sending(os.urandom)
    rejected(other, one.encrypt(b"second turn", AD))


def encrypted_at_any_number(session, plaintext):
    """Return what ``encrypt`` does, without its refusal to go beyond the last number."""
    state, sending, nonce = session._state, session._state.sending, os.urandom(sodium.NONCE)
    header = state.header(sending, os.urandom)
    key, following = state.step_chain(sending.key)
    body = session._envelope.close(key, session.INFO + nonce, plaintext, AD + header)
    sending.advance(following, sending.number + 1)
    return nonce + sodium.seal(sending.header, nonce, header, hashlib.sha256(body).digest()) + body


def test_a_chain_ends_at_its_last_number():
    one, other = pair()
    assert other.decrypt(encrypted_at_any_number(one, b"first"), AD) == b"first"
    other._state.receiving.number = one._state.sending.number = ratchet_state.LAST_NUMBER
    assert other.decrypt(one.encrypt(b"last", AD), AD) == b"last"
    with pytest.raises(ValueError, match="numbers"):
        one.encrypt(b"beyond", AD)
    assert PLUGIN.load(other.dump(), os.urandom).dump() == other.dump()
    rejected(other, encrypted_at_any_number(one, b"beyond"))


def test_a_forged_message_with_a_far_number_costs_no_chain_steps(monkeypatch):
    """The sealed header covers the body, so a genuine header cannot be put before another body."""
    one, other = pair()
    messages = [one.encrypt(b"%d" % number, AD) for number in range(1_000)]
    other.decrypt(messages[0], AD)
    walked = []
    monkeypatch.setattr(ratchet_state.RatchetState, "step_chain", lambda key: walked.append(key))
    rejected(other, messages[-1][:-1] + bytes((messages[-1][-1] ^ 1,)))
    rejected(other, messages[-1][:80] + messages[-2][80:])
    assert walked == []


def test_replaced_and_wiped_keys_are_overwritten():
    one, other = pair()
    other.decrypt(one.encrypt(b"to", AD), AD)
    old = [other._state.root, one._state.root, one._state.private, one._state.sending.key, one._state.sending.header]
    chain, before = other._state.receiving.key, bytes(other._state.receiving.key)
    one.decrypt(other.encrypt(b"fro", AD), AD)
    other.decrypt(one.encrypt(b"to", AD), AD)
    held = [one._state.root, one._state.next_sending, one._state.next_receiving, one._state.private]
    one.wipe()
    for buffer in old + held:
        assert buffer == bytearray(len(buffer))
    assert chain is other._state.receiving.key and chain != before


def test_a_session_cannot_be_used_after_wipe():
    one, other = pair()
    message = one.encrypt(b"late", AD)
    other.wipe()
    assert not other.can_encrypt
    for call in (lambda: other.decrypt(message, AD), lambda: other.encrypt(b"", AD), other.dump):
        with pytest.raises(ValueError, match="wiped"):
            call()
    other.wipe()


def test_the_same_random_source_makes_the_same_conversation():
    def talk() -> list[bytes]:
        random = seeded("talk")
        one, other = pair(random)
        said = [one.encrypt(b"to", AD)]
        other.decrypt(said[0], AD)
        said.append(other.encrypt(b"fro", AD))
        one.decrypt(said[1], AD)
        return [*said, one.dump(), other.dump()]

    assert talk() == talk()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_order_of_delivery_is_read(data: st.DataObject):
    one, other = pair()
    other.decrypt(one.encrypt(b"begin", AD), AD)
    under_way: list[tuple[int, bytes, bytes]] = []
    sides = [one, other]
    for step in range(data.draw(st.integers(1, 40))):
        if under_way and data.draw(st.booleans()):
            receiver, message, plaintext = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
            assert sides[receiver].decrypt(message, AD) == plaintext
            rejected(sides[receiver], message)
        else:
            sender = data.draw(st.integers(0, 1))
            plaintext = b"%d" % step
            under_way.append((1 - sender, sides[sender].encrypt(plaintext, AD), plaintext))
    for receiver, message, plaintext in under_way:
        assert sides[receiver].decrypt(message, AD) == plaintext


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_are_anything_but_rejected_or_no_dump(junk: bytes):
    one, other = pair()
    for side in (one, other):
        rejected(side, junk)
    with pytest.raises(ValueError, match="dump"):
        PLUGIN.load(junk, os.urandom)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 3), st.integers(0, 255))
def test_a_dump_with_a_right_check_and_anything_else_loads_fully_or_not_at_all(junk: bytes, version: int, shape: int):
    body = bytes((version, shape)) + junk
    data = body + hashlib.sha256(body).digest()[:16]
    try:
        state = ratchet_dump.load(data, ROOT_INFO, ratchet_state.RatchetState)
    except ValueError:
        return
    assert ratchet_dump.dump(state) == data


@pytest.mark.parametrize("version", [0, 1, 2])
@pytest.mark.parametrize("shape", range(18))
def test_a_dump_of_another_version_or_of_a_state_that_cannot_be_does_not_load(version: int, shape: int):
    sizes = {1: 32, 2: 32, 4: 68, 8: 68}
    body = bytes((version, shape)) + bytes(4 + 96 + sum(size for bit, size in sizes.items() if shape & bit) + 4)
    data = body + hashlib.sha256(body).digest()[:16]
    if version == 1 and shape in (2, 7, 9, 15):
        assert PLUGIN.load(data, os.urandom).can_encrypt == (shape != 2)
    else:
        with pytest.raises(ValueError, match="cannot be"):
            PLUGIN.load(data, os.urandom)
