"""The key exchange of both sides, and the whole handshake, beside the primitives that they cannot do without."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM1024PrivateKey
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nacl import bindings
from whisperd_plugins.pqxdh import PqxdhMlkem1024

from contrib.bench.harness import Row, interleave, per_call
from whisperd.peer.effects import Established, SendFrame
from whisperd.peer.handshake import InviterHandshake, JoinerHandshake, Terms
from whisperd.peer.secrets import InviteKeys
from whisperd.plugin.identity import MemoryIdentity
from whisperd.plugin.registry import Registry

AGAINST = "sum of its primitives"
CALLS, ROUNDS = 40, 15


def key_exchange() -> Callable[[], object]:
    """Return a call that makes two identities, prekeys and a message, and accepts it."""
    plugin = PqxdhMlkem1024()

    def both_sides() -> None:
        inviter, joiner = (MemoryIdentity(plugin.identity_kinds, os.urandom) for _ in range(2))
        bundle, private = plugin.prekeys(inviter, os.urandom)
        message, secret = plugin.initiate(bundle, joiner, os.urandom)
        assert plugin.accept(message, private, inviter) == secret

    return both_sides


def floor() -> Callable[[], object]:
    """Return a call of what PQXDH asks of both sides together.

    Two Ed25519 and five X25519 key pairs, two signatures made and checked, eight DH, one ML-KEM-1024 key pair,
    encapsulation and decapsulation, and two derivations.
    """
    seed, point = os.urandom(32), bindings.crypto_scalarmult_base(os.urandom(32))
    algorithm = SHA512()

    def primitives() -> None:
        for _ in range(2):
            public, private = bindings.crypto_sign_seed_keypair(seed)
            bindings.crypto_sign_open(bindings.crypto_sign(bytes(1700), private), public)
            HKDF(algorithm, 64, None, seed).derive(bytes(192))
        for _ in range(5):
            bindings.crypto_scalarmult_base(seed)
        for _ in range(8):
            bindings.crypto_scalarmult(seed, point)
        private_key = MLKEM1024PrivateKey.from_seed_bytes(seed + seed)
        _, ciphertext = private_key.public_key().encapsulate()
        private_key.decapsulate(ciphertext)

    return primitives


def handshake() -> Callable[[], object]:
    """Return a call that plays the whole handshake, from the derivation of the invite's keys to two sessions."""
    plugins = Registry.load(["pqxdh-25519-mlkem1024"], ["double-he"])

    def terms() -> Terms:
        return Terms(InviteKeys.derive(bytes(32)), 2, 2, plugins, MemoryIdentity, os.urandom)

    def play() -> None:
        sides = [InviterHandshake(terms()), JoinerHandshake(terms())]
        done, effects, turn = 0, sides[1].begin(), 0
        while effects:
            replies = [reply for effect in effects if isinstance(effect, SendFrame)
                       for reply in sides[turn].receive(effect.frame)]
            done += sum(isinstance(reply, Established) for reply in replies)
            effects, turn = replies, 1 - turn
        assert done == 2

    return play


#: Padded sizes in bytes of the four messages of the handshake.
MESSAGES = (256, 2048, 2048, 256)


def floor_of_handshake() -> Callable[[], object]:
    """Return a call of the key exchange's primitives and, for both sides: five keys of the invite and five of the
    session, four messages sealed and opened, two transcripts, and the ratchet's two key pairs, DH and derivations."""
    exchange, key, nonce = floor(), os.urandom(32), os.urandom(24)
    point, algorithm = bindings.crypto_scalarmult_base(key), SHA512()

    def primitives() -> None:
        exchange()
        for size in MESSAGES:
            sealed = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(bytes(size), key[:17], nonce, key)
            bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, key[:17], nonce, key)
        for _ in range(2):
            hashlib.sha512(bytes(4096)).digest()
            for _ in range(12):
                hmac.digest(key, key, "sha512")
            bindings.crypto_scalarmult_base(key)
        bindings.crypto_scalarmult(key, point)
        for _ in range(3):
            HKDF(algorithm, 96, key, nonce).derive(key)

    return primitives


def measure() -> list[Row]:
    """Measure the key exchange and the whole handshake, both sides together."""
    rows = []
    for name, ours, needed, target in (
        ("pqxdh-25519-mlkem1024, both sides", key_exchange(), floor(), 1.25),
        ("whole handshake, both sides", handshake(), floor_of_handshake(), None),
    ):
        found = interleave({"ours": per_call(ours, CALLS), "floor": per_call(needed, CALLS)}, ROUNDS)
        rows.append(Row(name, "µs", found["ours"], AGAINST, found["floor"], target))
    return rows
