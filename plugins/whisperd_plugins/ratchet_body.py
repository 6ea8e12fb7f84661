"""The bodies of messages: AES-256-GCM under a key and a nonce that come from the message key [Double Ratchet, 3.4].

A body is what an ``Envelope`` makes of a plaintext, a message key(32, used once) and the associated data: that of the
caller, followed by the header in clear. ``AesGcm`` is the plain one, ``cascade`` has another.

``info`` ends in bytes that the sender draws anew for each message and sends along. A message key is used once, unless
a state that was set back is used again: then two plaintexts have the same message key and still no key or nonce of a
cipher in common, which is what the paper asks AEADs for that withstand it.
"""

from __future__ import annotations

from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

_SHA512 = SHA512()
_KEY = 32
_MATERIAL = _KEY + 12
_BLANK = bytes(_MATERIAL)


class Envelope(Protocol):
    """How a body is made; ``overhead`` is how much longer it is than its plaintext, in bytes."""

    overhead: int

    def close(self, key: bytes | bytearray, info: bytes, plaintext: bytes, ad: bytes) -> bytes: ...

    def open(self, key: bytes | bytearray, info: bytes, body: bytes, ad: bytes) -> bytes | None: ...


class AesGcm:
    """key(32) ‖ iv(12) = HKDF-Expand-SHA-512(message key, info); the body is AES-256-GCM under them."""

    overhead = 16

    def close(self, key: bytes | bytearray, info: bytes, plaintext: bytes, ad: bytes) -> bytes:
        """Return the body of a plaintext."""
        view = memoryview(bytearray(_MATERIAL))
        HKDFExpand(_SHA512, _MATERIAL, info).derive_into(key, view)
        body = AESGCM(view[:_KEY]).encrypt(view[_KEY:], plaintext, ad)
        view[:] = _BLANK
        return body

    def open(self, key: bytes | bytearray, info: bytes, body: bytes, ad: bytes) -> bytes | None:
        """Return the plaintext of a body, or None when anything of it is not authentic."""
        view = memoryview(bytearray(_MATERIAL))
        HKDFExpand(_SHA512, _MATERIAL, info).derive_into(key, view)
        try:
            return AESGCM(view[:_KEY]).decrypt(view[_KEY:], body, ad)
        except InvalidTag:
            return None
        finally:
            view[:] = _BLANK


AES_GCM = AesGcm()
