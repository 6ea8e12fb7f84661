"""A key exchange for whisperd: ``x448-signed``, Diffie-Hellman on Curve448 between fresh keys that identities sign.

It is for those who want the wider margin of the larger curve [RFC 7748, 4.2] and no post-quantum key. Bytes on the
wire, ``‖`` is concatenation, ``H`` SHA-512:

- bundle (153): 0x01 ‖ inviter's Ed25519 key (32) ‖ prekey (56) ‖ signature over "bundle" ‖ what stands before (64)
- message (153): 0x02 ‖ joiner's Ed25519 key (32) ‖ ephemeral key (56) ‖ signature over "message" ‖ H(bundle) ‖ what
  stands before (64)
- secret (32): HKDF-SHA-512(X448(prekey, ephemeral key), info = "secret" ‖ H(bundle) ‖ H(message))

The words in quotes stand behind ``whisperd-x448/1``. Both keys live for one exchange, so whoever steals identity keys
later learns no secret; and since each side signs for the other's fresh key, stolen keys of one's own do not let
somebody pose as the other side. What it does not give: deniability, for the signatures prove to anybody who spoke.
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.x448 import X448PrivateKey, X448PublicKey
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey
from zope.interface import implementer

from whisperd.errors import KeyExchangeRefused
from whisperd.interfaces import IKeyExchange, Level, Random

CONTEXT = b"whisperd-x448/1 "
BUNDLE, MESSAGE = b"\x01", b"\x02"
#: Where the parts of a bundle or message end, in bytes.
_SIGNER, _KEY, _SIZE = 33, 89, 153


class Record(NamedTuple):
    """A bundle or a message that has the right size and kind, in its parts."""

    signer: bytes
    key: bytes
    signature: bytes
    head: bytes


class Prekey:
    """The private half of a bundle; serves once."""

    def __init__(self, random: Random) -> None:
        self.bundle = b""
        self.key: X448PrivateKey | None = X448PrivateKey.from_private_bytes(random(56))

    def public(self) -> bytes:
        """Return the prekey, 56 bytes."""
        return self.live().public_key().public_bytes_raw()

    def live(self) -> X448PrivateKey:
        """Return the private key; raises KeyExchangeRefused when it is spent or wiped."""
        if self.key is None:
            raise KeyExchangeRefused("this prekey has been used")
        return self.key

    def wipe(self) -> None:
        """Let go of the private key: OpenSSL cleanses it when nobody holds it any more."""
        self.key = None


@implementer(IKeyExchange)
class X448Signed:
    """The plug-in ``x448-signed``; bundle and message have 153 bytes."""

    id = "x448-signed"
    version = 1
    api = 1
    level = Level.STANDARD
    identity_kinds = ("ed25519",)

    def prekeys(self, identity: Any, random: Random) -> tuple[bytes, Prekey]:
        """Return a signed bundle and its private half; draws 56 bytes."""
        private = Prekey(random)
        head = BUNDLE + identity.public("ed25519") + private.public()
        private.bundle = head + identity.sign("ed25519", CONTEXT + b"bundle" + head)
        return private.bundle, private

    def initiate(self, bundle: bytes, identity: Any, random: Random) -> tuple[bytes, bytes]:
        """Return the signed message and the secret; draws 56 bytes."""
        theirs = _read(bundle, BUNDLE)
        _verify(theirs, CONTEXT + b"bundle" + theirs.head)
        _refuse_self(theirs, identity)
        ephemeral = X448PrivateKey.from_private_bytes(random(56))
        head = MESSAGE + identity.public("ed25519") + ephemeral.public_key().public_bytes_raw()
        message = head + identity.sign("ed25519", CONTEXT + b"message" + _hash(bundle) + head)
        return message, _secret(ephemeral, theirs.key, bundle, message)

    def accept(self, message: bytes, private: Prekey, identity: Any) -> bytes:
        """Return the secret; a message that is refused leaves the prekey as it was."""
        own = private.live()
        theirs = _read(message, MESSAGE)
        if _read(private.bundle, BUNDLE).signer != identity.public("ed25519"):
            raise KeyExchangeRefused("the prekey belongs to another identity")
        _verify(theirs, CONTEXT + b"message" + _hash(private.bundle) + theirs.head)
        _refuse_self(theirs, identity)
        secret = _secret(own, theirs.key, private.bundle, message)
        private.wipe()
        return secret

    def self_test(self) -> None:
        """Let two known sides exchange, and compare all that comes of it with the known answer."""
        inviter, joiner = _Known(1), _Known(2)
        bundle, private = self.prekeys(inviter, lambda size: b"\x03" * size)
        message, secret = self.initiate(bundle, joiner, lambda size: b"\x04" * size)
        if self.accept(message, private, inviter) != secret:
            raise ValueError("two sides do not agree")
        if hashlib.sha256(bundle + message + secret).hexdigest()[:32] != "68d4f14bb36a5d5fb4851b26dede7173":
            raise ValueError("the exchange is not what it has to be")


class _Known:
    """An identity of the self-test."""

    def __init__(self, number: int) -> None:
        self._key = SigningKey(bytes((number,)) * 32)

    def public(self, kind: str) -> bytes:
        return bytes(self._key.verify_key)

    def sign(self, kind: str, message: bytes) -> bytes:
        return self._key.sign(message).signature


def _read(record: bytes, kind: bytes) -> Record:
    if len(record) != _SIZE or record[:1] != kind:
        raise KeyExchangeRefused(f"not {_SIZE} bytes that begin with {kind.hex()}")
    return Record(record[1:_SIGNER], record[_SIGNER:_KEY], record[_KEY:], record[:_KEY])


def _verify(theirs: Record, signed: bytes) -> None:
    try:
        VerifyKey(theirs.signer).verify(signed, theirs.signature)
    except BadSignatureError:
        raise KeyExchangeRefused("the signature does not verify") from None


def _refuse_self(theirs: Record, identity: Any) -> None:
    if theirs.signer == identity.public("ed25519"):
        raise KeyExchangeRefused("the other side shows this side's own identity key")


def _secret(own: X448PrivateKey, theirs: bytes, bundle: bytes, message: bytes) -> bytes:
    try:
        shared = own.exchange(X448PublicKey.from_public_bytes(theirs))
    except ValueError:  # OpenSSL's word for an all-zero result
        raise KeyExchangeRefused("an X448 key of low order") from None
    return HKDF(SHA512(), 32, None, CONTEXT + b"secret" + _hash(bundle) + _hash(message)).derive(shared)


def _hash(data: bytes) -> bytes:
    return hashlib.sha512(data).digest()
