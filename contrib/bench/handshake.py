"""The whole handshake of both sides, beside the primitives that it cannot do without."""

from __future__ import annotations

import hashlib
import os
from _hashlib import hmac_digest
from collections.abc import Callable

from nacl import bindings

from contrib.bench.exchanges import floor_pqxdh
from contrib.bench.harness import Row, interleave, per_call
from contrib.bench.ratchet_floors import agree, derive, key_pair, seal, unseal
from whisperd.peer.effects import SendFrame
from whisperd.peer.handshake.established import Established
from whisperd.peer.handshake.handshake import InviterHandshake, JoinerHandshake, Terms
from whisperd.peer.handshake.keys import InviteKeys
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
    """Return a call of the key exchange's primitives and, for both sides: an identity of two key pairs, five keys of
    the invite and five of the session, four messages sealed and opened, two transcripts, and the ratchet's two key
    pairs, DH and derivations."""
    exchange, key = floor_pqxdh(), os.urandom(32)

    def primitives() -> None:
        exchange()
        for size in MESSAGES:
            nonce = os.urandom(24)
            seal(bytes(size), nonce, key[:17])
            unseal(bytes(size + 16), nonce, key[:17])
        for _ in range(2):
            bindings.crypto_sign_seed_keypair(os.urandom(32))
            key_pair()
            hashlib.sha512(bytes(4096)).digest()
            for _ in range(12):
                hmac_digest(key, key, "sha512")
            key_pair()
        agree()
        for _ in range(3):
            derive(96)

    return primitives


def measure() -> list[Row]:
    """Measure the whole handshake, both sides together."""
    found = interleave({"ours": per_call(handshake(), CALLS), "floor": per_call(floor_of_handshake(), CALLS)}, ROUNDS)
    return [Row("whole handshake, both sides", "µs", found["ours"], AGAINST, found["floor"])]
