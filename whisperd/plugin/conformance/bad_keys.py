"""Keys that must never be accepted, and how to find keys in what a plug-in published."""

from __future__ import annotations

from collections.abc import Iterable

import nacl.bindings as sodium
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM1024PrivateKey

from whisperd.interfaces import Random

#: X25519 coordinates of low order, canonical and not [RFC 7748, 6.1].
LOW_ORDER = tuple(bytes.fromhex(point) for point in (
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
))

_PRIME = 2**255 - 19
_TOP_BIT = 1 << 255
_MLKEM_PUBLIC, _MLKEM_SEED = 1_568, 64


def other_encodings(public: bytes) -> list[bytes]:
    """Return encodings that lead to a good X25519 key and are not its one canonical form [RFC 7748, 5].

    The first one stands for ``public`` itself, so that agreeing with it gives the same secret."""
    same = int.from_bytes(public, "little") | _TOP_BIT
    return [number.to_bytes(32, "little") for number in (same, _PRIME + 9, 9 | _TOP_BIT)]


def invalid_kem_keys(public: bytes) -> list[bytes]:
    """Return ML-KEM-1024 encapsulation keys like ``public`` with a number that is not below 3329 [FIPS 203, 7.2]."""
    q = (3_329).to_bytes(2, "little")
    first = bytes((q[0], (public[1] & 0xF0) | q[1])) + public[2:]
    last = public[: _MLKEM_PUBLIC - 34] + bytes(((public[_MLKEM_PUBLIC - 34] & 0x0F) | (q[0] & 0x0F) << 4,
                                                 q[1] << 4 | q[0] >> 4)) + public[_MLKEM_PUBLIC - 32 :]
    return [first, last, b"\xff" * (_MLKEM_PUBLIC - 32) + public[-32:]]


class Drawn:
    """A random source that remembers what it gave, to tell which keys were made of it."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._given: list[bytes] = []

    def __call__(self, size: int) -> bytes:
        given = self._random(size)
        self._given.append(given)
        return given

    def x25519(self, record: bytes) -> list[bytes]:
        """Return the X25519 keys that stand in ``record`` and whose private keys were drawn."""
        publics = (sodium.crypto_scalarmult_base(given) for given in self._given if len(given) == 32)
        return found(record, publics)

    def mlkem1024(self, record: bytes) -> list[bytes]:
        """Return the ML-KEM-1024 encapsulation keys that stand in ``record`` and whose seeds were drawn."""
        publics = (MLKEM1024PrivateKey.from_seed_bytes(given).public_key().public_bytes_raw()
                   for given in self._given if len(given) == _MLKEM_SEED)
        return found(record, publics)


def found(record: bytes, values: Iterable[bytes]) -> list[bytes]:
    """Return those of ``values`` that stand in ``record``, each once."""
    return [value for value in dict.fromkeys(values) if value in record]
