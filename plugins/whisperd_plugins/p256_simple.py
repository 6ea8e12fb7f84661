"""Signed Diffie-Hellman on P-256 with session keys for AES-GCM: ``p256-simple``.

For other sides that have nothing but what every browser's WebCrypto has: ECDH, ECDSA, HKDF and AES-GCM. Each side signs
a fresh key with its P-256 identity; the joiner signs the bundle's digest with it. HKDF-SHA-256 over the shared point
gives two session keys: the secret, and a key of AES-256-GCM whose tag over the message confirms that the joiner has
them. There is nothing in it against quantum computers and nothing deniable, hence level STANDARD and no other.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from zope.interface import implementer

from whisperd.errors import KeyExchangeRefused
from whisperd.interfaces import IKeyExchange, Level, Random
from whisperd_plugins import p256, selftest
from whisperd_plugins.encoding import Layout

INFO = b"whisperd/1 p256-simple"
BUNDLE_CONTEXT = b"whisperd/1 p256-simple bundle"
MESSAGE_CONTEXT = b"whisperd/1 p256-simple message"
#: The key of the confirmation serves once, so its nonce need not differ from anything.
NONCE = bytes(12)

#: 198 bytes.
BUNDLE = Layout("p256-simple bundle", 0x03, (
    ("identity key", "p-256 public key"),
    ("prekey", "p-256 public key"),
    ("signature", "p-256 signature"),
))
#: 248 bytes.
MESSAGE = Layout("p256-simple message", 0x11, (
    ("bundle", "sha-256"),
    ("identity key", "p-256 public key"),
    ("ephemeral key", "p-256 public key"),
    ("signature", "p-256 signature"),
    ("confirmation", "aes-gcm tag"),
))


class Prekey:
    """The private half of a bundle; serves once. OpenSSL cleanses the key when the last reference is dropped."""

    def __init__(self, random: Random) -> None:
        self.key: EllipticCurvePrivateKey | None = p256.private_key(random(p256.DRAWN))
        self.public = p256.public_key(self.key)
        self.bundle = b""

    def wipe(self) -> None:
        """Drop the private key."""
        self.key = None


@implementer(IKeyExchange)
class P256Simple:
    """The plug-in ``p256-simple``: bundle 198 bytes, message 248 bytes."""

    id = "p256-simple"
    version = 1
    api = 1
    level = Level.STANDARD
    identity_kinds = ("p256",)

    def prekeys(self, identity: Any, random: Random) -> tuple[bytes, Prekey]:
        """Return a signed bundle and its private half; draws 48 bytes."""
        private = Prekey(random)
        head = BUNDLE.head({"identity key": identity.public("p256"), "prekey": private.public})
        private.bundle = BUNDLE.finish(head, identity.sign("p256", BUNDLE_CONTEXT + head))
        return private.bundle, private

    def initiate(self, bundle: bytes, identity: Any, random: Random) -> tuple[bytes, bytes]:
        """Return the message and the 32-byte secret; draws 48 bytes for the ephemeral key."""
        theirs = BUNDLE.split(bundle)
        _check(theirs, BUNDLE_CONTEXT + bundle[: BUNDLE.head_size], identity)
        ephemeral = p256.private_key(random(p256.DRAWN))
        values = {"bundle": hashlib.sha256(bundle).digest(), "identity key": identity.public("p256"),
                  "ephemeral key": p256.public_key(ephemeral)}
        signed = MESSAGE.until("signature", values)
        head = MESSAGE.head({**values, "signature": identity.sign("p256", MESSAGE_CONTEXT + signed)})
        secret, confirmation = _derive(_agree(ephemeral, theirs["prekey"]), bundle, head)
        return MESSAGE.finish(head, confirmation), secret

    def accept(self, message: bytes, private: Prekey, identity: Any) -> bytes:
        """Return the 32-byte secret of a message; a refused one leaves the prekey as it was."""
        if private.key is None:
            raise KeyExchangeRefused("these prekeys have been used")
        theirs = MESSAGE.split(message)
        if theirs["bundle"] != hashlib.sha256(private.bundle).digest():
            raise KeyExchangeRefused("the message was made for other prekeys")
        if BUNDLE.split(private.bundle)["identity key"] != identity.public("p256"):
            raise KeyExchangeRefused("these prekeys belong to another identity")
        _check(theirs, MESSAGE_CONTEXT + message[: MESSAGE.start_of("signature")], identity)
        head = message[: MESSAGE.head_size]
        secret, confirmation = _derive(_agree(private.key, theirs["ephemeral key"]), private.bundle, head)
        if not hmac.compare_digest(confirmation, theirs["confirmation"]):
            raise KeyExchangeRefused("the message was changed")
        private.wipe()
        return secret

    def self_test(self) -> None:
        """Compare a bundle and a message with known answers, and let two sides agree."""
        random = selftest.stream(self.id)
        inviter, joiner = (selftest.KnownIdentity(self.identity_kinds, random) for _ in range(2))
        bundle, private = self.prekeys(inviter, random)
        selftest.expect("the bundle", bundle, "b97a5a340e05b9414f4d94409ec38b6a")
        message, secret = self.initiate(bundle, joiner, random)
        selftest.expect("the message and the secret", message + secret, "a3a54ba7724e50c777238baaac74cf12")
        if self.accept(message, private, inviter) != secret:
            raise selftest.KnownAnswerWrong("two sides do not agree")


def _check(theirs: dict[str, bytes], signed: bytes, identity: Any) -> None:
    if not p256.verify(theirs["identity key"], signed, theirs["signature"]):
        raise KeyExchangeRefused("the identity's signature does not verify")
    if theirs["identity key"] == identity.public("p256"):
        raise KeyExchangeRefused("the other side shows this side's own identity key")


def _agree(private: EllipticCurvePrivateKey, public: bytes) -> bytes:
    try:
        return p256.agree(private, public)
    except ValueError as error:
        raise KeyExchangeRefused(f"a key is not valid: {error}") from error


def _derive(shared: bytes, bundle: bytes, message: bytes) -> tuple[bytes, bytes]:
    """Return the secret (32 bytes) and the confirmation (16)."""
    info = INFO + hashlib.sha256(bundle).digest() + hashlib.sha256(message).digest()
    keys = HKDF(SHA256(), 64, None, info).derive(shared)
    return keys[:32], AESGCM(keys[32:]).encrypt(NONCE, b"", message)
