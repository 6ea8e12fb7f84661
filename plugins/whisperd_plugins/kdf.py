"""Key derivation: HKDF [RFC 5869] and the chains of the Double Ratchet [Double Ratchet, 7.2].

Results are bytearrays. What ``hmac`` returns is an immutable intermediate that Python frees but does not overwrite.
"""

from __future__ import annotations

import hmac

from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

_SHA512 = SHA512()
_NO_SALT = bytes(64)
_hmac = hmac.digest


def hkdf(material: bytes | bytearray, salt: bytes | bytearray | None, info: bytes, size: int) -> bytearray:
    """Return ``size`` bytes of HKDF-SHA-512; no salt is the same as 64 zeros [RFC 5869, 2.2]."""
    return expand(_hmac(salt or _NO_SALT, material, "sha512"), info, size)


def expand(key: bytes | bytearray, info: bytes, size: int) -> bytearray:
    """Return ``size`` bytes of HKDF-Expand-SHA-512 from a key that is uniform already [RFC 5869, 2.3 and 3.3]."""
    derived = bytearray(size)
    HKDFExpand(_SHA512, size, info).derive_into(key, derived)
    return derived


def chain_step(key: bytes | bytearray | memoryview, constant: bytes) -> bytes:
    """Return HMAC-SHA-256 of ``constant``, 32 bytes."""
    return _hmac(key, constant, "sha256")


def message_key(chain_key: bytearray) -> bytes:
    """Return the 32-byte message key of a chain key: HMAC-SHA-256 of 0x01 [Double Ratchet, 7.2, KDF_CK]."""
    return _hmac(chain_key, b"\x01", "sha256")


def next_chain_key(chain_key: bytearray) -> bytearray:
    """Return the 32-byte chain key that follows: HMAC-SHA-256 of 0x02 [Double Ratchet, 7.2, KDF_CK]."""
    return bytearray(_hmac(chain_key, b"\x02", "sha256"))
