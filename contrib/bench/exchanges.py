"""Each bundled key exchange, both sides together, beside the primitives that its specification asks for."""

from __future__ import annotations

import hashlib
import os
from _hashlib import hmac_digest
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA87PrivateKey, MLDSA87PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM1024PrivateKey, MLKEM1024PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from nacl import bindings
from nacl._sodium import ffi, lib
from pqcrypto.sign import falcon_padded_1024
from whisperd_plugins.cpace_exchange import Cpace25519
from whisperd_plugins.p256_simple import P256Simple
from whisperd_plugins.pqxdh import PqxdhMlkem1024
from whisperd_plugins.pqxdh_falcon1024 import PqxdhMlkem1024Falcon1024
from whisperd_plugins.pqxdh_mldsa87 import PqxdhMlkem1024Mldsa87
from whisperd_plugins.x3dh import X3dh

from contrib.bench.harness import Row, interleave, per_call
from contrib.bench.ratchet_floors import agree, expand
from whisperd.plugin.identity import MemoryIdentity

AGAINST = "sum of its primitives"
CALLS, ROUNDS = 40, 15
TARGET = 1.25


def both_sides(plugin: Any, other: Any = None) -> Callable[[], object]:
    """Return a call that makes prekeys and a message, and accepts it. The identities are there before, as the
    specifications have it."""
    joiners = other or plugin
    inviter, joiner = (MemoryIdentity(plugin.identity_kinds, os.urandom) for _ in range(2))

    def exchange() -> None:
        bundle, private = plugin.prekeys(inviter, os.urandom)
        message, secret = joiners.initiate(bundle, joiner, os.urandom)
        assert plugin.accept(message, private, inviter) == secret

    return exchange


def floor_x3dh(parts: int = 4, signatures: int = 1, signed: int = 33) -> Callable[[], object]:
    """Return a call of what X3DH asks of both sides together [X3DH, 3.2 to 3.4].

    Three X25519 key pairs (signed prekey, one-time prekey, ephemeral key), the signature of the signed prekey made and
    checked, eight DH, and two derivations from ``parts`` shared secrets. The protocol here has a second signature,
    by the joiner, in place of XEdDSA; the paper asks for none.
    """
    public, private = bindings.crypto_sign_seed_keypair(os.urandom(32))
    material, length, result = bytes(32 * (1 + parts)), ffi.new("unsigned long long *"), ffi.new("unsigned char[8192]")

    def primitives() -> None:
        for _ in range(3):
            lib.crypto_scalarmult_base(result, os.urandom(32))
        for _ in range(signatures):
            lib.crypto_sign(result, length, bytes(signed), signed, private)
            lib.crypto_sign_open(result, length, ffi.buffer(result, signed + 64)[:], signed + 64, public)
        for _ in range(8):
            agree()
        for _ in range(2):
            hmac_digest(bytes(64), material, "sha512")
            expand(64)

    return primitives


def floor_pqxdh(signatures: int = 2, signed: int = 1569) -> Callable[[], object]:
    """Return a call of the same with a fifth shared secret and a second signature, that of the KEM prekey, and one
    ML-KEM-1024 key pair, whose public key is written, read and checked as FIPS 203 demands, encapsulation and
    decapsulation [PQXDH, 3.2 to 3.4]."""
    x3dh, seed = floor_x3dh(5, signatures, signed), os.urandom(64)

    def primitives() -> None:
        x3dh()
        private = MLKEM1024PrivateKey.from_seed_bytes(seed)
        public = MLKEM1024PublicKey.from_public_bytes(private.public_key().public_bytes_raw())
        _, ciphertext = public.encapsulate()
        private.decapsulate(ciphertext)

    return primitives


def floor_mldsa87() -> Callable[[], object]:
    """Return a call of PQXDH's, where Ed25519 and ML-DSA-87 each sign a bundle and a message, and both are checked."""
    pqxdh, message = floor_pqxdh(signed=4300), os.urandom(4300)
    private = MLDSA87PrivateKey.from_seed_bytes(os.urandom(32))
    public = private.public_key().public_bytes_raw()

    def primitives() -> None:
        pqxdh()
        for _ in range(2):
            MLDSA87PublicKey.from_public_bytes(public).verify(private.sign(message), message)

    return primitives


def floor_falcon1024() -> Callable[[], object]:
    """Return a call of the same with Falcon-1024."""
    pqxdh, message = floor_pqxdh(signed=3500), os.urandom(3500)
    public, private = falcon_padded_1024.generate_keypair()

    def primitives() -> None:
        pqxdh()
        for _ in range(2):
            assert falcon_padded_1024.verify(public, message, falcon_padded_1024.sign(private, message))

    return primitives


def floor_p256() -> Callable[[], object]:
    """Return a call of two P-256 key pairs from given bytes, whose public keys and those of both identities are
    written and read, two signatures made and checked, two ECDH, two derivations and two tags."""
    ecdsa, message, curve = ec.ECDSA(SHA256(), deterministic_signing=True), bytes(166), ec.SECP256R1()
    identities = [ec.generate_private_key(curve) for _ in range(2)]

    def primitives() -> None:
        keys = identities + [ec.derive_private_key(int.from_bytes(os.urandom(31)) + 1, curve) for _ in range(2)]
        points = [ec.EllipticCurvePublicKey.from_encoded_point(
            curve, key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)) for key in keys]
        for one, other in ((0, 3), (1, 2)):
            points[one].verify(keys[one].sign(message, ecdsa), message, ecdsa)
            key = HKDF(SHA256(), 64, None, message).derive(keys[5 - other].exchange(ec.ECDH(), points[other]))
            AESGCM(key[32:]).encrypt(bytes(12), b"", message)

    return primitives


def floor_cpace() -> Callable[[], object]:
    """Return a call of PQXDH's and, for both sides, a mapped generator, its multiple, a DH, a hash and a derivation."""
    pqxdh, scalar = floor_pqxdh(), bytes(31) + b"\x08"
    share = bindings.crypto_scalarmult_base(scalar)

    def primitives() -> None:
        pqxdh()
        for _ in range(2):
            generator = bindings.crypto_core_ed25519_from_uniform(hashlib.sha512(bytes(256)).digest()[:32])
            bindings.crypto_sign_ed25519_pk_to_curve25519(bindings.crypto_scalarmult_ed25519_noclamp(scalar, generator))
            key = hashlib.sha512(bindings.crypto_scalarmult(scalar, share) + bytes(3700)).digest()
            hmac_digest(bytes(64), key, "sha512")
            expand(64)

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
        target = None if name.startswith("x3dh") else TARGET  # its second signature alone is a fifth of the floor
        found = interleave({"ours": per_call(ours, calls), "floor": per_call(needed, calls)}, ROUNDS)
        rows.append(Row(f"{name}, both sides", "µs", found["ours"], AGAINST, found["floor"], target))
    return rows
