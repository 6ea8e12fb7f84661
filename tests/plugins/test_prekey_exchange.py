"""X3DH and PQXDH: every exchange over signed prekeys, with the same demands on each."""

from __future__ import annotations

import hashlib
import os
from functools import cache

import nacl.bindings as bindings
import pytest
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st
from whisperd_plugins import mlkem, sodium
from whisperd_plugins.pqxdh import PqxdhMlkem1024
from whisperd_plugins.pqxdh_falcon1024 import PqxdhMlkem1024Falcon1024
from whisperd_plugins.pqxdh_mldsa87 import PqxdhMlkem1024Mldsa87
from whisperd_plugins.prekey_exchange import PrekeyExchange, Prekeys
from whisperd_plugins.selftest import KnownAnswerWrong
from whisperd_plugins.x3dh import X3dh

from tests.plugins.external import cases
from whisperd.errors import KeyExchangeRefused
from whisperd.plugin.conformance.kex import LOW_ORDER, ShownIdentity
from whisperd.plugin.identity import MemoryIdentity

PLUGINS = [PqxdhMlkem1024(), PqxdhMlkem1024Mldsa87(), PqxdhMlkem1024Falcon1024(), X3dh()]
WITH_KEM = [plugin for plugin in PLUGINS if plugin.suite.kem]
INFO = {
    "pqxdh-25519-mlkem1024": b"whisperd/1_CURVE25519_SHA-512_ML-KEM-1024",
    "pqxdh-25519-mlkem1024-mldsa87": b"whisperd/1_CURVE25519_SHA-512_ML-KEM-1024_ML-DSA-87",
    "pqxdh-25519-mlkem1024-falcon1024": b"whisperd/1_CURVE25519_SHA-512_ML-KEM-1024_FALCON-1024",
    "x3dh-25519": b"whisperd/1_X3DH_CURVE25519_SHA-512",
}


@pytest.fixture(params=PLUGINS, ids=lambda plugin: plugin.id)
def plugin(request) -> PrekeyExchange:
    return request.param


@pytest.fixture(params=WITH_KEM, ids=lambda plugin: plugin.id)
def with_kem(request) -> PrekeyExchange:
    return request.param


@pytest.fixture(params=["prekeys", "last_resort_prekeys"], ids=["one-time", "last-resort"])
def publish(request, plugin):
    return getattr(plugin, request.param)


def identity(plugin: PrekeyExchange) -> MemoryIdentity:
    return MemoryIdentity(plugin.identity_kinds, os.urandom)


def resigned(plugin: PrekeyExchange, owner: MemoryIdentity, bundle: bytes, **changes: bytes) -> bytes:
    """Return the bundle with other fields, signed again by its owner: what a hostile inviter can make."""
    layout, suite = plugin.suite.one_time, plugin.suite
    values = layout.split(bundle)
    values.update({name.replace("_", " "): value for name, value in changes.items()})
    head = layout.head(values)
    return layout.finish(head, *(owner.sign(signer.kind, suite.bundle_context + head) for signer in suite.signers))


def refinished(plugin: PrekeyExchange, values: dict[str, bytes]) -> bytes:
    """Return a message of these fields."""
    return plugin.suite.message.finish(plugin.suite.message.head(values), values["confirmation"])


def initiate(plugin: PrekeyExchange, bundle: bytes) -> tuple[bytes, bytes]:
    return plugin.initiate(bundle, identity(plugin), os.urandom)


def test_both_sides_share_a_secret(plugin, publish):
    inviter, joiner = identity(plugin), identity(plugin)
    bundle, private = publish(inviter, os.urandom)
    message, secret = plugin.initiate(bundle, joiner, os.urandom)
    assert plugin.accept(message, private, inviter) == secret
    assert len(secret) == 32
    assert len(message) == plugin.suite.message.size


def test_a_one_time_bundle_serves_once_and_its_keys_are_destroyed(plugin):
    inviter = identity(plugin)
    bundle, private = plugin.prekeys(inviter, os.urandom)
    (first, secret), (second, _) = initiate(plugin, bundle), initiate(plugin, bundle)
    assert plugin.accept(first, private, inviter) == secret
    assert private.signed == private.one_time == bytearray(32)
    assert private.kem is None
    with pytest.raises(KeyExchangeRefused, match="used"):
        plugin.accept(second, private, inviter)


def test_a_last_resort_bundle_serves_many_messages_but_none_twice(plugin):
    inviter = identity(plugin)
    bundle, private = plugin.last_resort_prekeys(inviter, os.urandom)
    made = [initiate(plugin, bundle) for _ in range(3)]
    for message, secret in made:
        assert plugin.accept(message, private, inviter) == secret
    for message, _ in made:
        with pytest.raises(KeyExchangeRefused, match="before"):
            plugin.accept(message, private, inviter)


