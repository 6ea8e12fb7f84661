"""Key derivation: HKDF [RFC 5869] and the chains of the Double Ratchet [Double Ratchet, 7.2].

Results are bytearrays. What ``hmac`` returns is an immutable intermediate that Python frees but does not overwrite.
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
    return expand(_hmac(salt or _NO_SALT, material, "sha512"), info, size)


def expand(key: bytes | bytearray, info: bytes, size: int) -> bytearray:
    """Return ``size`` bytes of HKDF-Expand-SHA-512 from a key that is uniform already [RFC 5869, 2.3 and 3.3]."""
    derived = bytearray(size)
    HKDFExpand(_SHA512, size, info).derive_into(key, derived)
    return derived


def chain_step(chain_key: bytearray) -> tuple[bytes, bytearray]:
    """Return the message key of a chain key, HMAC-SHA-256 of 0x01, and the chain key that follows, of 0x02; 32 bytes
    each [Double Ratchet, 7.2, KDF_CK]."""
    return _hmac(chain_key, b"\x01", "sha256"), bytearray(_hmac(chain_key, b"\x02", "sha256"))


def message_key(chain_key: bytearray) -> bytes:
    """Return the message key of a chain key only."""
    return _hmac(chain_key, b"\x01", "sha256")


def next_chain_key(chain_key: bytearray) -> bytearray:
    """Return the chain key that follows only."""
    return bytearray(_hmac(chain_key, b"\x02", "sha256"))


def hybrid_step(chain_keys: bytearray, info: bytes) -> tuple[bytes, bytearray]:
    """Return the message key of two chain keys of 32 bytes, and the two that follow.

    The first steps as above; of the second, HKDF-Expand-SHA-512 to 64 bytes gives message key(32) ‖ chain key(32). The
    message key of both is HMAC-SHA-256(second one's, first one's) [Double Ratchet, 5.2, KDF_SCKA_CK; 7.2, KDF_HYBRID].
    """
    keys = memoryview(chain_keys)
    first = keys[:32]
    second = _hmac(keys[32:], info + b"\x01", "sha512")
    message_key = _hmac(second[:32], _hmac(first, b"\x01", "sha256"), "sha256")
    return message_key, bytearray(_hmac(first, b"\x02", "sha256") + second[32:])
