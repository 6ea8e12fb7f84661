"""A good key exchange with each of its precautions in a method of its own, so that a broken one leaves one out.

bundle: 0x01 ‖ signing key(32) ‖ identity key(32) ‖ prekey(32) ‖ ML-KEM-1024 key(1568) ‖ signature(64) over "bundle" ‖
what stands before. message: 0x02 ‖ signing key ‖ identity key ‖ ephemeral key ‖ ciphertext(1568) ‖ signature over
"message" ‖ SHA-256(bundle) ‖ what stands before. secret: SHA-256 of three agreements, the encapsulated secret and both.
"""

from __future__ import annotations

import hashlib
from typing import Any

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from whisperd_plugins import mlkem, sodium
from zope.interface import implementer

from whisperd.errors import KeyExchangeRefused
from whisperd.interfaces import IKeyExchange, Level, Random

SIZE = 1 + 3 * 32 + mlkem.PUBLIC + 64
HEAD = SIZE - 64


class Private:
    """The private half of a bundle, for one message or lasting for many."""

    def __init__(self, random: Random, lasting: bool) -> None:
        self.lasting = lasting
        self.key = bytearray(random(32))
        self.kem_public, self.kem = mlkem.keypair(random(mlkem.SEED))
        self.bundle = b""
        self.seen: list[bytes] = []

    def wipe(self) -> None:
        self.bundle = b""


@implementer(IKeyExchange)
class OpenKex:
    """The exchange; everything that it does for safety can be overridden."""

    id = "open"
    version = 1
    api = 1
    level = Level.STANDARD
    identity_kinds = ("ed25519", "x25519")

    def prekeys(self, identity: Any, random: Random, *, lasting: bool = False) -> tuple[bytes, Private]:
        private = Private(random, lasting)
        head = b"\1" + keys(identity) + sodium.public_key(private.key) + private.kem_public
        private.bundle = head + identity.sign("ed25519", b"bundle" + head)
        return private.bundle, private

    def last_resort_prekeys(self, identity: Any, random: Random) -> tuple[bytes, Any]:
        return self.prekeys(identity, random, lasting=True)

    def initiate(self, bundle: bytes, identity: Any, random: Random) -> tuple[bytes, bytes]:
        bundle = self.read(bundle, 1)
        self.verify(bundle, b"bundle" + bundle[:HEAD])
        self.refuse_self(bundle, identity)
        ephemeral = bytearray(random(32))
        ciphertext, shared = self.encapsulate(bundle[97:HEAD])
        theirs, prekey = bundle[33:65], bundle[65:97]
        parts = [self.agree_by(identity, prekey), self.agree(ephemeral, theirs), self.agree(ephemeral, prekey), shared]
        head = b"\2" + keys(identity) + sodium.public_key(ephemeral) + ciphertext
        message = head + identity.sign("ed25519", self.signed(bundle, head))
        return message, self.derive(parts, bundle, message)

    def accept(self, message: bytes, private: Any, identity: Any) -> bytes:
        self.refuse_reuse(message, private)
        bundle = private.bundle
        message = self.read(message, 2)
        self.verify(message, self.signed(bundle, message[:HEAD]))
        self.refuse_self(message, identity)
        theirs, ephemeral = message[33:65], message[65:97]
        shared = mlkem.decapsulate(private.kem, message[97:HEAD])
        parts = [self.agree(private.key, theirs), self.agree_by(identity, ephemeral),
                 self.agree(private.key, ephemeral), shared]
        private.seen.append(message)
        return self.derive(parts, bundle, message)

    def self_test(self) -> None:
        """There is nothing to compare with."""

    # -- what a broken one leaves out ---------------------------------------------------------------------------------

    def read(self, record: bytes, first: int) -> bytes:
        """Return a record of the right size and kind, with canonical keys."""
        if len(record) != SIZE or record[0] != first:
            raise KeyExchangeRefused
        for start in (33, 65):
            self.check_point(record[start : start + 32])
        return record

    def check_point(self, public: bytes) -> None:
        try:
            sodium.check_public_key(public)
        except ValueError:
            raise KeyExchangeRefused from None

    def verify(self, record: bytes, signed: bytes) -> None:
        try:
            VerifyKey(record[1:33]).verify(signed, record[HEAD:])
        except BadSignatureError:
            raise KeyExchangeRefused from None

    def refuse_self(self, record: bytes, identity: Any) -> None:
        if record[1:33] == identity.public("ed25519"):
            raise KeyExchangeRefused

    def refuse_reuse(self, message: bytes, private: Any) -> None:
        if not private.bundle or (message in private.seen if private.lasting else private.seen):
            raise KeyExchangeRefused

    def agree(self, private: bytearray, public: bytes) -> bytes | bytearray:
        try:
            return sodium.agree(private, public)
        except ValueError:
            raise KeyExchangeRefused from None

    def agree_by(self, identity: Any, public: bytes) -> bytes:
        try:
            agreed: bytes = identity.agree(public)
            return agreed
        except ValueError:
            raise KeyExchangeRefused from None

    def encapsulate(self, public: bytes) -> tuple[bytes, bytes]:
        try:
            return mlkem.encapsulate(public)
        except ValueError:
            raise KeyExchangeRefused from None

    def signed(self, bundle: bytes, head: bytes) -> bytes:
        return b"message" + hashlib.sha256(bundle).digest() + head

    def derive(self, parts: list[Any], bundle: bytes, message: bytes) -> bytes:
        return hashlib.sha256(b"".join([*parts, self.context(bundle), self.context(message)])).digest()

    def context(self, record: bytes) -> bytes:
        """Return what of a bundle or a message the secret depends on: all of it."""
        return record


def keys(identity: Any) -> bytes:
    """Return both public identity keys."""
    joined: bytes = identity.public("ed25519") + identity.public("x25519")
    return joined


def waste(agreements: int) -> None:
    """Take as much time as so many X25519 agreements."""
    private, public = bytearray(b"\7" * 32), sodium.public_key(bytearray(b"\x09" * 32))
    for _ in range(agreements):
        sodium.agree(private, public)
