"""Long-term private keys that live in this process's memory, behind the handle that plug-ins are given."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, ClassVar

import cffi
import nacl.bindings as sodium
import whisperd_plugins.mlkem as mlkem
import whisperd_plugins.p256 as p256
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA87PrivateKey
from nacl.exceptions import RuntimeError as SodiumRefused
from zope.interface import implementer

from whisperd.interfaces import IIdentity, Random

#: Gives libsodium a view of a bytearray, so that no immutable copy of a key is made on the way.
_view = cffi.FFI().from_buffer
_KEY = "unsigned char[]"


class _Key:
    """A key pair of one kind; what its kind cannot do is a KeyError."""

    kind: ClassVar[str]
    public: bytes

    def sign(self, message: bytes) -> bytes:
        """Return a signature over ``message``."""
        raise KeyError(self.kind)

    def agree(self, public: bytes) -> bytes:
        """Return the secret that this key shares with ``public``."""
        raise KeyError(self.kind)

    def decapsulate(self, ciphertext: bytes) -> bytes:
        """Return the secret that was encapsulated to this key."""
        raise KeyError(self.kind)

    def wipe(self) -> None:
        """Destroy the private key."""
        raise NotImplementedError


class _Ed25519(_Key):
    """An Ed25519 key pair; the private key is 64 bytes, seed and public key [RFC 8032, 5.1]."""

    kind = "ed25519"

    def __init__(self, random: Random) -> None:
        self.public, private = sodium.crypto_sign_seed_keypair(random(32))
        self.private = bytearray(private)

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature over ``message``."""
        return sodium.crypto_sign(bytes(message), _view(_KEY, self.private))[:64]

    def wipe(self) -> None:
        """Overwrite the private key."""
        self.private[:] = bytes(len(self.private))


class _Held(_Key):
    """A key pair whose private key OpenSSL holds; None once it was wiped."""

    private: Any

    def _held(self) -> Any:
        if self.private is None:
            raise KeyError(self.kind)
        return self.private

    def wipe(self) -> None:
        """Drop the private key; OpenSSL cleanses it with the last reference."""
        self.private = None


class _MlDsa87(_Held):
    """An ML-DSA-87 key pair from a seed of 32 bytes [FIPS 204, 6.1]; OpenSSL holds the private key."""

    kind = "mldsa87"

    def __init__(self, random: Random) -> None:
        self.private = MLDSA87PrivateKey.from_seed_bytes(random(32))
        self.public = self.private.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """Return a 4627-byte signature over ``message``, with an empty context; OpenSSL draws 32 bytes for it."""
        signature: bytes = self._held().sign(message)
        return signature


class _Falcon1024(_Key):
    """A Falcon-1024 key pair of 1793 and 2305 bytes [Falcon, round 3]; its randomness is the operating system's.

    The extra ``falcon`` brings what it needs; nobody asks for such a key without it.
    """

    kind = "falcon1024"

    def __init__(self, random: Random) -> None:
        self._falcon: Any = import_module("whisperd_plugins.falcon")
        self.public, self.private = self._falcon.keypair()

    def sign(self, message: bytes) -> bytes:
        """Return a 1280-byte signature over ``message``, in the padded form."""
        signature: bytes = self._falcon.sign(self.private, message)
        return signature

    def wipe(self) -> None:
        """Overwrite the private key."""
        self.private[:] = bytes(len(self.private))


class _P256(_Held):
    """A P-256 key pair that signs by ECDSA, drawn as 48 bytes [FIPS 186-5, A.2.1]; OpenSSL holds the private key."""

    kind = "p256"

    def __init__(self, random: Random) -> None:
        self.private = p256.private_key(random(p256.DRAWN))
        self.public = p256.public_key(self.private)

    def sign(self, message: bytes) -> bytes:
        """Return a 64-byte signature over ``message``, with SHA-256."""
        return p256.sign(self._held(), message)


class _X25519(_Key):
    """An X25519 key pair, 32 bytes each [RFC 7748, 6.1]."""

    kind = "x25519"

    def __init__(self, random: Random) -> None:
        self.private = bytearray(random(32))
        self.public = sodium.crypto_scalarmult_base(_view(_KEY, self.private))

    def agree(self, public: bytes) -> bytes:
        """Return the 32-byte shared secret; raises ValueError for a low-order point or another size."""
        if len(public) != 32:
            raise ValueError("an X25519 public key has 32 bytes")
        try:
            return sodium.crypto_scalarmult(_view(_KEY, self.private), bytes(public))
        except SodiumRefused:  # libsodium's word for an all-zero result
            raise ValueError("an X25519 public key of low order") from None

    def wipe(self) -> None:
        """Overwrite the private key."""
        self.private[:] = bytes(len(self.private))


class _MlKem1024(_Held):
    """An ML-KEM-1024 key pair from a seed of 64 bytes [FIPS 203, 7.1]; OpenSSL holds the private key."""

    kind = "mlkem1024"

    def __init__(self, random: Random) -> None:
        self.public, self.private = mlkem.keypair(random(mlkem.SEED))

    def decapsulate(self, ciphertext: bytes) -> bytes:
        """Return the 32-byte secret of a ciphertext; raises ValueError for one that has not 1568 bytes."""
        return mlkem.decapsulate(self._held(), ciphertext)


_KINDS: dict[str, Callable[[Random], _Key]] = {
    made.kind: made for made in (_Ed25519, _X25519, _MlDsa87, _Falcon1024, _P256, _MlKem1024)
}


@implementer(IIdentity)
class MemoryIdentity:
    """An identity with one fresh key pair for each of ``kinds``, drawn from ``random`` in that order.

    Raises ValueError for a kind that is not known. Private keys are kept where they can be overwritten, which ``wipe``
    does; after that every method raises KeyError.
    """

    def __init__(self, kinds: Iterable[str], random: Random) -> None:
        self._keys: dict[str, _Key] = {}
        for kind in kinds:
            if kind not in _KINDS:
                raise ValueError(f"there is no kind of identity key named {kind}")
            self._keys[kind] = _KINDS[kind](random)

    def public(self, kind: str) -> bytes:
        """Return the public key of ``kind``, of the size that IIdentity names; KeyError for one that is not held."""
        return self._keys[kind].public

    def sign(self, kind: str, message: bytes) -> bytes:
        """Return a signature over ``message``, of the size that IIdentity names; KeyError when ``kind`` cannot sign."""
        return self._keys[kind].sign(message)

    def agree(self, public: bytes) -> bytes:
        """Return X25519 of this identity's private key and ``public``, 32 bytes; ValueError for a low-order point."""
        return self._keys["x25519"].agree(public)

    def decapsulate(self, ciphertext: bytes) -> bytes:
        """Return the secret (32 bytes) of an ML-KEM-1024 ciphertext; raises ValueError for one of another size."""
        return self._keys["mlkem1024"].decapsulate(ciphertext)

    def wipe(self) -> None:
        """Overwrite every private key; every later use raises KeyError."""
        for key in self._keys.values():
            key.wipe()
        self._keys.clear()