def test_a_last_resort_bundle_is_spent_after_its_last_use(plugin):
    inviter = identity(plugin)
    bundle, private = plugin.last_resort_prekeys(inviter, os.urandom, uses=2)
    for _ in range(2):
        plugin.accept(initiate(plugin, bundle)[0], private, inviter)
    with pytest.raises(KeyExchangeRefused, match="used"):
        plugin.accept(initiate(plugin, bundle)[0], private, inviter)


def test_a_refused_message_does_not_spend_the_prekeys(plugin):
    inviter = identity(plugin)
    bundle, private = plugin.prekeys(inviter, os.urandom)
    message, secret = initiate(plugin, bundle)
    for place in range(0, len(message), 53):
        bad = bytearray(message)
        bad[place] ^= 1
        with pytest.raises(KeyExchangeRefused):
            plugin.accept(bytes(bad), private, inviter)
    assert plugin.accept(message, private, inviter) == secret


@pytest.mark.parametrize("point", LOW_ORDER, ids=lambda point: point.hex()[:6])
@pytest.mark.parametrize("field", ["identity_key", "signed_prekey", "one_time_prekey"])
def test_a_well_signed_bundle_with_a_point_of_low_order_is_refused(plugin, field: str, point: bytes):
    inviter = identity(plugin)
    bundle, _ = plugin.prekeys(inviter, os.urandom)
    hostile = resigned(plugin, inviter, bundle, **{field.replace("one_time", "one-time"): point})
    with pytest.raises(KeyExchangeRefused, match="not valid"):
        initiate(plugin, hostile)


def test_a_well_signed_bundle_with_a_key_that_is_not_canonical_is_refused(plugin):
    inviter = identity(plugin)
    bundle, _ = plugin.prekeys(inviter, os.urandom)
    for value in (2**255 - 19 + 9, 2**255 + 9, 2**256 - 1):
        with pytest.raises(KeyExchangeRefused, match="canonical"):
            initiate(plugin, resigned(plugin, inviter, bundle, signed_prekey=value.to_bytes(32, "little")))


def test_a_well_signed_bundle_with_an_invalid_encapsulation_key_is_refused(with_kem):
    inviter, joiner = identity(with_kem), identity(with_kem)
    bundle, _ = with_kem.prekeys(inviter, os.urandom)
    invalid = [b"\xff" * mlkem.PUBLIC]
    invalid += [public for _, case in cases("mlkem_1024_encaps")
                if case["result"] == "invalid" and len(public := bytes.fromhex(case["ek"])) == mlkem.PUBLIC]
    assert len(invalid) > 100
    for public in invalid[:: 20 if "falcon1024" in with_kem.identity_kinds else 1]:  # its signatures take 8 ms each
        with pytest.raises(KeyExchangeRefused, match="not valid"):
            with_kem.initiate(resigned(with_kem, inviter, bundle, kem_prekey=public), joiner, os.urandom)


def test_a_bundle_that_somebody_else_signed_is_refused(plugin):
    inviter, attacker = identity(plugin), identity(plugin)
    bundle, _ = plugin.prekeys(inviter, os.urandom)
    with pytest.raises(KeyExchangeRefused, match="signature"):
        initiate(plugin, resigned(plugin, attacker, bundle))


def test_prekeys_of_two_bundles_of_one_identity_cannot_be_mixed(with_kem):
    inviter = identity(with_kem)
    (one, _), (other, _) = with_kem.prekeys(inviter, os.urandom), with_kem.prekeys(inviter, os.urandom)
    values, others = with_kem.suite.one_time.split(one), with_kem.suite.one_time.split(other)
    values["kem prekey"] = others["kem prekey"]
    for signed in (values, others):
        signatures = [signed[signer.signature] for signer in with_kem.suite.signers]
        with pytest.raises(KeyExchangeRefused, match="signature"):
            initiate(with_kem, with_kem.suite.one_time.finish(with_kem.suite.one_time.head(values), *signatures))


def test_a_last_resort_bundle_does_not_pass_for_a_one_time_one(plugin):
    bundle, _ = plugin.last_resort_prekeys(identity(plugin), os.urandom)
    assert len(bundle) == plugin.suite.last_resort.size
    with pytest.raises(KeyExchangeRefused, match="not a one-time bundle"):
        initiate(plugin, b"\x01" + bundle[1:])


def test_an_x25519_key_of_another_identity_cannot_be_claimed_without_a_signature(plugin):
    inviter, joiner, victim = identity(plugin), identity(plugin), identity(plugin)
    bundle, private = plugin.prekeys(inviter, os.urandom)
    message, _ = plugin.initiate(bundle, joiner, os.urandom)
    values = plugin.suite.message.split(message)
    values["identity key"] = victim.public("x25519")
    with pytest.raises(KeyExchangeRefused, match="signature"):
        plugin.accept(refinished(plugin, values), private, inviter)


