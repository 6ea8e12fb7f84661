"""The whole handshake of both sides, beside the primitives that it cannot do without."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable

from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nacl import bindings

from contrib.bench.exchanges import floor_pqxdh
from contrib.bench.harness import Row, interleave, per_call
from whisperd.peer.effects import Established, SendFrame
from whisperd.peer.handshake import InviterHandshake, JoinerHandshake, Terms
from whisperd.peer.secrets import InviteKeys
from whisperd.plugin.identity import MemoryIdentity
from whisperd.plugin.registry import Registry

AGAINST = "sum of its primitives"
CALLS, ROUNDS = 40, 15


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
    exchange, key, nonce = floor_pqxdh(), os.urandom(32), os.urandom(24)
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
    """Measure the whole handshake, both sides together."""
    found = interleave({"ours": per_call(handshake(), CALLS), "floor": per_call(floor_of_handshake(), CALLS)}, ROUNDS)
    return [Row("whole handshake, both sides", "µs", found["ours"], AGAINST, found["floor"])]
