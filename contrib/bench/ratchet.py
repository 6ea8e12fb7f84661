"""The ratchet's encrypt and decrypt of a 100-byte message, beside the primitives that its specification asks for."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from nacl import bindings
from nacl.exceptions import CryptoError
from whisperd_plugins.double_he import DoubleHeaderEncrypted

from contrib.bench.harness import Row, interleave, per_call

AGAINST = "sum of its primitives"
PLAINTEXT, ASSOCIATED = bytes(100), bytes(32)
CALLS, ROUNDS = 400, 15


def sessions() -> tuple:
    """Return an initiator and a responder that have heard each other."""
    plugin = DoubleHeaderEncrypted()
    public, private = plugin.offer(os.urandom)
    secret = os.urandom(32)
    one, other = plugin.initiator(secret, public, os.urandom), plugin.responder(secret, private, os.urandom)
    other.decrypt(one.encrypt(PLAINTEXT, ASSOCIATED), ASSOCIATED)
    one.decrypt(other.encrypt(PLAINTEXT, ASSOCIATED), ASSOCIATED)
    return one, other


def ping_pong() -> Callable[[], object]:
    """Return a call that carries one message, each the other way than the one before: the ratchet turns each time."""
    one, other = sessions()
    directions = [(one, other), (other, one)]

    def message() -> None:
        sender, receiver = directions[0]
        receiver.decrypt(sender.encrypt(PLAINTEXT, ASSOCIATED), ASSOCIATED)
        directions.reverse()

    return message


def one_way() -> Callable[[], object]:
    """Return a call that carries one message, always the same way: the ratchet does not turn."""
    sender, receiver = sessions()

    def message() -> None:
        receiver.decrypt(sender.encrypt(PLAINTEXT, ASSOCIATED), ASSOCIATED)

    return message


def floor_one_way() -> Callable[[], object]:
    """Return a call of what one message needs: on each side two chain steps, a key derivation, and two AEADs."""
    chain, header_key, nonce, header = (os.urandom(size) for size in (32, 32, 24, 40))
    algorithm = SHA512()

    def side() -> None:
        hmac.digest(chain, b"\x01", "sha256")
        hmac.digest(chain, b"\x02", "sha256")
        HKDFExpand(algorithm, 44, b"whisperd/1 double-he message").derive(chain)

    def message() -> None:
        side()
        body = AESGCM(header_key).encrypt(nonce[:12], PLAINTEXT, ASSOCIATED + header)
        sealed = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
            header, hashlib.sha256(body).digest(), nonce, header_key)
        side()
        bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, hashlib.sha256(body).digest(), nonce, header_key)
        AESGCM(header_key).decrypt(nonce[:12], body, ASSOCIATED + header)

    return message


def floor_ping_pong() -> Callable[[], object]:
    """Return a call of the same with a turn: a key pair, a DH and a root derivation to send, the latter two to read,
    and one header trial that fails."""
    private, salt = os.urandom(32), os.urandom(32)
    public = bindings.crypto_scalarmult_base(private)
    algorithm = SHA512()
    carry, foreign = floor_one_way(), os.urandom(56)

    def turn() -> None:
        shared = bindings.crypto_scalarmult(private, public)
        HKDF(algorithm, 96, salt, b"whisperd/1 double-he root").derive(shared)

    def message() -> None:
        bindings.crypto_scalarmult_base(os.urandom(32))
        turn()
        turn()
        _fails(foreign, salt)
        carry()

    return message


def _fails(sealed: bytes, key: bytes) -> None:
    try:
        bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, None, sealed[:24], key)
    except CryptoError:
        return


def measure() -> list[Row]:
    """Measure both patterns."""
    rows = []
    for name, ours, floor in (("ping-pong", ping_pong(), floor_ping_pong()), ("one way", one_way(), floor_one_way())):
        found = interleave({"ours": per_call(ours, CALLS), "floor": per_call(floor, CALLS)}, ROUNDS)
        rows.append(Row(f"double-he, encrypt and decrypt 100 bytes, {name}", "µs", found["ours"], AGAINST,
                        found["floor"], target=1.3))
    return rows
