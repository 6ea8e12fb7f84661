"""PQXDH, revision 3, over X25519 and ML-KEM-1024: ``pqxdh-25519-mlkem1024``.

Parameters [PQXDH, 2.1]: curve X25519, hash SHA-512, KEM ML-KEM-1024, info ``whisperd/1``. The prekey bundle holds
the keys of [PQXDH, 2.4]: identity, signed prekey, one-time prekey, and a post-quantum prekey that is either one-time or
of last resort. Where we depart from the paper, and why:

- Identities are an Ed25519 key that signs and an X25519 key that agrees, and the first signs the second. The paper
  has one key do both by XEdDSA, which WebCrypto and most libraries lack.
- One signature covers the whole bundle, where the paper signs the EC and the KEM prekey apart: every prekey is
  signed, and prekeys of different bundles cannot be mixed.
- The paper's associated data goes into the info of the key derivation, together with everything else: SHA-512 of the
  bundle and of the message as sent. So the secret depends on both identities, every public key with its type
  byte, the ciphertext and the signatures; re-encapsulating for another prekey cannot give the same secret [PQXDH, 4].
- Instead of a first ciphertext the message ends in a confirmation value out of the same derivation, so that a changed
  message is refused by ``accept`` and does not spend the prekeys [PQXDH, 3.4].

Randomness is injected, except for encapsulation, see ``mlkem``.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from zope.interface import implementer

from whisperd.errors import KeyExchangeRefused
from whisperd.interfaces import IKeyExchange, Level, Random
from whisperd_plugins import encoding, mlkem, selftest, sodium
from whisperd_plugins.encoding import Layout
from whisperd_plugins.kdf import hkdf
from whisperd_plugins.signatures import VERIFIERS

#: [PQXDH, 2.2]: what stands before the key material of an X25519 exchange, so that no curve point begins with it.
PREFIX = b"\xff" * 32
INFO = b"whisperd/1_CURVE25519_SHA-512_ML-KEM-1024"
IDENTITY_CONTEXT = b"whisperd/1 pqxdh identity"
BUNDLE_CONTEXT = b"whisperd/1 pqxdh bundle"
#: How many messages one last-resort bundle accepts before it counts as spent.
LAST_RESORT_USES = 4096

_IDENTITY = (("identity signing key", "ed25519 public key"), ("identity key", "x25519 public key"))
_SIGNATURE = (("signature", "ed25519 signature"),)
#: 1767 bytes.
ONE_TIME_BUNDLE = Layout("one-time bundle", 0x01, (
    *_IDENTITY,
    ("signed prekey", "x25519 public key"),
    ("one-time prekey", "x25519 public key"),
    ("kem prekey", "ml-kem-1024 one-time key"),
    *_SIGNATURE,
))
#: 1734 bytes.
LAST_RESORT_BUNDLE = Layout("last-resort bundle", 0x02, (
    *_IDENTITY,
    ("signed prekey", "x25519 public key"),
    ("kem prekey", "ml-kem-1024 last-resort key"),
    *_SIGNATURE,
))
#: 1800 bytes.
MESSAGE = Layout("initial message", 0x10, (
    ("bundle", "sha-256"),
    *_IDENTITY,
    ("ephemeral key", "x25519 public key"),
    ("ciphertext", "ml-kem-1024 ciphertext"),
    *_SIGNATURE,
    ("confirmation", "confirmation"),
))


class Prekeys:
    """The private half of a bundle: a one-time one serves once, one of last resort for each message once."""

    def __init__(self, random: Random, *, one_time: bool = True) -> None:
        self.signed = bytearray(random(sodium.KEY))
        self.one_time = bytearray(random(sodium.KEY)) if one_time else None
        self.kem_public, self.kem = mlkem.keypair(random(mlkem.SEED))
        self.bundle = b""
        self.spent = False
        self._seen: set[bytes] = set()

    def refuse_reuse(self, message: bytes) -> None:
        """Raise KeyExchangeRefused when these prekeys are spent, or have accepted this very message [PQXDH, 4.2]."""
        if self.spent:
            raise KeyExchangeRefused("these prekeys have been used")
        if hashlib.sha256(message).digest() in self._seen:
            raise KeyExchangeRefused("this message was accepted before")

    def use(self, message: bytes) -> None:
        """Note that ``message`` was accepted, and destroy the keys when they have served."""
        self._seen.add(hashlib.sha256(message).digest())
        if self.one_time is not None or len(self._seen) >= LAST_RESORT_USES:
            self.wipe()

    def wipe(self) -> None:
        """Destroy the private keys; OpenSSL cleanses the ML-KEM key when the last reference is dropped."""
        sodium.wipe(self.signed, self.one_time)
        self.kem = None  # type: ignore[assignment]
        self.spent = True


@implementer(IKeyExchange)
class PqxdhMlkem1024:
    """The plug-in ``pqxdh-25519-mlkem1024``: bundle 1767 bytes (1734 of last resort), message 1800 bytes."""

    id = "pqxdh-25519-mlkem1024"
    version = 1
    api = 1
    level = Level.ENHANCED
    identity_kinds = ("ed25519", "x25519")

    def prekeys(self, identity: Any, random: Random) -> tuple[bytes, Prekeys]:
        """Return a one-time bundle and its private half [PQXDH, 3.2].

        Draws 32 bytes for the signed prekey, 32 for the one-time prekey and 64 for the KEM prekey, in this order.
        """
        return self._publish(identity, Prekeys(random), ONE_TIME_BUNDLE)

    def last_resort_prekeys(self, identity: Any, random: Random) -> tuple[bytes, Prekeys]:
        """Return a bundle without a one-time key, for many messages, none of them twice [PQXDH, 3.2]."""
        return self._publish(identity, Prekeys(random, one_time=False), LAST_RESORT_BUNDLE)

    def initiate(self, bundle: bytes, identity: Any, random: Random) -> tuple[bytes, bytes]:
        """Return the initial message and the 32-byte secret [PQXDH, 3.3]; draws 32 bytes for the ephemeral key."""
        layout = LAST_RESORT_BUNDLE if bundle[:1] == b"\x02" else ONE_TIME_BUNDLE
        theirs = _check_points(layout.split(bundle))
        _check_signature(theirs, BUNDLE_CONTEXT + bundle[: layout.head_size])
        _refuse_self(theirs, identity)
        ephemeral = bytearray(random(sodium.KEY))
        try:
            parts = [
                identity.agree(theirs["signed prekey"]),
                sodium.agree(ephemeral, theirs["identity key"]),
                sodium.agree(ephemeral, theirs["signed prekey"]),
            ]
            if "one-time prekey" in theirs:
                parts.append(sodium.agree(ephemeral, theirs["one-time prekey"]))
            ciphertext, shared = mlkem.encapsulate(theirs["kem prekey"])
            parts.append(shared)
            public = sodium.public_key(ephemeral)
        except ValueError as error:
            raise KeyExchangeRefused(f"a key of the bundle is not valid: {error}") from error
        finally:
            sodium.wipe(ephemeral)
        head = _message_head(identity, bundle, public, ciphertext)
        secret, confirmation = _derive(parts, bundle, head)
        return MESSAGE.finish(head, confirmation), secret

    def accept(self, message: bytes, private: Prekeys, identity: Any) -> bytes:
        """Return the 32-byte secret of an initial message [PQXDH, 3.4]; a refused one leaves the prekeys as they were.

        One-time prekeys are destroyed as soon as a message is accepted."""
        private.refuse_reuse(message)
        theirs = MESSAGE.split(message)
        if theirs["bundle"] != hashlib.sha256(private.bundle).digest():
            raise KeyExchangeRefused("the message was made for other prekeys")
        _check_points(theirs)
        _check_signature(theirs, IDENTITY_CONTEXT + _encode_identity(theirs))
        _refuse_self(theirs, identity)
        try:
            parts = [
                sodium.agree(private.signed, theirs["identity key"]),
                identity.agree(theirs["ephemeral key"]),
                sodium.agree(private.signed, theirs["ephemeral key"]),
            ]
            if private.one_time is not None:
                parts.append(sodium.agree(private.one_time, theirs["ephemeral key"]))
        except ValueError as error:
            raise KeyExchangeRefused(f"a key of the message is not valid: {error}") from error
        parts.append(mlkem.decapsulate(private.kem, theirs["ciphertext"]))
        secret, confirmation = _derive(parts, private.bundle, message[: MESSAGE.head_size])
        if not hmac.compare_digest(confirmation, theirs["confirmation"]):
            raise KeyExchangeRefused("the message was changed, or was made for another identity")
        private.use(message)
        return secret

    def self_test(self) -> None:
        """Compare a bundle and a derivation with known answers, and let two sides agree.

        The derivation uses a ciphertext that nobody made, for which ML-KEM's answer is known all the same."""
        random = selftest.stream("pqxdh-25519-mlkem1024")
        inviter, joiner = selftest.KnownIdentity(random), selftest.KnownIdentity(random)
        bundle, private = self.prekeys(inviter, random)
        selftest.expect("the bundle", bundle, "16b56bcb74a8e3f1f1ee027c73829182")
        implicit = mlkem.decapsulate(private.kem, random(mlkem.CIPHERTEXT))
        agreed = sodium.agree(private.signed, joiner.public("x25519"))
        derived = b"".join(_derive([agreed, implicit], bundle, b""))
        selftest.expect("the derivation", derived, "bc8239acf8cceddbf1924178065767e6")
        message, secret = self.initiate(bundle, joiner, random)
        if self.accept(message, private, inviter) != secret:
            raise selftest.KnownAnswerWrong("two sides do not agree")

    def _publish(self, identity: Any, private: Prekeys, layout: Layout) -> tuple[bytes, Prekeys]:
        values = _own_identity(identity)
        values["signed prekey"] = sodium.public_key(private.signed)
        if private.one_time is not None:
            values["one-time prekey"] = sodium.public_key(private.one_time)
        values["kem prekey"] = private.kem_public
        head = layout.head(values)
        private.bundle = layout.finish(head, identity.sign("ed25519", BUNDLE_CONTEXT + head))
        return private.bundle, private


