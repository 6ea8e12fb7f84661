"""Verification of the identity signatures, by kind of key; signing is the identity's business."""

from __future__ import annotations

from collections.abc import Callable

import nacl.bindings as sodium
from nacl.exceptions import BadSignatureError


def verify_ed25519(public: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether an Ed25519 signature (64 bytes) is valid [RFC 8032, 5.1.7].

    libsodium refuses public keys of low order and encodings that are not canonical, so a signature is not malleable.
    """
    if len(public) != 32 or len(signature) != 64:
        return False
    try:
        sodium.crypto_sign_open(signature + message, public)
    except BadSignatureError:
        return False
    return True


VERIFIERS: dict[str, Callable[[bytes, bytes, bytes], bool]] = {"ed25519": verify_ed25519}
