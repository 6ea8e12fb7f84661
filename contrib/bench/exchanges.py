"""Each bundled key exchange, both sides together, beside the primitives that its specification asks for."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA87PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM1024PrivateKey, MLKEM1024PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from nacl import bindings
from pqcrypto.sign import falcon_padded_1024
from whisperd_plugins.cpace_exchange import Cpace25519
from whisperd_plugins.p256_simple import P256Simple
from whisperd_plugins.pqxdh import PqxdhMlkem1024
from whisperd_plugins.pqxdh_falcon1024 import PqxdhMlkem1024Falcon1024
from whisperd_plugins.pqxdh_mldsa87 import PqxdhMlkem1024Mldsa87
from whisperd_plugins.x3dh import X3dh

from contrib.bench.harness import Row, interleave, per_call
from whisperd.plugin.identity import MemoryIdentity

AGAINST = "sum of its primitives"
CALLS, ROUNDS = 40, 15
TARGET = 1.25


def both_sides(plugin: Any, other: Any = None) -> Callable[[], object]:
    """Return a call that makes two identities, prekeys and a message, and accepts it."""
    joiners = other or plugin

    def exchange() -> None:
        inviter, joiner = (MemoryIdentity(plugin.identity_kinds, os.urandom) for _ in range(2))
        bundle, private = plugin.prekeys(inviter, os.urandom)
        message, secret = joiners.initiate(bundle, joiner, os.urandom)
        assert plugin.accept(message, private, inviter) == secret

    return exchange


def floor_x3dh(parts: int = 4, signed: int = 200) -> Callable[[], object]:
    """Return a call of what X3DH asks of both sides together.

    Two Ed25519 and five X25519 key pairs, two signatures over ``signed`` bytes made and checked, eight DH, and two
    derivations from ``parts`` shared secrets.
    """
    seed, point = os.urandom(32), bindings.crypto_scalarmult_base(os.urandom(32))
    algorithm, material = SHA512(), bytes(32 * (1 + parts))

    def primitives() -> None:
        for _ in range(2):
            public, private = bindings.crypto_sign_seed_keypair(seed)
            bindings.crypto_sign_open(bindings.crypto_sign(bytes(signed), private), public)
            HKDF(algorithm, 64, None, seed).derive(material)
        for _ in range(5):
            bindings.crypto_scalarmult_base(seed)
        for _ in range(8):
            bindings.crypto_scalarmult(seed, point)

    return primitives


def floor_pqxdh(signed: int = 1700) -> Callable[[], object]:
    """Return a call of the same and one ML-KEM-1024 key pair, whose public key is written, read and checked as FIPS 203
    demands, encapsulation and decapsulation."""
    x3dh, seed = floor_x3dh(5, signed), os.urandom(64)

    def primitives() -> None:
        x3dh()
        private = MLKEM1024PrivateKey.from_seed_bytes(seed)
        public = MLKEM1024PublicKey.from_public_bytes(private.public_key().public_bytes_raw())
        _, ciphertext = public.encapsulate()
        private.decapsulate(ciphertext)

    return primitives


def floor_mldsa87() -> Callable[[], object]:
    """Return a call of PQXDH's and two ML-DSA-87 key pairs, and two signatures made and checked."""
    pqxdh = floor_pqxdh(4300)

    def primitives() -> None:
        pqxdh()
        for _ in range(2):
            private, message = MLDSA87PrivateKey.from_seed_bytes(os.urandom(32)), os.urandom(4300)
            private.public_key().verify(private.sign(message), message)

    return primitives


def floor_falcon1024() -> Callable[[], object]:
    """Return a call of PQXDH's and two Falcon-1024 key pairs, and two signatures made and checked."""
    pqxdh, message = floor_pqxdh(3500), os.urandom(3500)

    def primitives() -> None:
        pqxdh()
        for _ in range(2):
            public, private = falcon_padded_1024.generate_keypair()
            assert falcon_padded_1024.verify(public, message, falcon_padded_1024.sign(private, message))

    return primitives


def floor_p256() -> Callable[[], object]:
    """Return a call of four P-256 key pairs from given bytes, each public key written and read, two signatures made and
    checked, two ECDH, two derivations and two tags."""
    ecdsa, message, curve = ec.ECDSA(SHA256(), deterministic_signing=True), bytes(166), ec.SECP256R1()

    def primitives() -> None:
        keys = [ec.derive_private_key(int.from_bytes(os.urandom(31)) + 1, curve) for _ in range(4)]
        points = [ec.EllipticCurvePublicKey.from_encoded_point(
            curve, key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)) for key in keys]
        for one, other in ((0, 1), (2, 3)):
            points[one].verify(keys[one].sign(message, ecdsa), message, ecdsa)
            key = HKDF(SHA256(), 64, None, message).derive(keys[one].exchange(ec.ECDH(), points[other]))
            AESGCM(key[32:]).encrypt(bytes(12), b"", message)

    return primitives


def floor_cpace() -> Callable[[], object]:
    """Return a call of PQXDH's and, for both sides, a mapped generator, its multiple, a DH, a hash and a derivation."""
    pqxdh, scalar, algorithm = floor_pqxdh(), bytes(31) + b"\x08", SHA512()
    share = bindings.crypto_scalarmult_base(scalar)

    def primitives() -> None:
        pqxdh()
        for _ in range(2):
            generator = bindings.crypto_core_ed25519_from_uniform(hashlib.sha512(bytes(256)).digest()[:32])
            bindings.crypto_sign_ed25519_pk_to_curve25519(bindings.crypto_scalarmult_ed25519_noclamp(scalar, generator))
            key = hashlib.sha512(bindings.crypto_scalarmult(scalar, share) + bytes(3700)).digest()
            HKDF(algorithm, 64, None, scalar).derive(key)

    return primitives


def measure() -> list[Row]:
    """Measure every key exchange; a tenth of the calls for Falcon, whose key pairs take as long as all the others."""
    codes = [Cpace25519().for_code("bench", 1 << 30) for _ in range(2)]
    exchanges = {
        "pqxdh-25519-mlkem1024": (both_sides(PqxdhMlkem1024()), floor_pqxdh(), CALLS),
        "pqxdh-25519-mlkem1024-mldsa87": (both_sides(PqxdhMlkem1024Mldsa87()), floor_mldsa87(), CALLS),
        "pqxdh-25519-mlkem1024-falcon1024": (both_sides(PqxdhMlkem1024Falcon1024()), floor_falcon1024(), CALLS // 10),
        "x3dh-25519": (both_sides(X3dh()), floor_x3dh(), CALLS),
        "p256-simple": (both_sides(P256Simple()), floor_p256(), CALLS),
        "cpace-25519": (both_sides(*codes), floor_cpace(), CALLS),
    }
    rows = []
    for name, (ours, needed, calls) in exchanges.items():
        found = interleave({"ours": per_call(ours, calls), "floor": per_call(needed, calls)}, ROUNDS)
        rows.append(Row(f"{name}, both sides", "µs", found["ours"], AGAINST, found["floor"], TARGET))
    return rows
