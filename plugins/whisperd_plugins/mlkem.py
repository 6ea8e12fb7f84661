"""ML-KEM-1024 [FIPS 203] by OpenSSL 3.5 or later, through ``cryptography``.

OpenSSL checks encapsulation keys as FIPS 203, 7.2 demands and cleanses its private keys when they are freed.
``encapsulate`` draws its own 32 random bytes inside OpenSSL: they cannot be injected, and what it returns is
different each time.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM1024PrivateKey, MLKEM1024PublicKey

#: What holds a decapsulation key.
PrivateKey = MLKEM1024PrivateKey

SEED = 64
PUBLIC = 1568
CIPHERTEXT = 1568
SECRET = 32


def keypair(seed: bytes) -> tuple[bytes, MLKEM1024PrivateKey]:
    """Return the encapsulation key (1568 bytes) and the private key that belong to a seed (64 bytes, d ‖ z)."""
    private = MLKEM1024PrivateKey.from_seed_bytes(seed)
    return private.public_key().public_bytes_raw(), private


def check_public_key(public: bytes) -> None:
    """Raise ValueError unless ``public`` is an encapsulation key [FIPS 203, 7.2]."""
    MLKEM1024PublicKey.from_public_bytes(public)


def encapsulate(public: bytes) -> tuple[bytes, bytes]:
    """Return the ciphertext (1568 bytes) and the shared secret (32); raises ValueError for an invalid key."""
    secret, ciphertext = MLKEM1024PublicKey.from_public_bytes(public).encapsulate()
    return ciphertext, secret


def decapsulate(private: MLKEM1024PrivateKey, ciphertext: bytes) -> bytes:
    """Return the 32-byte shared secret; one that nobody else has when the ciphertext was changed [FIPS 203, 6.3].

    Raises ValueError when the ciphertext has another size than 1568 bytes.
    """
    if len(ciphertext) != CIPHERTEXT:
        raise ValueError("an ML-KEM-1024 ciphertext has 1568 bytes")
    return private.decapsulate(ciphertext)
