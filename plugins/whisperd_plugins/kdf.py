"""Key derivation: HKDF [RFC 5869] and the chains of the Double Ratchet [Double Ratchet, 7.2].

``hkdf`` and ``expand`` return bytearrays. What HMAC returns is an immutable intermediate that Python frees but does not
overwrite; that goes for each message key and for a chain key on its way into the buffer of the one before it. A salt is
copied into such a string, because the library takes nothing else.
"""

from __future__ import annotations

import hmac

from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

_SHA512 = SHA512()
try:  # what hmac.digest calls, without its checks, which saves a sixth of the time
    from _hashlib import hmac_digest as _hmac
except ImportError:  # a Python without OpenSSL
    _hmac = hmac.digest  # type: ignore[assignment]


def hkdf(material: bytes | bytearray, salt: bytes | bytearray | None, info: bytes, size: int) -> bytearray:
    """Return ``size`` bytes of HKDF-SHA-512; no salt is the same as 64 zeros [RFC 5869, 2.2]."""
    derived = bytearray(size)
    HKDF(_SHA512, size, bytes(salt) if salt else None, info).derive_into(material, derived)
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


def block(info: bytes) -> bytes:
    """Return what HKDF-Expand gives to HMAC for the first block of what it derives for ``info`` [RFC 5869, 2.3]."""
    return info + b"\x01"


def halves(key: bytes | bytearray, first_block: bytes) -> tuple[bytes, bytes]:
    """Return the two halves of HKDF-Expand-SHA-512 to 64 bytes, which is a single HMAC; see ``block``."""
    derived = _hmac(key, first_block, "sha512")
    return derived[:32], derived[32:]


def hybrid_step(chain_keys: bytes | bytearray, first_block: bytes) -> tuple[bytes, bytes]:
    """Return the message key of two chain keys of 32 bytes, and the two that follow.

    Of each chain key, HKDF-Expand-SHA-512 to 64 bytes gives message key(32) ‖ chain key(32), see ``block``. The message
    key of both is HMAC-SHA-256(second one's, first one's) [Double Ratchet, 5.2, KDF_SCKA_CK; 7.2, KDF_HYBRID].
    """
    keys = memoryview(chain_keys)
    first = _hmac(keys[:32], first_block, "sha512")
    second = _hmac(keys[32:], first_block, "sha512")
    return _hmac(second[:32], first[:32], "sha256"), first[32:] + second[32:]
