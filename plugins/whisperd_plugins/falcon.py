"""Falcon-1024 in its padded form [Falcon, round 3, 3.11.6], by PQClean through ``pqcrypto`` (the extra ``falcon``).

Only the padded form: its signatures have 1280 bytes, always, and whoever takes a shorter one takes two signatures for
one. pqcrypto's own functions want private keys as ``bytes``, which cannot be overwritten, so this module calls the
library below them; sizes are checked here, because PQClean reads as many bytes as it expects. PQClean draws randomness
of the operating system, for keys and for signatures: it cannot be injected.
"""

from __future__ import annotations

from pqcrypto._sign.falcon_padded_1024 import ffi, lib

PUBLIC = 1793
PRIVATE = 2305
SIGNATURE = 1280

_view = ffi.from_buffer
_generate = lib.PQCLEAN_FALCONPADDED1024_CLEAN_crypto_sign_keypair
_sign = lib.PQCLEAN_FALCONPADDED1024_CLEAN_crypto_sign_signature
_verify = lib.PQCLEAN_FALCONPADDED1024_CLEAN_crypto_sign_verify


def keypair() -> tuple[bytes, bytearray]:
    """Return a new public key (1793 bytes) and its private key (2305)."""
    public, private = bytearray(PUBLIC), bytearray(PRIVATE)
    if _generate(_view(public), _view(private)):
        raise ArithmeticError("Falcon made no key pair")
    return bytes(public), private


def sign(private: bytearray, message: bytes) -> bytes:
    """Return a signature (1280 bytes) over ``message``; raises ValueError for a private key of another size."""
    if len(private) != PRIVATE:
        raise ValueError("a Falcon-1024 private key has 2305 bytes")
    signature, size = bytearray(SIGNATURE), ffi.new("size_t *", SIGNATURE)
    if _sign(_view(signature), size, bytes(message), len(message), _view(private)) or size[0] != SIGNATURE:
        raise ArithmeticError("Falcon made no signature")
    return bytes(signature)


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether a signature is valid; one that has not exactly 1280 bytes, or another padding, is not."""
    if len(public) != PUBLIC or len(signature) != SIGNATURE:
        return False
    return bool(_verify(signature, len(signature), message, len(message), public) == 0)
