"""X25519 and XChaCha20-Poly1305 by libsodium, with keys in bytearrays that are used in place and can be wiped.

PyNaCl's public bindings want keys as ``bytes``, which cannot be overwritten, and check types for longer than the
cipher runs. So this module, alone in the project, calls the library below them; sizes are checked here, because
libsodium reads as many bytes as it expects.
"""

from __future__ import annotations

from collections.abc import Iterable

from nacl._sodium import ffi, lib
from nacl.bindings import sodium_init

KEY = 32
NONCE = 24
TAG = 16


class _Zeros(dict[int, bytes]):
    """So many zeros, made once for the sizes that keys have."""

    def __missing__(self, size: int) -> bytes:
        zeros = bytes(size)
        if size <= _MAX_ZEROS:
            self[size] = zeros
        return zeros


# Without it libsodium uses no implementation that is made for this processor, and X25519 takes a third longer.
sodium_init()

_MAX_ZEROS = 256
_FIELD = 2**255 - 19
#: The highest byte of the numbers next to that one; whatever has a lower one is smaller.
_HIGHEST = 127
_ZEROS = _Zeros()
_view = ffi.from_buffer
_multiply = lib.crypto_scalarmult
_multiply_base = lib.crypto_scalarmult_base
_map_to_curve = lib.crypto_core_ed25519_from_uniform
_multiply_edwards = lib.crypto_scalarmult_ed25519_noclamp
_to_montgomery = lib.crypto_sign_ed25519_pk_to_curve25519
_seal = lib.crypto_aead_xchacha20poly1305_ietf_encrypt
_open = lib.crypto_aead_xchacha20poly1305_ietf_decrypt
_NULL = ffi.NULL


def wipe(*buffers: bytearray | None) -> None:
    """Overwrite each buffer with zeros."""
    for buffer in buffers:
        if buffer:
            buffer[:] = _ZEROS[len(buffer)]


def public_key(private: bytearray) -> bytes:
    """Return the X25519 public key (32 bytes) of a private key (32 bytes) [RFC 7748, 6.1]."""
    public = bytearray(KEY)
    if len(private) != KEY or _multiply_base(_view(public), _view(private)):
        raise ValueError("an X25519 private key has 32 bytes")
    return bytes(public)


def agree(private: bytearray, public: bytes) -> bytearray:
    """Return the X25519 shared secret, 32 bytes [RFC 7748, 6.1].

    Raises ValueError when a key has another size, or when the result is all zeros (a point of low order).
    """
    if len(private) != KEY or len(public) != KEY:
        raise ValueError("an X25519 key has 32 bytes")
    shared = bytearray(KEY)
    if _multiply(_view(shared), _view(private), public if type(public) is bytes else bytes(public)):
        raise ValueError("an X25519 public key of low order")
    return shared


def hashed_public_key(private: bytearray, uniform: bytes) -> bytes:
    """Return X25519(private, g), 32 bytes, where Elligator 2 maps ``uniform`` (32 bytes) to g [RFC 9380, 6.7.1].

    libsodium gives the point on the Edwards curve and times the cofactor, 8·g. A clamped private key is a multiple of
    8, so private·g is (private / 8)·(8·g), whose u coordinate is the result; the sign of a point makes no difference.
    """
    if len(private) != KEY or len(uniform) != KEY:
        raise ValueError("a private key and what is mapped have 32 bytes")
    scalar, point, result = bytearray(private), bytearray(KEY), bytearray(KEY)
    scalar[0] &= 248
    scalar[31] = scalar[31] & 127 | 64
    for place in range(KEY):  # divided in place: a whole number of Python could not be wiped
        scalar[place] = scalar[place] >> 3 | (scalar[place + 1] & 7) << 5 if place < KEY - 1 else scalar[place] >> 3
    failed = (_map_to_curve(_view(point), uniform) or _multiply_edwards(_view(result), _view(scalar), _view(point))
              or _to_montgomery(_view(point), _view(result)))
    wipe(scalar)
    if failed:
        raise ValueError("mapped to the neutral element")
    return bytes(point)


def check_public_key(public: bytes) -> bytes:
    """Return ``public``; raises ValueError unless it is the one canonical encoding (32 bytes) of a coordinate.

    Points of low order are found by ``agree``, whose result is zero for exactly those.
    """
    if len(public) != KEY or (public[31] >= _HIGHEST and int.from_bytes(public, "little") >= _FIELD):
        raise ValueError("not a canonical X25519 public key")
    return public


def seal(key: bytearray, nonce: bytes, plaintext: bytes, ad: bytes) -> bytes:
    """Return XChaCha20-Poly1305 of ``plaintext``, 16 bytes longer; key 32 bytes, nonce 24, never used twice."""
    if len(key) != KEY or len(nonce) != NONCE:
        raise ValueError("XChaCha20-Poly1305 takes a key of 32 bytes and a nonce of 24")
    sealed = bytearray(len(plaintext) + TAG)
    _seal(_view(sealed), _NULL, plaintext, len(plaintext), ad, len(ad), _NULL, nonce, _view(key))
    return bytes(sealed)


def unseal(key: bytearray, nonce: bytes, sealed: bytes, ad: bytes) -> bytes | None:
    """Return the plaintext of ``seal``, or None when anything of it is not authentic."""
    size = len(sealed) - TAG
    if len(key) != KEY or len(nonce) != NONCE or size < 0:
        return None
    plaintext = bytearray(size)
    if _open(_view(plaintext), _NULL, _NULL, sealed, len(sealed), ad, len(ad), nonce, _view(key)):
        return None
    return bytes(plaintext)


def unseal_by_any(keys: Iterable[bytearray], nonce: bytes, sealed: bytes, ad: bytes) -> tuple[int, bytes] | None:
    """Return the place of the first key that opens what was sealed, and the plaintext; None when no key does.

    What ``unseal`` prepares for each key is prepared once."""
    size = len(sealed)
    if len(nonce) != NONCE or size < TAG:
        return None
    plaintext = bytearray(size - TAG)
    into, length = _view(plaintext), len(ad)
    for place, key in enumerate(keys):
        if len(key) == KEY and not _open(into, _NULL, _NULL, sealed, size, ad, length, nonce, _view(key)):
            return place, bytes(plaintext)
    return None
