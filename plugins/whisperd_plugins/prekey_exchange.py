"""X3DH and PQXDH: the protocol that every exchange over signed prekeys shares; a ``Suite`` has what differs.

The prekey bundle holds the keys of [PQXDH, 2.4 and 2.5]: identity, signed prekey, one-time prekey, and a post-quantum
prekey that is either one-time or of last resort [X3DH, 2.4, without the latter]. Where we depart from the papers, and
why:

- Identities are an Ed25519 key that signs and an X25519 key that agrees, and the first signs the second. The papers
  have one key do both by XEdDSA, which WebCrypto and most libraries lack.
- One signature (of each kind) covers the whole bundle, where the papers sign prekeys apart: every prekey is signed, and
  prekeys of different bundles cannot be mixed.
- The papers' associated data goes into the info of the key derivation, together with everything else: SHA-512 of the
  bundle and of the message as sent. So the secret depends on both identities, every public key with its type
  byte, the ciphertext and the signatures; re-encapsulating for another prekey cannot give the same secret [PQXDH, 4].
- Instead of a first ciphertext the message ends in a confirmation value out of the same derivation, so that a changed
  message is refused by ``accept`` and does not spend the prekeys [PQXDH, 3.4].

Randomness is injected, except for encapsulation, see ``mlkem``, and what the identity's signatures draw.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, ClassVar

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM1024PrivateKey

from whisperd.errors import KeyExchangeRefused
from whisperd.interfaces import Level, Random
from whisperd_plugins import mlkem, selftest, sodium
from whisperd_plugins.encoding import Layout
from whisperd_plugins.prekey_suite import Suite

#: How many messages one last-resort bundle accepts before it counts as spent.
LAST_RESORT_USES = 4096


class Prekeys:
    """The private half of a bundle: a one-time one serves once, one of last resort for ``uses`` messages, each once."""

    def __init__(self, random: Random, *, one_time: bool = True, kem: bool = True,
                 uses: int = LAST_RESORT_USES) -> None:
        self.signed = bytearray(random(sodium.KEY))
        self.one_time = bytearray(random(sodium.KEY)) if one_time else None
        self.kem: MLKEM1024PrivateKey | None = None
        self.kem_public = b""
        if kem:
            self.kem_public, self.kem = mlkem.keypair(random(mlkem.SEED))
        self.bundle = b""
        self.spent = False
        self._seen: set[bytes] = set()
        self._uses = uses

    def public(self) -> dict[str, bytes]:
        """Return the public keys by the names of their fields in a bundle."""
        keys = {"signed prekey": sodium.public_key(self.signed), "kem prekey": self.kem_public}
        if self.one_time is not None:
            keys["one-time prekey"] = sodium.public_key(self.one_time)
        return keys

    def refuse_reuse(self, message: bytes) -> None:
        """Raise KeyExchangeRefused when these prekeys are spent, or have accepted this very message [PQXDH, 4.2]."""
        if self.spent:
            raise KeyExchangeRefused("these prekeys have been used")
        if hashlib.sha256(message).digest() in self._seen:
            raise KeyExchangeRefused("this message was accepted before")

    def use(self, message: bytes) -> None:
        """Note that ``message`` was accepted, and destroy the keys when they have served."""
        self._seen.add(hashlib.sha256(message).digest())
        if self.one_time is not None or len(self._seen) >= self._uses:
            self.wipe()

    def wipe(self) -> None:
        """Destroy the private keys; OpenSSL cleanses the ML-KEM key when the last reference is dropped."""
        sodium.wipe(self.signed, self.one_time)
        self.kem = None
        self.spent = True


class PrekeyExchange:
    """An IKeyExchange over signed prekeys; a subclass says what it is and gives its ``suite``."""

    api = 1
    id: ClassVar[str]
    version: ClassVar[int]
    level: ClassVar[Level]
    suite: ClassVar[Suite]
    #: What the self-test's prekeys and derivation have to be.
    known: ClassVar[tuple[str, str]]
    identity_kinds: tuple[str, ...]

    def __init_subclass__(cls) -> None:
        cls.identity_kinds = cls.suite.identity_kinds

    def prekeys(self, identity: Any, random: Random) -> tuple[bytes, Prekeys]:
        """Return a one-time bundle and its private half [PQXDH, 3.2].

        Draws 32 bytes for the signed prekey, 32 for the one-time prekey and, if there is a KEM, 64 for the KEM
        prekey, in this order.
        """
        return self._publish(identity, Prekeys(random, kem=self.suite.kem), self.suite.one_time)

    def last_resort_prekeys(self, identity: Any, random: Random,
                            uses: int = LAST_RESORT_USES) -> tuple[bytes, Prekeys]:
        """Return a bundle without a one-time key, for so many messages, none of them twice [PQXDH, 3.2]."""
        private = Prekeys(random, one_time=False, kem=self.suite.kem, uses=uses)
        return self._publish(identity, private, self.suite.last_resort)

    def initiate(self, bundle: bytes, identity: Any, random: Random) -> tuple[bytes, bytes]:
        """Return the initial message and the 32-byte secret [PQXDH, 3.3]; draws 32 bytes for the ephemeral key."""
        layout = self.suite.last_resort if bundle[:1] == b"\x02" else self.suite.one_time
        theirs = _check_points(layout.split(bundle))
        self._check_signatures(theirs, self.suite.bundle_context + bundle[: layout.head_size])
        self._refuse_self(theirs, identity)
        values = self._own_identity(identity)
        values["bundle"] = hashlib.sha256(bundle).digest()
        parts = _initiator_parts(theirs, identity, bytearray(random(sodium.KEY)), values)
        head = self._message_head(values, identity)
        secret, confirmation = self.suite.derive(parts, bundle, head)
        return self.suite.message.finish(head, confirmation), secret

    def accept(self, message: bytes, private: Prekeys, identity: Any) -> bytes:
        """Return the 32-byte secret of an initial message [PQXDH, 3.4]; a refused one leaves the prekeys as they were.

        One-time prekeys are destroyed as soon as a message is accepted."""
        private.refuse_reuse(message)
        theirs = self.suite.message.split(message)
        if theirs["bundle"] != hashlib.sha256(private.bundle).digest():
            raise KeyExchangeRefused("the message was made for other prekeys")
        _check_points(theirs)
        self._check_signatures(theirs, self.suite.message_context + message[self.suite.signed])
        self._refuse_self(theirs, identity)
        parts = _responder_parts(theirs, identity, private)
        secret, confirmation = self.suite.derive(parts, private.bundle, message[: self.suite.message.head_size])
        if not hmac.compare_digest(confirmation, theirs["confirmation"]):
            raise KeyExchangeRefused("the message was changed, or was made for another identity")
        private.use(message)
        return secret

    def self_test(self) -> None:
        """Compare prekeys and a derivation with known answers, and let two sides agree.

        The derivation uses a ciphertext that nobody made, for which ML-KEM's answer is known all the same."""
        random = selftest.stream(self.id)
        made = Prekeys(random, kem=self.suite.kem)
        selftest.expect("the prekeys", b"".join(made.public().values()), self.known[0])
        parts: list[bytes | bytearray] = [sodium.agree(made.signed, sodium.public_key(bytearray(random(sodium.KEY))))]
        if made.kem is not None:
            parts.append(mlkem.decapsulate(made.kem, random(mlkem.CIPHERTEXT)))
        selftest.expect("the derivation", b"".join(self.suite.derive(parts, b"bundle", b"message")), self.known[1])
        inviter, joiner = (selftest.KnownIdentity(self.identity_kinds, random) for _ in range(2))
        bundle, private = self.prekeys(inviter, random)
        message, secret = self.initiate(bundle, joiner, random)
        if self.accept(message, private, inviter) != secret:
            raise selftest.KnownAnswerWrong("two sides do not agree")

    def _publish(self, identity: Any, private: Prekeys, layout: Layout) -> tuple[bytes, Prekeys]:
        head = layout.head({**self._own_identity(identity), **private.public()})
        signatures = self._sign(identity, self.suite.bundle_context + head)
        private.bundle = layout.finish(head, *signatures.values())
        return private.bundle, private

    def _message_head(self, values: dict[str, bytes], identity: Any) -> bytes:
        unsigned = self.suite.message.until(self.suite.signers[0].signature, values)
        signatures = self._sign(identity, self.suite.message_context + unsigned[self.suite.signed])
        return self.suite.message.head({**values, **signatures})

    def _sign(self, identity: Any, message: bytes) -> dict[str, bytes]:
        return {signer.signature: identity.sign(signer.kind, message) for signer in self.suite.signers}

    def _check_signatures(self, values: dict[str, bytes], message: bytes) -> None:
        for signer in self.suite.signers:
            if not signer.verify(values[signer.key], message, values[signer.signature]):
                raise KeyExchangeRefused(f"the identity's {signer.signature} does not verify")

    def _own_identity(self, identity: Any) -> dict[str, bytes]:
        keys = {signer.key: identity.public(signer.kind) for signer in self.suite.signers}
        return {**keys, "identity key": identity.public("x25519")}

    def _refuse_self(self, values: dict[str, bytes], identity: Any) -> None:
        if any(values[name] == own for name, own in self._own_identity(identity).items()):
            raise KeyExchangeRefused("the other side shows this side's own identity key")


