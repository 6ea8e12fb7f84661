"""The stock of prekeys: one-time bundles, rotation by age and by count, last resort with its record of messages."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from whisperd_plugins.p256_simple import P256Simple
from whisperd_plugins.x3dh import X3dh

from whisperd.errors import KeyExchangeRefused
from whisperd.peer.handshake.prekeys import PrekeyStock, Rotation
from whisperd.plugin.identity import MemoryIdentity

EXCHANGE = X3dh()
ROTATION = Rotation(stock=3, outstanding=4, age=100.0, uses=5, grace=10.0, replaced=3)
ONE_TIME, LAST_RESORT = 1, 2


def stock(rotation: Rotation = ROTATION, exchange: Any = EXCHANGE) -> PrekeyStock:
    made = PrekeyStock(exchange, MemoryIdentity(exchange.identity_kinds, os.urandom), os.urandom, rotation)
    made.refill(0.0)
    return made


def message_for(bundle: bytes, exchange: Any = EXCHANGE) -> tuple[bytes, bytes]:
    """Return message and secret of a stranger."""
    made: tuple[bytes, bytes] = exchange.initiate(
        bundle, MemoryIdentity(exchange.identity_kinds, os.urandom), os.urandom)
    return made


def agree(prekeys: PrekeyStock, bundle: bytes, now: float) -> bytes:
    """Let a stranger use a bundle, and return the message."""
    message, secret = message_for(bundle)
    assert prekeys.accept(message, now) == secret
    return message


def refused(prekeys: PrekeyStock, message: bytes, now: float) -> None:
    with pytest.raises(KeyExchangeRefused):
        prekeys.accept(message, now)


def test_one_time_bundles_are_handed_out_once_each_and_then_that_of_last_resort_to_everybody():
    prekeys = stock()
    bundles = [prekeys.publish(1.0) for _ in range(5)]
    assert [bundle[0] for bundle in bundles] == [ONE_TIME] * 3 + [LAST_RESORT] * 2
    assert len(set(bundles)) == 4 and bundles[3] == bundles[4]
    for bundle in reversed(bundles):
        agree(prekeys, bundle, 2.0)
    assert (prekeys.ready, prekeys.outstanding) == (0, 0)
    prekeys.refill(3.0)
    assert prekeys.publish(3.0)[0] == ONE_TIME and prekeys.ready == 2


def test_no_message_is_accepted_twice_by_either_kind():
    prekeys = stock(Rotation(stock=1, uses=5))
    for bundle in (prekeys.publish(1.0), prekeys.publish(1.0)):
        message = agree(prekeys, bundle, 1.0)
        refused(prekeys, message, 1.0)
        refused(prekeys, message, 2.0)


def test_a_one_time_bundle_serves_one_message_and_not_a_second_one():
    prekeys = stock()
    bundle = prekeys.publish(0.0)
    second, _ = message_for(bundle)
    agree(prekeys, bundle, 0.0)
    refused(prekeys, second, 0.0)


def test_a_message_that_was_changed_leaves_the_bundle_as_it_was():
    prekeys = stock()
    message, secret = message_for(prekeys.publish(0.0))
    refused(prekeys, message[:-1] + bytes([message[-1] ^ 1]), 0.0)
    refused(prekeys, os.urandom(len(message)), 0.0)
    assert prekeys.accept(message, 0.0) == secret


def test_a_bundle_that_was_not_handed_out_accepts_nothing():
    prekeys = stock()
    ready = prekeys._ready[0].public
    refused(prekeys, message_for(ready)[0], 0.0)
    assert prekeys.publish(0.0) == ready


def test_prekeys_are_rotated_by_age_and_answer_what_is_under_way_for_a_time_of_grace():
    prekeys = stock(Rotation(stock=0, age=100.0, grace=10.0))
    old = prekeys.publish(0.0)
    assert prekeys.publish(99.9) == old
    new = prekeys.publish(100.0)
    assert new != old
    agree(prekeys, old, 109.9)
    late, _ = message_for(old)
    refused(prekeys, late, 110.0)
    agree(prekeys, new, 110.0)


def test_one_time_bundles_grow_old_too_in_the_stock_and_outside():
    prekeys = stock()
    out = prekeys.publish(0.0)
    kept = [bundle.private for bundle in prekeys._ready]
    refused(prekeys, message_for(out)[0], 10.0)
    assert prekeys.publish(100.0)[0] == LAST_RESORT
    assert all(private.spent for private in kept)


def test_prekeys_of_last_resort_are_rotated_by_count():
    prekeys = stock(Rotation(stock=0, uses=5, grace=10.0))
    old = prekeys.publish(0.0)
    for _ in range(5):
        assert prekeys.publish(0.0) == old
        message = agree(prekeys, old, 0.0)
    new = prekeys.publish(0.0)
    assert new != old
    agree(prekeys, old, 1.0)
    refused(prekeys, message, 1.0)
    refused(prekeys, message_for(old)[0], 10.0)
    agree(prekeys, new, 10.0)


def test_bundles_that_nobody_answers_are_bounded_and_the_oldest_destroyed():
    prekeys = stock(Rotation(stock=1, outstanding=2))
    bundles = []
    for _ in range(4):
        prekeys.refill(0.0)
        bundles.append(prekeys.publish(0.0))
    assert prekeys.outstanding == 2
    for bundle in bundles[:2]:
        refused(prekeys, message_for(bundle)[0], 0.0)
    for bundle in bundles[2:]:
        agree(prekeys, bundle, 0.0)


def test_bundles_of_last_resort_are_bounded_however_fast_messages_replace_them():
    prekeys = stock(Rotation(stock=0, uses=2, replaced=2))
    bundles = []
    for _ in range(5):
        bundles.append(prekeys.publish(0.0))
        held = [bundle.private for bundle in prekeys._held()]
        for _ in range(2):
            message = agree(prekeys, bundles[-1], 0.0)
    assert len(set(bundles)) == 5 and held[1].spent
    for bundle in bundles[:3]:
        refused(prekeys, message_for(bundle)[0], 0.0)
    for bundle in bundles[3:]:
        agree(prekeys, bundle, 0.0)
    refused(prekeys, message, 0.0)


@pytest.mark.parametrize("prekeys", [stock(ROTATION, P256Simple()), stock(Rotation(stock=3, last_resort=False))],
                         ids=["an exchange that has none", "none wanted"])
def test_without_a_bundle_of_last_resort_a_stock_is_used_up(prekeys: PrekeyStock):
    assert len({prekeys.publish(0.0) for _ in range(3)}) == 3
    with pytest.raises(KeyExchangeRefused, match="there are no prekeys left"):
        prekeys.publish(0.0)
    prekeys.refill(0.0)
    assert prekeys.publish(0.0)


def test_an_exchange_whose_messages_name_no_bundle_finds_the_right_one_all_the_same():
    class Nameless(X3dh):
        def initiate(self, bundle: bytes, identity: Any, random: Any) -> tuple[bytes, bytes]:
            message, secret = super().initiate(bundle, identity, random)
            return bytes(byte ^ 0xFF for byte in message), secret

        def accept(self, message: bytes, private: Any, identity: Any) -> bytes:
            return super().accept(bytes(byte ^ 0xFF for byte in message), private, identity)

    prekeys = stock(exchange=Nameless())
    bundles = [prekeys.publish(0.0) for _ in range(4)]
    for bundle in reversed(bundles):
        message, secret = message_for(bundle, Nameless())
        assert prekeys.accept(message, 0.0) == secret


def test_wiping_destroys_every_private_half():
    prekeys = stock(Rotation(stock=2, age=1.0, grace=10.0))
    prekeys.publish(0.0)
    prekeys.refill(1.0)
    held = [bundle.private for bundle in prekeys._held()]
    assert len(held) == 5 and not any(private.spent for private in held)
    prekeys.wipe()
    assert all(private.spent for private in held)
    assert (prekeys.ready, prekeys.outstanding) == (0, 0)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["publish", "accept", "refill"]), st.integers(0, 60), st.integers(0, 63))))
def test_whatever_is_asked_for_what_is_kept_stays_bounded_and_no_message_serves_twice(steps):
    prekeys, now, bundles, accepted = stock(), 0.0, [], []
    for action, later, which in steps:
        now += later
        if action == "publish":
            bundles.append(prekeys.publish(now))
        elif action == "refill":
            prekeys.refill(now)
        elif bundles:
            message, secret = message_for(bundles[which % len(bundles)])
            try:
                assert prekeys.accept(message, now) == secret
            except KeyExchangeRefused:
                continue
            accepted.append(message)
        assert prekeys.ready <= ROTATION.stock and prekeys.outstanding <= ROTATION.outstanding
        assert len(prekeys._replaced) <= ROTATION.replaced
    for message in accepted:
        refused(prekeys, message, now)