def _message_head(identity: Any, bundle: bytes, ephemeral: bytes, ciphertext: bytes) -> bytes:
    values = _own_identity(identity)
    values["signature"] = identity.sign("ed25519", IDENTITY_CONTEXT + _encode_identity(values))
    values["bundle"] = hashlib.sha256(bundle).digest()
    values["ephemeral key"] = ephemeral
    values["ciphertext"] = ciphertext
    return MESSAGE.head(values)


def _check_points(values: dict[str, bytes]) -> dict[str, bytes]:
    for name in ("identity key", "signed prekey", "one-time prekey", "ephemeral key"):
        try:
            sodium.check_public_key(values.get(name, bytes(32)))
        except ValueError as error:
            raise KeyExchangeRefused(f"the {name} is not valid: {error}") from error
    return values


def _check_signature(values: dict[str, bytes], message: bytes) -> None:
    if not VERIFIERS["ed25519"](values["identity signing key"], message, values["signature"]):
        raise KeyExchangeRefused("the identity's signature does not verify")


def _refuse_self(values: dict[str, bytes], identity: Any) -> None:
    own = _own_identity(identity)
    if any(values[name] == own[name] for name in own):
        raise KeyExchangeRefused("the other side shows this side's own identity key")


def _own_identity(identity: Any) -> dict[str, bytes]:
    return {"identity signing key": identity.public("ed25519"), "identity key": identity.public("x25519")}


def _encode_identity(values: dict[str, bytes]) -> bytes:
    return b"".join(encoding.encode(kind, values[name]) for name, kind in _IDENTITY)


def _derive(parts: list[bytes | bytearray], bundle: bytes, message: bytes) -> tuple[bytes, bytes]:
    """Return the secret and the confirmation, 32 bytes each, and wipe what they came from [PQXDH, 2.2, KDF]."""
    material = bytearray(32 * (1 + len(parts)))
    for place, part in enumerate([PREFIX, *parts]):
        material[32 * place : 32 * place + 32] = part
    info = INFO + hashlib.sha512(bundle).digest() + hashlib.sha512(message).digest()
    derived = hkdf(material, None, info, 64)
    secret, confirmation = bytes(derived[:32]), bytes(derived[32:])
    sodium.wipe(material, derived, *(part for part in parts if isinstance(part, bytearray)))
    return secret, confirmation
