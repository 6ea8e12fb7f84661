"""P-256 [FIPS 186-5; SP 800-186, 3.2.1.3] by OpenSSL: what WebCrypto has in every browser, in WebCrypto's formats.

Public keys are points in the uncompressed form, 65 bytes that begin with 0x04; signatures are r ‖ s, 64 bytes.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PUBLIC = 65
SIGNATURE = 64
#: How many random bytes a private key is made of: 128 bits more than it has, so that the remainder is even.
DRAWN = 48

_CURVE = ec.SECP256R1()
_ECDSA = ec.ECDSA(SHA256(), deterministic_signing=True)


def private_key(drawn: bytes) -> ec.EllipticCurvePrivateKey:
    """Return the private key of 48 random bytes: their remainder modulo n - 1, and one [FIPS 186-5, A.2.1]."""
    return ec.derive_private_key(int.from_bytes(drawn, "big") % (_CURVE.group_order - 1) + 1, _CURVE)


def public_key(private: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the public key, 65 bytes."""
    return private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def agree(private: ec.EllipticCurvePrivateKey, public: bytes) -> bytes:
    """Return the x coordinate of the shared point, 32 bytes [SP 800-56A, 5.7.1.2]; ValueError for no point."""
    return private.exchange(ec.ECDH(), _point(public))


def sign(private: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """Return an ECDSA signature with SHA-256, 64 bytes, the same each time [RFC 6979]."""
    r, s = decode_dss_signature(private.sign(message, _ECDSA))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether an ECDSA signature with SHA-256 (64 bytes) is valid.

    With (r, s) also (r, -s) is: what is signed here has to go, signature included, into the key derivation.
    """
    if len(signature) != SIGNATURE:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        _point(public).verify(encode_dss_signature(r, s), message, _ECDSA)
    except (InvalidSignature, ValueError):
        return False
    return True


def _point(public: bytes) -> ec.EllipticCurvePublicKey:
    if len(public) != PUBLIC:
        raise ValueError("a P-256 public key has 65 bytes")
    return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, public)
