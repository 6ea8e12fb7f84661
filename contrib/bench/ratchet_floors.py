"""What each ratchet's specification cannot do without, called as cheaply as the libraries allow.

Nothing of ours is in it: libsodium is called below PyNaCl's checks, into buffers that are there already, and HMAC as
CPython's own module calls OpenSSL. Not counted are random salts, encodings, comparisons and the wiping of keys.
"""

from __future__ import annotations

import hashlib
import os
from _hashlib import hmac_digest
from collections.abc import Callable

from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM1024PrivateKey, MLKEM1024PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from nacl._sodium import ffi, lib

PLAINTEXT, ASSOCIATED = bytes(100), bytes(32)
#: Messages of both sides together that one round of the sparse ratchet takes when they take turns.
ROUND = 126

_KEY, _NONCE = os.urandom(32), os.urandom(24)
_POINT, _RESULT = ffi.from_buffer(bytearray(32)), ffi.from_buffer(bytearray(32))
lib.crypto_scalarmult_base(_POINT, _KEY)
_INTO = ffi.from_buffer(bytearray(8192))
_SHA512 = SHA512()
_FORGED = bytes(116)
Call = Callable[[], object]


def steps(count: int) -> None:
    """Step a chain: so many HMACs with SHA-256."""
    for _ in range(count):
        hmac_digest(_KEY, b"\x01", "sha256")


def expand(size: int) -> None:
    HKDFExpand(_SHA512, size, b"whisperd/1 double message").derive(_KEY)


def derive(size: int) -> None:
    HKDF(_SHA512, size, _KEY, b"whisperd/1 double root").derive(_KEY)


def halves() -> None:
    """Derive 64 bytes from a key: one HMAC with SHA-512."""
    hmac_digest(_KEY, b"\x01", "sha512")


def key_pair() -> None:
    lib.crypto_scalarmult_base(_RESULT, os.urandom(32))


def agree() -> None:
    lib.crypto_scalarmult(_RESULT, _KEY, _POINT)


def aes(ad: bytes) -> bytes:
    """Carry a body: encrypt on one side, decrypt on the other."""
    body = AESGCM(_KEY).encrypt(_NONCE[:12], PLAINTEXT, ad)
    AESGCM(_KEY).decrypt(_NONCE[:12], body, ad)
    return body


def seal(plaintext: bytes, nonce: bytes, ad: bytes) -> None:
    lib.crypto_aead_xchacha20poly1305_ietf_encrypt(_INTO, ffi.NULL, plaintext, len(plaintext), ad, len(ad), ffi.NULL,
                                                   nonce, _KEY)


def unseal(sealed: bytes, nonce: bytes, ad: bytes) -> None:
    lib.crypto_aead_xchacha20poly1305_ietf_decrypt(_INTO, ffi.NULL, ffi.NULL, sealed, len(sealed), ad, len(ad), nonce,
                                                   _KEY)


def cascade(ad: bytes) -> bytes:
    inner = aes(ad)
    seal(inner, _NONCE, ad)
    outer = bytes(ffi.buffer(_INTO, len(inner) + 16))
    unseal(outer, _NONCE, ad)
    for _ in range(2):
        blake3(outer, key=_KEY).digest()
    return outer


def message(*, hybrid: bool, material: int, header_size: int, body: Callable[[bytes], bytes]) -> Call:
    """Return a call of what one message needs of both sides when the ratchet does not turn."""
    ad, clear, sealed = bytes(len(ASSOCIATED) + (header_size or 40)), bytes(header_size), bytes(header_size + 16)

    def carry() -> None:
        for _ in range(2):
            steps(1 if hybrid else 2)
            if hybrid:
                halves()
                halves()
            expand(material)
        made = body(ad)
        if header_size:
            nonce = os.urandom(24)
            seal(clear, nonce, hashlib.sha256(made).digest())
            unseal(sealed, nonce, hashlib.sha256(made).digest())

    return carry


def turning(carry: Call, *, root: int, sparse: bool) -> Call:
    """Return a call of the same with a turn: a key pair to send, and on both sides a DH and a root derivation; with a
    sparse ratchet a derivation on both sides and a share of a round."""
    rounds = sparse_round() if sparse else None

    def turn() -> None:
        key_pair()
        for _ in range(2):
            agree()
            derive(root)
            if sparse:
                halves()
        if rounds:
            rounds()
        carry()

    return turn


def kem_turn(carry: Call) -> Call:
    """Return a call of a turn of ``double-he`` and an ML-KEM-1024 exchange: key pair, encapsulation, decapsulation."""
    turn, private = turning(carry, root=96, sparse=False), MLKEM1024PrivateKey.generate()

    def exchange() -> None:
        kem(private)
        turn()

    return exchange


def kem(private: MLKEM1024PrivateKey) -> None:
    """Make a key pair, write and read its public key, encapsulate; and decapsulate by ``private``, made before."""
    public = MLKEM1024PrivateKey.from_seed_bytes(os.urandom(64)).public_key().public_bytes_raw()
    _, ciphertext = MLKEM1024PublicKey.from_public_bytes(public).encapsulate()
    private.decapsulate(ciphertext)


def sparse_round() -> Call:
    """Return a call that is a whole round each ROUND calls: key pair, encapsulation, decapsulation, derivations."""
    calls, private = 0, MLKEM1024PrivateKey.generate()

    def share() -> None:
        nonlocal calls
        calls += 1
        if calls % ROUND == 0:
            kem(private)
            derive(96)
            derive(96)

    return share


def rejected() -> None:
    """Find a message of a turn to be forged, by the steps of the Double Ratchet that lead to its key."""
    agree()
    derive(64)
    steps(1)
    expand(44)
    try:
        AESGCM(_KEY).decrypt(_NONCE[:12], _FORGED, ASSOCIATED)
    except InvalidTag:
        return


_DOUBLE = message(hybrid=False, material=44, header_size=0, body=aes)
_HEADERS = message(hybrid=False, material=44, header_size=40, body=aes)
_KEM = message(hybrid=False, material=44, header_size=3176, body=aes)
_TRIPLE = message(hybrid=True, material=44, header_size=93, body=aes)
_CASCADE = message(hybrid=True, material=132, header_size=93, body=cascade)
#: By the ids of the plug-ins: what a message costs when the ratchet does not turn, and when it turns each time.
ONE_WAY: dict[str, Call] = {
    "double": _DOUBLE, "double-he": _HEADERS, "kem-every-turn": _KEM, "triple": _TRIPLE, "triple-cascade": _CASCADE}
TURNS: dict[str, Call] = {
    "double": turning(_DOUBLE, root=64, sparse=False),
    "double-he": turning(_HEADERS, root=96, sparse=False),
    "kem-every-turn": kem_turn(_KEM),
    "triple": turning(_TRIPLE, root=96, sparse=True),
    "triple-cascade": turning(_CASCADE, root=96, sparse=True),
}
