"""A session of PyPI's DoubleRatchet, with its recommended functions and SHA-256; it needs that package to be there."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from doubleratchet import DoubleRatchet, Header
from doubleratchet.recommended import HashFunction, aead_aes_hmac, kdf_hkdf, kdf_separate_hmacs
from doubleratchet.recommended.diffie_hellman_ratchet_curve25519 import DiffieHellmanRatchet
from nacl.bindings import crypto_scalarmult_base

from contrib.bench.ratchet_floors import ASSOCIATED


class RootChain(kdf_hkdf.KDF):
    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_512

    @staticmethod
    def _get_info() -> bytes:
        return b"bench root"


class MessageChain(kdf_separate_hmacs.KDF):
    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_256


class Body(aead_aes_hmac.AEAD):
    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_256

    @staticmethod
    def _get_info() -> bytes:
        return b"bench body"


class Session(DoubleRatchet):
    @staticmethod
    def _build_associated_data(associated_data: bytes, header: Header) -> bytes:
        return (associated_data + header.ratchet_pub + header.sending_chain_length.to_bytes(4, "big")
                + header.previous_sending_chain_length.to_bytes(4, "big"))


SETTINGS: dict[str, Any] = {
    "diffie_hellman_ratchet_class": DiffieHellmanRatchet, "root_chain_kdf": RootChain,
    "message_chain_kdf": MessageChain, "message_chain_constant": b"\x02\x01", "dos_protection_threshold": 500,
    "max_num_skipped_message_keys": 4000, "aead": Body, "associated_data": ASSOCIATED,
}


def finish(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Return what a coroutine that waits for nothing returns."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise RuntimeError("it waits for something")


def pair(secret: bytes) -> tuple[Session, Session]:
    """Return an initiator and a responder that have heard each other."""
    private = secret[::-1]
    one, first = finish(Session.encrypt_initial_message(
        **SETTINGS, shared_secret=secret, recipient_ratchet_pub=crypto_scalarmult_base(private), message=b""))
    other, _ = finish(Session.decrypt_initial_message(
        **SETTINGS, shared_secret=secret, own_ratchet_priv=private, message=first))
    finish(one.decrypt_message(finish(other.encrypt_message(b"", ASSOCIATED)), ASSOCIATED))
    return one, other
