"""Verification of the identity signatures, by kind of key; signing is the identity's business."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import nacl.bindings as sodium
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA87PublicKey
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


def verify_mldsa87(public: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether an ML-DSA-87 signature (4627 bytes, empty context) is valid [FIPS 204, algorithm 3]."""
    try:
        MLDSA87PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@dataclass(frozen=True)
class Signer:
    """One signature algorithm of an identity: the identity's ``kind`` of key, the names of the two fields that hold
    its public key and its signature in a record, the type that both begin with, and how a signature is checked."""

    kind: str
    key: str
    signature: str
    type: str
    verify: Callable[[bytes, bytes, bytes], bool]


ED25519 = Signer("ed25519", "identity signing key", "signature", "ed25519", verify_ed25519)
MLDSA87 = Signer("mldsa87", "ML-DSA-87 key", "ML-DSA-87 signature", "ml-dsa-87", verify_mldsa87)
