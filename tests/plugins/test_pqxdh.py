"""PQXDH over X25519 and ML-KEM-1024."""

from __future__ import annotations

import hashlib
import os

import nacl.bindings as bindings
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from whisperd_plugins import mlkem, pqxdh, sodium
from whisperd_plugins.pqxdh import LAST_RESORT_BUNDLE, MESSAGE, ONE_TIME_BUNDLE, PqxdhMlkem1024

from tests.plugins.external import cases
from whisperd.errors import KeyExchangeRefused
from whisperd.plugin.conformance.kex import LOW_ORDER, ShownIdentity
from whisperd.plugin.identity import MemoryIdentity

PLUGIN = PqxdhMlkem1024()
BOTH = pytest.mark.parametrize("publish", [PLUGIN.prekeys, PLUGIN.last_resort_prekeys], ids=["one-time", "last-resort"])


def identity() -> MemoryIdentity:
    return MemoryIdentity(PLUGIN.identity_kinds, os.urandom)


def resigned(owner: MemoryIdentity, bundle: bytes, **changes: bytes) -> bytes:
    """Return the bundle with other fields, signed again by its owner: what a hostile inviter can make."""
    values = ONE_TIME_BUNDLE.split(bundle)
    values.update({name.replace("_", " "): value for name, value in changes.items()})
    head = ONE_TIME_BUNDLE.head(values)
    return ONE_TIME_BUNDLE.finish(head, owner.sign("ed25519", pqxdh.BUNDLE_CONTEXT + head))


def initiate(bundle: bytes) -> tuple[bytes, bytes]:
    return PLUGIN.initiate(bundle, identity(), os.urandom)


@BOTH
def test_both_sides_share_a_secret(publish):
    inviter, joiner = identity(), identity()
    bundle, private = publish(inviter, os.urandom)
    message, secret = PLUGIN.initiate(bundle, joiner, os.urandom)
    assert PLUGIN.accept(message, private, inviter) == secret
    assert len(secret) == 32
    assert len(message) == MESSAGE.size


def test_a_one_time_bundle_serves_once_and_its_keys_are_destroyed():
    inviter = identity()
    bundle, private = PLUGIN.prekeys(inviter, os.urandom)
    (first, secret), (second, _) = initiate(bundle), initiate(bundle)
    assert PLUGIN.accept(first, private, inviter) == secret
    assert private.signed == private.one_time == bytearray(32)
    assert private.kem is None
    with pytest.raises(KeyExchangeRefused, match="used"):
        PLUGIN.accept(second, private, inviter)


def test_a_last_resort_bundle_serves_many_messages_but_none_twice():
    inviter = identity()
    bundle, private = PLUGIN.last_resort_prekeys(inviter, os.urandom)
    made = [initiate(bundle) for _ in range(3)]
    for message, secret in made:
        assert PLUGIN.accept(message, private, inviter) == secret
    for message, _ in made:
        with pytest.raises(KeyExchangeRefused, match="before"):
            PLUGIN.accept(message, private, inviter)


def test_a_last_resort_bundle_is_spent_after_its_last_use(monkeypatch):
    monkeypatch.setattr(pqxdh, "LAST_RESORT_USES", 2)
    inviter = identity()
    bundle, private = PLUGIN.last_resort_prekeys(inviter, os.urandom)
    for _ in range(2):
        PLUGIN.accept(initiate(bundle)[0], private, inviter)
    with pytest.raises(KeyExchangeRefused, match="used"):
        PLUGIN.accept(initiate(bundle)[0], private, inviter)


def test_a_refused_message_does_not_spend_the_prekeys():
    inviter = identity()
    bundle, private = PLUGIN.prekeys(inviter, os.urandom)
    message, secret = initiate(bundle)
    for place in range(0, len(message), 53):
        bad = bytearray(message)
        bad[place] ^= 1
        with pytest.raises(KeyExchangeRefused):
            PLUGIN.accept(bytes(bad), private, inviter)
    assert PLUGIN.accept(message, private, inviter) == secret


@pytest.mark.parametrize("point", LOW_ORDER, ids=lambda point: point.hex()[:6])
@pytest.mark.parametrize("field", ["identity_key", "signed_prekey", "one_time_prekey"])
def test_a_well_signed_bundle_with_a_point_of_low_order_is_refused(field: str, point: bytes):
    inviter = identity()
    bundle, _ = PLUGIN.prekeys(inviter, os.urandom)
    hostile = resigned(inviter, bundle, **{field.replace("one_time", "one-time"): point})
    with pytest.raises(KeyExchangeRefused, match="not valid"):
        initiate(hostile)


