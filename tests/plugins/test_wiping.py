"""Secrets in mutable buffers are overwritten when they are replaced, and all of them by ``wipe``."""

from __future__ import annotations

import gc
import os
from typing import Any

import pytest

from whisperd.plugin.conformance.codes import with_code
from whisperd.plugin.identity import MemoryIdentity
from whisperd.plugin.registry import BUNDLED, KEX, RATCHET, sources

AD = b"associated data"
#: ML-KEM keys and ciphertexts of the other side, which everybody may see, are collected in buffers of this size.
PUBLIC = 1_568
#: Not followed: what every object refers to, and what holds no secrets of a session.
_SHARED = (type, type(os), type(lambda: None), type(len))


def buffers(root: Any) -> dict[int, bytearray]:
    """Return every bytearray that can be reached from an object, by its address."""
    waiting, seen, found = [root], set(), {}
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, _SHARED):
            continue
        seen.add(id(one))
        if isinstance(one, bytearray):
            found[id(one)] = one
        waiting.extend(gc.get_referents(one))
    return found


def legible(held: dict[int, bytearray], but: dict[int, bytearray]) -> list[bytearray]:
    """Return the buffers with secrets that still say something, of those that are not among ``but``."""
    return [buffer for address, buffer in held.items() if address not in but and any(buffer) and len(buffer) != PUBLIC]


@pytest.mark.parametrize("name", BUNDLED[RATCHET])
def test_a_session_overwrites_what_it_replaces_and_everything_in_the_end(name: str):
    plugin = sources(name)[0].make()
    offer, private = plugin.offer(os.urandom)
    secret = os.urandom(32)
    sides = [plugin.initiator(secret, offer, os.urandom), plugin.responder(secret, private, os.urandom)]
    held: dict[int, bytearray] = {}
    for turn in range(120):
        one, other = sides[turn % 2], sides[1 - turn % 2]
        one.encrypt(b"lost", AD)
        for side in sides:
            held |= buffers(side)
        assert other.decrypt(one.encrypt(b"said", AD), AD) == b"said"
        assert legible(held, buffers(sides)) == []
    held = buffers(sides)
    assert any(map(any, held.values()))
    for side in sides:
        side.wipe()
    assert legible(held, {}) == []


@pytest.mark.parametrize("name", BUNDLED[RATCHET])
def test_an_offer_keeps_nothing_that_can_be_read_after_wipe(name: str):
    _, private = sources(name)[0].make().offer(os.urandom)
    held = buffers(private)
    assert any(map(any, held.values()))
    private.wipe()
    assert legible(held, {}) == []


@pytest.mark.parametrize("name", BUNDLED[KEX])
def test_prekeys_that_have_served_keep_nothing_that_can_be_read(name: str):
    plugin = with_code(sources(name)[0].make())
    inviter, joiner = (MemoryIdentity(plugin.identity_kinds, os.urandom) for _ in range(2))
    bundle, private = plugin.prekeys(inviter, os.urandom)
    held = buffers(private)
    message, secret = plugin.initiate(bundle, joiner, os.urandom)
    assert plugin.accept(message, private, inviter) == secret
    assert legible(held, {}) == []


@pytest.mark.parametrize("name", BUNDLED[KEX])
def test_prekeys_and_identities_keep_nothing_that_can_be_read_after_wipe(name: str):
    plugin = with_code(sources(name)[0].make())
    identity = MemoryIdentity(plugin.identity_kinds, os.urandom)
    _, private = plugin.prekeys(identity, os.urandom)
    held = buffers([identity, private])
    private.wipe()
    identity.wipe()
    assert legible(held, {}) == []
