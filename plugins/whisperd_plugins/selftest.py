"""What the self-tests of the bundled plug-ins share: a repeatable random source, an identity, a comparison."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

import nacl.bindings as sodium_bindings
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA87PrivateKey

from whisperd.interfaces import Random
from whisperd_plugins import p256, sodium

#: A public key, and what signs with the private one.
KeyPair = tuple[bytes, Callable[[bytes], bytes]]


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
    """The identity of one self-test, with a key of each of ``kinds``, drawn in this order."""

    def __init__(self, kinds: Iterable[str], random: Random) -> None:
        self._agreeing = bytearray()
        self._signing: dict[str, KeyPair] = {}
        for kind in kinds:
            if kind == "x25519":
                self._agreeing = bytearray(random(32))
            else:
                self._signing[kind] = _SIGNERS[kind](random)

    def public(self, kind: str) -> bytes:
        return self._signing[kind][0] if kind in self._signing else sodium.public_key(self._agreeing)

    def sign(self, kind: str, message: bytes) -> bytes:
        return self._signing[kind][1](message)

    def agree(self, public: bytes) -> bytes:
        return bytes(sodium.agree(self._agreeing, public))


def _ed25519(random: Random) -> KeyPair:
    public, private = sodium_bindings.crypto_sign_seed_keypair(random(32))
    return public, lambda message: sodium_bindings.crypto_sign(message, private)[:64]


def _mldsa87(random: Random) -> KeyPair:
    private = MLDSA87PrivateKey.from_seed_bytes(random(32))
    return private.public_key().public_bytes_raw(), private.sign


def _falcon1024(random: Random) -> KeyPair:
    from whisperd_plugins import falcon  # of an extra, which is there when this is called

    public, private = falcon.keypair()
    return public, lambda message: falcon.sign(private, message)


def _p256(random: Random) -> KeyPair:
    private = p256.private_key(random(p256.DRAWN))
    return p256.public_key(private), lambda message: p256.sign(private, message)


_SIGNERS: dict[str, Callable[[Random], KeyPair]] = {
    "ed25519": _ed25519, "mldsa87": _mldsa87, "falcon1024": _falcon1024, "p256": _p256,
}