def test_a_well_signed_bundle_with_a_key_that_is_not_canonical_is_refused():
    inviter = identity()
    bundle, _ = PLUGIN.prekeys(inviter, os.urandom)
    for value in (2**255 - 19 + 9, 2**255 + 9, 2**256 - 1):
        with pytest.raises(KeyExchangeRefused, match="canonical"):
            initiate(resigned(inviter, bundle, signed_prekey=value.to_bytes(32, "little")))


def test_a_well_signed_bundle_with_an_invalid_encapsulation_key_is_refused():
    inviter = identity()
    bundle, _ = PLUGIN.prekeys(inviter, os.urandom)
    with pytest.raises(KeyExchangeRefused, match="not valid"):
        initiate(resigned(inviter, bundle, kem_prekey=b"\xff" * 1568))
    counted = 0
    for _, case in cases("mlkem_1024_encaps"):
        public = bytes.fromhex(case["ek"])
        if case["result"] == "invalid" and len(public) == mlkem.PUBLIC:
            with pytest.raises(KeyExchangeRefused, match="not valid"):
                initiate(resigned(inviter, bundle, kem_prekey=public))
            counted += 1
    assert counted > 100


def test_a_bundle_that_somebody_else_signed_is_refused():
    inviter, attacker = identity(), identity()
    bundle, _ = PLUGIN.prekeys(inviter, os.urandom)
    with pytest.raises(KeyExchangeRefused, match="signature"):
        initiate(resigned(attacker, bundle))


def test_prekeys_of_two_bundles_of_one_identity_cannot_be_mixed():
    inviter = identity()
    (one, _), (other, _) = PLUGIN.prekeys(inviter, os.urandom), PLUGIN.prekeys(inviter, os.urandom)
    values, others = ONE_TIME_BUNDLE.split(one), ONE_TIME_BUNDLE.split(other)
    values["kem prekey"] = others["kem prekey"]
    for signature in (values["signature"], others["signature"]):
        with pytest.raises(KeyExchangeRefused, match="signature"):
            initiate(ONE_TIME_BUNDLE.finish(ONE_TIME_BUNDLE.head(values), signature))


def test_a_last_resort_bundle_does_not_pass_for_a_one_time_one():
    bundle, _ = PLUGIN.last_resort_prekeys(identity(), os.urandom)
    assert len(bundle) == LAST_RESORT_BUNDLE.size
    with pytest.raises(KeyExchangeRefused, match="not a one-time bundle"):
        initiate(b"\x01" + bundle[1:])


def test_an_x25519_key_of_another_identity_cannot_be_claimed_without_a_signature():
    inviter, joiner, victim = identity(), identity(), identity()
    bundle, private = PLUGIN.prekeys(inviter, os.urandom)
    message, _ = PLUGIN.initiate(bundle, joiner, os.urandom)
    values = MESSAGE.split(message)
    values["identity key"] = victim.public("x25519")
    with pytest.raises(KeyExchangeRefused, match="signature"):
        PLUGIN.accept(MESSAGE.finish(MESSAGE.head(values), values["confirmation"]), private, inviter)


def test_a_bundle_signature_does_not_serve_in_a_message():
    inviter, joiner = identity(), identity()
    bundle, private = PLUGIN.prekeys(inviter, os.urandom)
    message, _ = PLUGIN.initiate(bundle, joiner, os.urandom)
    values = MESSAGE.split(message)
    values["signature"] = ONE_TIME_BUNDLE.split(PLUGIN.prekeys(joiner, os.urandom)[0])["signature"]
    with pytest.raises(KeyExchangeRefused, match="signature"):
        PLUGIN.accept(MESSAGE.finish(MESSAGE.head(values), values["confirmation"]), private, inviter)


def test_a_side_does_not_exchange_with_itself():
    inviter = identity()
    bundle, _ = PLUGIN.prekeys(inviter, os.urandom)
    with pytest.raises(KeyExchangeRefused, match="own identity"):
        PLUGIN.initiate(bundle, inviter, os.urandom)


