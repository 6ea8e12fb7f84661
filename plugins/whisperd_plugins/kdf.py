"""Key derivation: HKDF [RFC 5869] and the chains of the Double Ratchet [Double Ratchet, 7.2].

``hkdf`` and ``expand`` return bytearrays. What HMAC returns is an immutable intermediate that Python frees but does not
overwrite; that goes for each message key and for a chain key on its way into the buffer of the one before it.
"""

from __future__ import annotations

import hmac

from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

_SHA512 = SHA512()
_NO_SALT = bytes(64)
try:  # what hmac.digest calls, without its checks, which saves a sixth of the time
    from _hashlib import hmac_digest as _hmac
except ImportError:  # a Python without OpenSSL
    _hmac = hmac.digest  # type: ignore[assignment]


def hkdf(material: bytes | bytearray, salt: bytes | bytearray | None, info: bytes, size: int) -> bytearray:
    """Return ``size`` bytes of HKDF-SHA-512; no salt is the same as 64 zeros [RFC 5869, 2.2]."""
    derived = bytearray(size)
    HKDFExpand(_SHA512, size, info).derive_into(_hmac(salt or _NO_SALT, material, "sha512"), derived)
    return derived


def expand(key: bytes | bytearray, info: bytes, size: int) -> bytearray:
    """Return ``size`` bytes of HKDF-Expand-SHA-512 from a key that is uniform already [RFC 5869, 2.3 and 3.3]."""
    derived = bytearray(size)
    HKDFExpand(_SHA512, size, info).derive_into(key, derived)
    return derived


def chain_step(chain_key: bytes | bytearray) -> tuple[bytes, bytes]:
    """Return the message key of a chain key, HMAC-SHA-256 of 0x01, and the chain key that follows, of 0x02; 32 bytes
    each [Double Ratchet, 7.2, KDF_CK]."""
    return _hmac(chain_key, b"\x01", "sha256"), _hmac(chain_key, b"\x02", "sha256")


def message_key(chain_key: bytes | bytearray) -> bytes:
    """Return the message key of a chain key only."""
    return _hmac(chain_key, b"\x01", "sha256")


def next_chain_key(chain_key: bytes | bytearray) -> bytes:
    """Return the chain key that follows only."""
    return _hmac(chain_key, b"\x02", "sha256")


def halves(key: bytes | bytearray | memoryview, info: bytes) -> tuple[bytes, bytes]:
    """Return the two halves of HKDF-Expand-SHA-512 to 64 bytes, which is a single HMAC [RFC 5869, 2.3]."""
    derived = _hmac(key, info + b"\x01", "sha512")
    return derived[:32], derived[32:]


def hybrid_step(chain_keys: bytes | bytearray, info: bytes) -> tuple[bytes, bytes]:
    """Return the message key of two chain keys of 32 bytes, and the two that follow.

    Of each chain key, HKDF-Expand-SHA-512 to 64 bytes gives message key(32) ‖ chain key(32). The message key of both is
    HMAC-SHA-256(second one's, first one's) [Double Ratchet, 5.2, KDF_SCKA_CK; 7.2, KDF_HYBRID].
    """
    keys = memoryview(chain_keys)
    first, first_chain = halves(keys[:32], info)
    second, second_chain = halves(keys[32:], info)
    return _hmac(second, first, "sha256"), first_chain + second_chain