def _check_points(values: dict[str, bytes]) -> dict[str, bytes]:
    for name in ("identity key", "signed prekey", "one-time prekey", "ephemeral key"):
        try:
            sodium.check_public_key(values.get(name, bytes(32)))
        except ValueError as error:
            raise KeyExchangeRefused(f"the {name} is not valid: {error}") from error
    return values


def _initiator_parts(theirs: dict[str, bytes], identity: Any, ephemeral: bytearray,
                     values: dict[str, bytes]) -> list[bytes | bytearray]:
    """Return what the joiner agrees on [PQXDH, 3.3], put its public values into ``values``, wipe ``ephemeral``."""
    try:
        parts = [
            identity.agree(theirs["signed prekey"]),
            sodium.agree(ephemeral, theirs["identity key"]),
            sodium.agree(ephemeral, theirs["signed prekey"]),
        ]
        if "one-time prekey" in theirs:
            parts.append(sodium.agree(ephemeral, theirs["one-time prekey"]))
        if "kem prekey" in theirs:
            values["ciphertext"], shared = mlkem.encapsulate(theirs["kem prekey"])
            parts.append(shared)
        values["ephemeral key"] = sodium.public_key(ephemeral)
    except ValueError as error:
        raise KeyExchangeRefused(f"a key of the bundle is not valid: {error}") from error
    finally:
        sodium.wipe(ephemeral)
    return parts


def _responder_parts(theirs: dict[str, bytes], identity: Any, private: Prekeys) -> list[bytes | bytearray]:
    """Return what the inviter agrees on [PQXDH, 3.4]."""
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
    if private.kem is not None:
        parts.append(mlkem.decapsulate(private.kem, theirs["ciphertext"]))
    return parts
