"""What the self-tests of the bundled plug-ins share: a repeatable random source, an identity, a comparison."""

from __future__ import annotations

import hashlib

import nacl.bindings as sodium_bindings

from whisperd.interfaces import Random
from whisperd_plugins import sodium


class KnownAnswerWrong(Exception):
    """A self-test's result is not the known answer: this machine's primitives must not be used."""


def stream(label: str) -> Random:
    """Return a random source that repeats itself: call number n gives SHAKE-256(label ‖ n as 4 bytes)."""
    calls = 0

    def draw(size: int) -> bytes:
        nonlocal calls
        calls += 1
        return hashlib.shake_256(label.encode() + calls.to_bytes(4, "big")).digest(size)

    return draw


def expect(name: str, found: bytes, known: str) -> None:
    """Raise KnownAnswerWrong unless the first 16 bytes of SHA-256 of ``found`` are ``known`` (hexadecimal)."""
    if hashlib.sha256(found).hexdigest()[:32] != known:
        raise KnownAnswerWrong(f"{name} is not what it has to be")


class KnownIdentity:
    """The identity of one self-test, with an Ed25519 and an X25519 key drawn in this order."""

    def __init__(self, random: Random) -> None:
        self._signing_public, self._signing = sodium_bindings.crypto_sign_seed_keypair(random(32))
        self._agreeing = bytearray(random(32))

    def public(self, kind: str) -> bytes:
        return self._signing_public if kind == "ed25519" else sodium.public_key(self._agreeing)

    def sign(self, kind: str, message: bytes) -> bytes:
        return sodium_bindings.crypto_sign(message, self._signing)[:64]

    def agree(self, public: bytes) -> bytes:
        return bytes(sodium.agree(self._agreeing, public))