def test_a_message_of_ones_own_identity_is_refused(monkeypatch):
    inviter = identity()
    bundle, private = PLUGIN.prekeys(inviter, os.urandom)
    with monkeypatch.context() as patched:
        patched.setattr(pqxdh, "_refuse_self", lambda theirs, identity: None)
        message, _ = PLUGIN.initiate(bundle, inviter, os.urandom)
    with pytest.raises(KeyExchangeRefused, match="own identity"):
        PLUGIN.accept(message, private, inviter)


def test_an_identity_key_in_another_spelling_is_refused():
    """With the unused bit set it is the same point to X25519: the agreement succeeds, the encoding is not ours."""
    inviter, joiner = identity(), identity()
    public = joiner.public("x25519")
    shown = ShownIdentity(joiner, public[:31] + bytes((public[31] | 0x80,)))
    bundle, private = PLUGIN.prekeys(inviter, os.urandom)
    message, _ = PLUGIN.initiate(bundle, shown, os.urandom)
    with pytest.raises(KeyExchangeRefused, match="canonical"):
        PLUGIN.accept(message, private, inviter)


def test_a_message_for_other_prekeys_is_told_apart_from_a_changed_one():
    inviter = identity()
    bundle, private = PLUGIN.prekeys(inviter, os.urandom)
    _, other = PLUGIN.prekeys(inviter, os.urandom)
    message, _ = initiate(bundle)
    with pytest.raises(KeyExchangeRefused, match="other prekeys"):
        PLUGIN.accept(message, other, inviter)
    with pytest.raises(KeyExchangeRefused, match="changed"):
        PLUGIN.accept(message[:-1] + bytes((message[-1] ^ 1,)), private, inviter)


def test_re_encapsulating_for_another_prekey_gives_another_secret():
    """The inviter's KEM key is known to an attacker who passes the shared secret on to another bundle."""
    shared, dh = os.urandom(32), os.urandom(32)
    one, other = os.urandom(ONE_TIME_BUNDLE.size), os.urandom(ONE_TIME_BUNDLE.size)
    head = os.urandom(MESSAGE.head_size)
    first = pqxdh._derive([bytearray(dh), shared], one, head)
    assert first == pqxdh._derive([bytearray(dh), shared], one, head)
    assert first[0] != pqxdh._derive([bytearray(dh), shared], other, head)[0]
    assert first[0] != pqxdh._derive([bytearray(dh), shared], one, head[:-1] + b"\0")[0]


def test_the_secret_is_the_one_that_the_paper_and_this_description_give():
    """Everything computed again with other libraries' functions, from the private keys."""
    inviter, joiner = identity(), identity()
    bundle, private = PLUGIN.last_resort_prekeys(inviter, os.urandom)
    message, secret = PLUGIN.initiate(bundle, joiner, os.urandom)
    theirs = MESSAGE.split(message)
    signed = bytes(private.signed)
    parts = [
        bindings.crypto_scalarmult(signed, theirs["identity key"]),
        inviter.agree(theirs["ephemeral key"]),
        bindings.crypto_scalarmult(signed, theirs["ephemeral key"]),
        private.kem.decapsulate(theirs["ciphertext"]),
    ]
    info = (b"whisperd/1_CURVE25519_SHA-512_ML-KEM-1024" + hashlib.sha512(bundle).digest()
            + hashlib.sha512(message[:-33]).digest())
    from cryptography.hazmat.primitives.hashes import SHA512
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    derived = HKDF(SHA512(), 64, bytes(64), info).derive(b"\xff" * 32 + b"".join(parts))
    assert derived == secret + theirs["confirmation"]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=2_000))
def test_no_bytes_are_anything_but_refused(junk: bytes):
    inviter = identity()
    _, private = PLUGIN.prekeys(inviter, os.urandom)
    with pytest.raises(KeyExchangeRefused):
        initiate(junk)
    with pytest.raises(KeyExchangeRefused):
        PLUGIN.accept(junk, private, inviter)


def test_nothing_but_encapsulation_draws_randomness_of_its_own():
    def publish() -> bytes:
        numbers = iter(range(256))
        random = lambda size: bytes((next(numbers),)) * size  # noqa: E731
        return PLUGIN.prekeys(MemoryIdentity(PLUGIN.identity_kinds, random), random)[0]

    assert publish() == publish()
    assert sodium.public_key(bytearray(b"\x02" * 32)) in publish()