def test_a_bundle_signature_does_not_serve_in_a_message(plugin):
    inviter, joiner = identity(plugin), identity(plugin)
    bundle, private = plugin.prekeys(inviter, os.urandom)
    message, _ = plugin.initiate(bundle, joiner, os.urandom)
    values = plugin.suite.message.split(message)
    values["signature"] = plugin.suite.one_time.split(plugin.prekeys(joiner, os.urandom)[0])["signature"]
    with pytest.raises(KeyExchangeRefused, match="signature"):
        plugin.accept(refinished(plugin, values), private, inviter)


def test_a_side_does_not_exchange_with_itself(plugin):
    inviter = identity(plugin)
    bundle, _ = plugin.prekeys(inviter, os.urandom)
    with pytest.raises(KeyExchangeRefused, match="own identity"):
        plugin.initiate(bundle, inviter, os.urandom)


def test_a_message_of_ones_own_identity_is_refused(plugin, monkeypatch):
    inviter = identity(plugin)
    bundle, private = plugin.prekeys(inviter, os.urandom)
    with monkeypatch.context() as patched:
        patched.setattr(plugin, "_refuse_self", lambda theirs, identity: None)
        message, _ = plugin.initiate(bundle, inviter, os.urandom)
    with pytest.raises(KeyExchangeRefused, match="own identity"):
        plugin.accept(message, private, inviter)


def test_an_identity_key_in_another_spelling_is_refused(plugin):
    """With the unused bit set it is the same point to X25519: the agreement succeeds, the encoding is not ours."""
    inviter, joiner = identity(plugin), identity(plugin)
    public = joiner.public("x25519")
    shown = ShownIdentity(joiner, public[:31] + bytes((public[31] | 0x80,)))
    bundle, private = plugin.prekeys(inviter, os.urandom)
    message, _ = plugin.initiate(bundle, shown, os.urandom)
    with pytest.raises(KeyExchangeRefused, match="canonical"):
        plugin.accept(message, private, inviter)


def test_a_message_for_other_prekeys_is_told_apart_from_a_changed_one(plugin):
    inviter = identity(plugin)
    bundle, private = plugin.prekeys(inviter, os.urandom)
    _, other = plugin.prekeys(inviter, os.urandom)
    message, _ = initiate(plugin, bundle)
    with pytest.raises(KeyExchangeRefused, match="other prekeys"):
        plugin.accept(message, other, inviter)
    with pytest.raises(KeyExchangeRefused, match="changed"):
        plugin.accept(message[:-1] + bytes((message[-1] ^ 1,)), private, inviter)


def test_re_encapsulating_for_another_prekey_gives_another_secret(plugin):
    """The inviter's KEM key is known to an attacker who passes the shared secret on to another bundle."""
    shared, dh = os.urandom(32), os.urandom(32)
    one, other = os.urandom(plugin.suite.one_time.size), os.urandom(plugin.suite.one_time.size)
    head = os.urandom(plugin.suite.message.head_size)
    first = plugin.suite.derive([bytearray(dh), shared], one, head)
    assert first == plugin.suite.derive([bytearray(dh), shared], one, head)
    assert first[0] != plugin.suite.derive([bytearray(dh), shared], other, head)[0]
    assert first[0] != plugin.suite.derive([bytearray(dh), shared], one, head[:-1] + bytes((head[-1] ^ 1,)))[0]


def test_the_secret_is_the_one_that_the_paper_and_this_description_give(plugin):
    """Everything computed again with other libraries' functions, from the private keys."""
    inviter, joiner = identity(plugin), identity(plugin)
    bundle, private = plugin.last_resort_prekeys(inviter, os.urandom)
    message, secret = plugin.initiate(bundle, joiner, os.urandom)
    theirs = plugin.suite.message.split(message)
    signed = bytes(private.signed)
    parts = [
        bindings.crypto_scalarmult(signed, theirs["identity key"]),
        inviter.agree(theirs["ephemeral key"]),
        bindings.crypto_scalarmult(signed, theirs["ephemeral key"]),
    ]
    if plugin.suite.kem:
        parts.append(private.kem.decapsulate(theirs["ciphertext"]))
    info = INFO[plugin.id] + hashlib.sha512(bundle).digest() + hashlib.sha512(message[:-33]).digest()
    derived = HKDF(SHA512(), 64, bytes(64), info).derive(b"\xff" * 32 + b"".join(parts))
    assert derived == secret + theirs["confirmation"]


