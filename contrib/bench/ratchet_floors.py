"""What each ratchet's specification cannot do without, called as cheaply as the libraries allow."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable

from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from whisperd_plugins import mlkem, sodium

PLAINTEXT, ASSOCIATED = bytes(100), bytes(32)
#: Messages of both sides together that one round of the sparse ratchet takes when they take turns.
ROUND = 126

_KEY, _NONCE = bytearray(os.urandom(32)), os.urandom(24)
_POINT = sodium.public_key(bytearray(os.urandom(32)))
_SHA512 = SHA512()
_FORGED = bytes(116)
Call = Callable[[], object]


def steps(count: int) -> None:
    """Step a chain: so many HMACs with SHA-256."""
    for _ in range(count):
        hmac.digest(_KEY, b"\x01", "sha256")


def expand(size: int) -> None:
    HKDFExpand(_SHA512, size, b"whisperd/1 double message").derive(_KEY)


def derive(size: int) -> None:
    hmac.digest(_KEY, _KEY, "sha512")
    expand(size)


def aes(ad: bytes) -> bytes:
    """Carry a body: encrypt on one side, decrypt on the other."""
    body = AESGCM(_KEY).encrypt(_NONCE[:12], PLAINTEXT, ad)
    AESGCM(_KEY).decrypt(_NONCE[:12], body, ad)
    return body


def cascade(ad: bytes) -> bytes:
    inner = aes(ad)
    outer = sodium.seal(_KEY, _NONCE, inner, ad)
    sodium.unseal(_KEY, _NONCE, outer, ad)
    for _ in range(2):
        blake3(ad + outer, key=_KEY).digest()
    return outer


def header(size: int, body: bytes) -> None:
    """Carry a sealed header of ``size`` bytes."""
    sealed = sodium.seal(_KEY, os.urandom(24), ASSOCIATED * 2 + bytes(size - 64) if size > 64 else bytes(size),
                         hashlib.sha256(body).digest())
    sodium.unseal(_KEY, sealed[:24], sealed, hashlib.sha256(body).digest())


def message(*, hybrid: bool, material: int, header_size: int, body: Callable[[bytes], bytes]) -> Call:
    """Return a call of what one message needs of both sides when the ratchet does not turn."""
    ad = bytes(len(ASSOCIATED) + (header_size or 40))

    def carry() -> None:
        for _ in range(2):
            steps(3 if hybrid else 2)
            if hybrid:
                hmac.digest(_KEY, b"\x01", "sha512")
            expand(material)
        made = body(ad)
        if header_size:
            header(header_size, made)

    return carry


def turning(carry: Call, *, root: int, sealed: bool, sparse: bool) -> Call:
    """Return a call of the same with a turn: a key pair to send, and on both sides a DH and a root derivation; with
    sealed headers one trial that fails, and with a sparse ratchet a derivation on both sides and a share of a round."""
    rounds = sparse_round() if sparse else None
    foreign = os.urandom(root)

    def turn() -> None:
        sodium.public_key(bytearray(os.urandom(32)))
        for _ in range(2):
            sodium.agree(_KEY, _POINT)
            derive(root)
            if sparse:
                expand(64)
        if sealed:
            sodium.unseal(_KEY, _NONCE, foreign, b"")
        if rounds:
            rounds()
        carry()

    return turn


def kem_turn(carry: Call) -> Call:
    """Return a call of a turn of ``double-he`` and an ML-KEM-1024 exchange: key pair, encapsulation, decapsulation."""
    turn = turning(carry, root=96, sealed=True, sparse=False)
    _, private = mlkem.keypair(os.urandom(64))

    def exchange() -> None:
        public, _ = mlkem.keypair(os.urandom(64))
        ciphertext, _ = mlkem.encapsulate(public)
        mlkem.decapsulate(private, ciphertext)
        turn()

    return exchange


def sparse_round() -> Call:
    """Return a call that is a whole round each ROUND calls: key pair, encapsulation, decapsulation, derivations."""
    calls = 0

    def share() -> None:
        nonlocal calls
        calls += 1
        if calls % ROUND == 0:
            public, private = mlkem.keypair(os.urandom(64))
            ciphertext, _ = mlkem.encapsulate(public)
            mlkem.decapsulate(private, ciphertext)
            derive(96)
            derive(96)

    return share


def rejected() -> None:
    """Find a message of a turn to be forged, by the steps of the Double Ratchet that lead to its key."""
    sodium.agree(_KEY, _POINT)
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
    "double": turning(_DOUBLE, root=64, sealed=False, sparse=False),
    "double-he": turning(_HEADERS, root=96, sealed=True, sparse=False),
    "kem-every-turn": kem_turn(_KEM),
    "triple": turning(_TRIPLE, root=96, sealed=True, sparse=True),
    "triple-cascade": turning(_CASCADE, root=96, sealed=True, sparse=True),
}
