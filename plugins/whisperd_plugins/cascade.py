"""The envelope ``cascade``, and the ratchets in it: a body stays secret and whole as long as one of its ciphers holds.

A body is AES-256-GCM inside XChaCha20-Poly1305, with a keyed BLAKE3 tag over it: outer ‖ tag(32), 64 bytes more than
its plaintext.

key(32) ‖ nonce(12) of AES-256-GCM, key(32) ‖ nonce(24) of XChaCha20-Poly1305 and the key(32) of BLAKE3 are the 132
bytes of HKDF-Expand-SHA-512(message key, info ‖ " cascade"), so no cipher sees another one's key. As the message key is
the ratchet's own, which is used once and destroyed, each body is forward secret and heals as the ratchet does; an
envelope with a key of its own would have neither.

Both ciphers authenticate the same associated data, and the tag covers its length in bytes(8), itself and the outer
ciphertext. The tag is compared first; it is a commitment to the key, which neither of the ciphers is.
"""

from __future__ import annotations

import hmac

from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from whisperd_plugins import sodium
from whisperd_plugins.double import Double
from whisperd_plugins.double_he import DoubleHeaderEncrypted
from whisperd_plugins.kdf import expand
from whisperd_plugins.kem_every_turn import KemEveryTurn
from whisperd_plugins.sodium import KEY, NONCE, TAG, wipe
from whisperd_plugins.triple import Triple

_SIZES = (KEY, 12, KEY, NONCE, KEY)
_MARK = 32
_LENGTH = 8


class Cascade:
    """The envelope; see ``ratchet_body.Envelope``."""

    overhead = TAG + TAG + _MARK

    def close(self, key: bytes | bytearray, info: bytes, plaintext: bytes, ad: bytes) -> bytes:
        """Return the body of a plaintext."""
        inner_key, inner_nonce, outer_key, outer_nonce, tag_key = keys = _keys(key, info)
        inner = AESGCM(inner_key).encrypt(inner_nonce, plaintext, ad)
        outer = sodium.seal(outer_key, bytes(outer_nonce), inner, ad)
        mark = _mark(tag_key, ad, outer)
        wipe(*keys)
        return outer + mark

    def open(self, key: bytes | bytearray, info: bytes, body: bytes, ad: bytes) -> bytes | None:
        """Return the plaintext of a body, or None when anything of it is not authentic."""
        inner_key, inner_nonce, outer_key, outer_nonce, tag_key = keys = _keys(key, info)
        outer = body[:-_MARK]
        try:
            if not hmac.compare_digest(_mark(tag_key, ad, outer), body[-_MARK:]):
                return None
            inner = sodium.unseal(outer_key, bytes(outer_nonce), outer, ad)
            return None if inner is None else AESGCM(inner_key).decrypt(inner_nonce, inner, ad)
        except InvalidTag:
            return None
        finally:
            wipe(*keys)


CASCADE = Cascade()


class DoubleCascade(Double):
    """The plug-in ``double-cascade``."""

    id = "double-cascade"
    envelope = CASCADE
    known = ("double", "9e56a2920cdd18d8e13f19c80309ced0")


class DoubleHeaderEncryptedCascade(DoubleHeaderEncrypted):
    """The plug-in ``double-he-cascade``."""

    id = "double-he-cascade"
    envelope = CASCADE
    known = ("double-he", "937e5dded6ac077062bded6f1d4faa2e")


class KemEveryTurnCascade(KemEveryTurn):
    """The plug-in ``kem-every-turn-cascade``."""

    id = "kem-every-turn-cascade"
    envelope = CASCADE


class TripleCascade(Triple):
    """The plug-in ``triple-cascade``."""

    id = "triple-cascade"
    envelope = CASCADE
    known = ("triple", "7e0e1b7bab4f107baa9eb8a5420535a3")


def _keys(key: bytes | bytearray, info: bytes) -> list[bytearray]:
    """Return keys and nonces in the order of the description."""
    material = expand(key, info + b" cascade", sum(_SIZES))
    parts, place = [], 0
    for size in _SIZES:
        parts.append(material[place : place + size])
        place += size
    wipe(material)
    return parts


def _mark(key: bytearray, ad: bytes, outer: bytes) -> bytes:
    """Return BLAKE3 with this key of ad's length(8) ‖ ad ‖ outer, 32 bytes."""
    return blake3(b"".join((len(ad).to_bytes(_LENGTH, "big"), ad, outer)), key=key).digest()