def test_every_signature_has_to_verify(plugin):
    """One that is broken is refused by its name, though all others are right."""
    inviter, joiner = identity(plugin), identity(plugin)
    bundle, private = plugin.prekeys(inviter, os.urandom)
    message, _ = plugin.initiate(bundle, joiner, os.urandom)
    for signer in plugin.suite.signers:
        for layout, record, take in ((plugin.suite.one_time, bundle, lambda bad: initiate(plugin, bad)),
                                     (plugin.suite.message, message, lambda bad: plugin.accept(bad, private, inviter))):
            bad = bytearray(record)
            bad[layout.start_of(signer.signature) + 20] ^= 1
            with pytest.raises(KeyExchangeRefused, match=f"identity's {signer.signature} does not verify"):
                take(bytes(bad))


def test_a_key_of_another_identity_does_not_verify_beside_ones_own(plugin):
    """An attacker who can forge all kinds of signatures but one cannot speak for the victim."""
    victim, attacker = identity(plugin), identity(plugin)
    for signer in plugin.suite.signers:
        bundle, _ = plugin.prekeys(victim, os.urandom)
        values = plugin.suite.one_time.split(bundle)
        values["signed prekey"] = sodium.public_key(bytearray(os.urandom(32)))
        head = plugin.suite.one_time.head(values)
        signatures = [(attacker if found is signer else victim).sign(found.kind, plugin.suite.bundle_context + head)
                      for found in plugin.suite.signers]
        with pytest.raises(KeyExchangeRefused, match="does not verify"):
            initiate(plugin, plugin.suite.one_time.finish(head, *signatures))


def test_a_signature_over_keys_alone_is_not_enough_where_the_whole_message_is_signed():
    """What was signed for one bundle does not serve for another one of the same inviter."""
    plugin = PqxdhMlkem1024Mldsa87()
    inviter, joiner = identity(plugin), identity(plugin)
    bundle, _ = plugin.prekeys(inviter, os.urandom)
    other, private = plugin.prekeys(inviter, os.urandom)
    values = plugin.suite.message.split(plugin.initiate(bundle, joiner, os.urandom)[0])
    values["bundle"] = hashlib.sha256(other).digest()
    with pytest.raises(KeyExchangeRefused, match="does not verify"):
        plugin.accept(refinished(plugin, values), private, inviter)


def test_a_bundle_of_one_exchange_is_none_of_another():
    for plugin in PLUGINS:
        bundle, _ = plugin.prekeys(identity(plugin), os.urandom)
        for other in PLUGINS:
            if other is not plugin:
                with pytest.raises(KeyExchangeRefused):
                    initiate(other, bundle)


def test_a_self_test_fails_where_the_primitives_give_something_else(plugin, monkeypatch):
    for known in ((plugin.known[1], plugin.known[1]), (plugin.known[0], plugin.known[0])):
        with monkeypatch.context() as patched:
            patched.setattr(type(plugin), "known", known)
            with pytest.raises(KnownAnswerWrong):
                plugin.self_test()
    plugin.self_test()


def test_no_two_exchanges_share_a_context_or_a_derivation():
    strings = [string for plugin in PLUGINS
               for string in (plugin.suite.info, plugin.suite.bundle_context, plugin.suite.message_context)]
    assert len(set(strings)) == len(strings)


@cache
def holder(plugin: PrekeyExchange) -> tuple[MemoryIdentity, Prekeys]:
    """Return an inviter and the private half of its bundle."""
    inviter = identity(plugin)
    return inviter, plugin.prekeys(inviter, os.urandom)[1]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PLUGINS), st.binary(max_size=2_000))
def test_no_bytes_are_anything_but_refused(plugin: PrekeyExchange, junk: bytes):
    inviter, private = holder(plugin)
    with pytest.raises(KeyExchangeRefused):
        plugin.initiate(junk, inviter, os.urandom)
    with pytest.raises(KeyExchangeRefused):
        plugin.accept(junk, private, inviter)


@pytest.mark.parametrize("plugin", [plugin for plugin in PLUGINS if "falcon1024" not in plugin.identity_kinds],
                         ids=lambda plugin: plugin.id)
def test_nothing_but_encapsulation_hedged_signatures_and_falcon_draw_randomness_of_their_own(plugin):
    def publish() -> bytes:
        numbers = iter(range(256))
        random = lambda size: bytes((next(numbers),)) * size  # noqa: E731
        bundle = plugin.prekeys(MemoryIdentity(plugin.identity_kinds, random), random)[0]
        return bundle[: plugin.suite.one_time.start_of(plugin.suite.signers[-1].signature)]

    assert publish() == publish()
    drawn = bytes((len(plugin.identity_kinds),)) * 32
    assert sodium.public_key(bytearray(drawn)) in publish()
