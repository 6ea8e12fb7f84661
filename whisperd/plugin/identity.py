"""Long-term private keys that live in this process's memory, behind the handle that plug-ins are given."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import cffi
import nacl.bindings as sodium
from nacl.exceptions import RuntimeError as SodiumRefused
from zope.interface import implementer

from whisperd.interfaces import IIdentity, Random

#: Gives libsodium a view of a bytearray, so that no immutable copy of a key is made on the way.
_view = cffi.FFI().from_buffer
_KEY = "unsigned char[]"


class _Ed25519:
    """An Ed25519 key pair; the private key is 64 bytes, seed and public key [RFC 8032, 5.1]."""

    def __init__(self, random: Random) -> None:
        self.public, private = sodium.crypto_sign_seed_keypair(random(32))
        self.private = bytearray(private)

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature over ``message``."""
        return sodium.crypto_sign(bytes(message), _view(_KEY, self.private))[:64]


class _X25519:
    """An X25519 key pair, 32 bytes each [RFC 7748, 6.1]."""

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


_KINDS: dict[str, Callable[[Random], _Ed25519 | _X25519]] = {"ed25519": _Ed25519, "x25519": _X25519}


@implementer(IIdentity)
class MemoryIdentity:
    """An identity with one fresh key pair for each of ``kinds``, drawn from ``random`` in that order.

    Raises ValueError for a kind that is not known. Private keys are kept in bytearrays and overwritten by ``wipe``;
    after that every method raises KeyError.
    """

    def __init__(self, kinds: Iterable[str], random: Random) -> None:
        self._keys: dict[str, _Ed25519 | _X25519] = {}
        for kind in kinds:
            if kind not in _KINDS:
                raise ValueError(f"there is no identity key of kind {kind}")
            self._keys[kind] = _KINDS[kind](random)

    def public(self, kind: str) -> bytes:
        """Return the public key of ``kind``, 32 bytes for Ed25519 and X25519; raises KeyError for one not held."""
        return self._keys[kind].public

    def sign(self, kind: str, message: bytes) -> bytes:
        """Return a signature over ``message``, 64 bytes for Ed25519; raises KeyError when ``kind`` cannot sign."""
        key = self._keys[kind]
        if not isinstance(key, _Ed25519):
            raise KeyError(kind)
        return key.sign(message)

    def agree(self, public: bytes) -> bytes:
        """Return X25519 of this identity's private key and ``public``, 32 bytes; ValueError for a low-order point."""
        key = self._keys["x25519"]
        if not isinstance(key, _X25519):
            raise KeyError("x25519")
        return key.agree(public)

    def wipe(self) -> None:
        """Overwrite every private key; every later use raises KeyError."""
        for key in self._keys.values():
            key.private[:] = bytes(len(key.private))
        self._keys.clear()
