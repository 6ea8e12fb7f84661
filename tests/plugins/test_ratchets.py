"""What every bundled ratchet has to do, whatever it is made of."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whisperd.errors import KeyExchangeRefused, MessageRejected
from whisperd.plugin.conformance import RATCHET_CHECKS, check_ratchet, seeded
from whisperd.plugin.conformance.kex import LOW_ORDER
from whisperd.plugin.registry import BUNDLED, RATCHET, Registry

REGISTRY = Registry.load([], BUNDLED[RATCHET])
PLUGINS = {name: REGISTRY.ratchet(name) for name in BUNDLED[RATCHET]}
AD = b"associated data"
each = pytest.mark.parametrize("plugin", PLUGINS.values(), ids=PLUGINS)


def pair(plugin, random=os.urandom):
    offer, private = plugin.offer(random)
    secret = random(32)
    return plugin.initiator(secret, offer, random), plugin.responder(secret, private, random)


@each
def test_it_passes_every_check_of_the_kit_thoroughly(plugin):
    report = check_ratchet(plugin, thorough=True)
    assert report.faults == {}
    assert {result.name for result in report.results} == set(RATCHET_CHECKS.by_name)


@each
@pytest.mark.parametrize("seed", ["one", "two", "three"])
def test_the_random_walk_passes_from_other_seeds(plugin, seed: str):
    assert check_ratchet(plugin, seed=seed, thorough=True, only=["random-walk"]).passed


@each
@pytest.mark.parametrize("wrong", [b"", bytes(31), bytes(33), b"\xff" * 32, (2**255 - 10).to_bytes(32, "little"),
                                   *LOW_ORDER], ids=lambda wrong: f"{len(wrong)}-{wrong.hex()[:6]}")
def test_an_offer_that_is_no_canonical_key_of_full_order_is_refused(plugin, wrong: bytes):
    with pytest.raises(KeyExchangeRefused, match="offer"):
        plugin.initiator(os.urandom(32), wrong + plugin.offer(os.urandom)[0][32:], os.urandom)


@each
@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_secret_of_another_size_is_refused(plugin, size: int):
    offer, private = plugin.offer(os.urandom)
    with pytest.raises(ValueError, match="32 bytes"):
        plugin.initiator(bytes(size), offer, os.urandom)
    with pytest.raises(ValueError, match="32 bytes"):
        plugin.responder(bytes(size), private, os.urandom)


@each
@pytest.mark.parametrize("other", PLUGINS.values(), ids=PLUGINS)
def test_a_dump_loads_only_where_it_comes_from(plugin, other):
    dumps = [side.dump() for side in pair(plugin)]
    for dump in dumps:
        if plugin.id.removesuffix("-cascade") == other.id.removesuffix("-cascade"):
            assert other.load(dump, os.urandom).dump() == dump
        else:
            with pytest.raises(ValueError, match="dump"):
                other.load(dump, os.urandom)


@each
def test_a_message_of_another_ratchet_with_the_same_secret_is_rejected(plugin):
    for stranger in PLUGINS.values():
        offer, private = plugin.offer(seeded("the same"))
        theirs, _ = stranger.offer(seeded("the same"))
        one = stranger.initiator(bytes(32), theirs, os.urandom)
        other = plugin.responder(bytes(32), private, os.urandom)
        message = one.encrypt(b"strange", AD)
        if stranger is plugin:
            assert other.decrypt(message, AD) == b"strange"
        else:
            with pytest.raises(MessageRejected):
                other.decrypt(message, AD)
        assert offer[:32] == theirs[:32]


@each
def test_a_session_cannot_be_used_after_wipe_and_its_keys_are_overwritten(plugin):
    one, other = pair(plugin)
    for _ in range(3):
        other.decrypt(one.encrypt(b"to", AD), AD)
        one.decrypt(other.encrypt(b"fro", AD), AD)
    missed = one.encrypt(b"missed", AD)
    other.decrypt(one.encrypt(b"overtaking", AD), AD)
    state = other._state
    held = [state.root, state.receiving.key, *state.skipped.current.values(), *beside(state)]
    assert len(state.skipped.current) == 1 and all(any(buffer) for buffer in held)
    other.wipe()
    assert not any(any(buffer) for buffer in held)
    assert not other.can_encrypt
    for call in (lambda: other.decrypt(missed, AD), lambda: other.encrypt(b"", AD), other.dump):
        with pytest.raises(ValueError, match="wiped"):
            call()
    other.wipe()


def beside(state) -> list[bytearray]:
    """Return the keys of what runs beside the Double Ratchet."""
    sparse, seed = getattr(state, "sparse", None), getattr(state, "seed", None)
    kept = [] if sparse is None else [sparse.root, sparse.sending, *(key for _, key in sparse.receiving)]
    return kept if seed is None else [*kept, seed]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(PLUGINS)), st.data())
def test_any_order_of_delivery_is_read(name: str, data: st.DataObject):
    one, other = pair(PLUGINS[name])
    other.decrypt(one.encrypt(b"begin", AD), AD)
    under_way: list[tuple[int, bytes, bytes]] = []
    sides = [one, other]
    for step in range(data.draw(st.integers(1, 40))):
        if under_way and data.draw(st.booleans()):
            receiver, message, plaintext = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
            assert sides[receiver].decrypt(message, AD) == plaintext
            before = sides[receiver].dump()
            with pytest.raises(MessageRejected):
                sides[receiver].decrypt(message, AD)
            assert sides[receiver].dump() == before
        else:
            sender = data.draw(st.integers(0, 1))
            plaintext = b"%d" % step
            under_way.append((1 - sender, sides[sender].encrypt(plaintext, AD), plaintext))
    for receiver, message, plaintext in under_way:
        assert sides[receiver].decrypt(message, AD) == plaintext


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(PLUGINS)), st.binary(max_size=400))
def test_no_bytes_are_anything_but_rejected_or_no_dump(name: str, junk: bytes):
    plugin = PLUGINS[name]
    for side in pair(plugin):
        before = side.dump()
        with pytest.raises(MessageRejected):
            side.decrypt(junk, AD)
        assert side.dump() == before
    with pytest.raises(ValueError, match="dump"):
        plugin.load(junk, os.urandom)
