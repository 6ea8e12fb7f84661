"""What tells one exchange over signed prekeys from another: its signatures, its KEM, its records, its derivation.

``x3dh-25519`` and the ``pqxdh-…`` family are the same protocol with other parameters; ``prekey_exchange`` runs it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from whisperd_plugins import sodium
from whisperd_plugins.encoding import Layout
from whisperd_plugins.kdf import hkdf
from whisperd_plugins.signatures import ED25519, Signer

#: [PQXDH, 2.2; X3DH, 2.2]: what stands before the key material of an X25519 exchange, as no curve point does.
PREFIX = b"\xff" * 32

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Suite:
    """The parameters of one exchange.

    ``info`` begins the info of its key derivation, and the contexts begin what is signed. ``signers`` all sign a
    bundle and a message, and all must verify. ``kem`` says whether ML-KEM-1024 takes part. ``signs_message``: the
    joiner signs everything before the signatures and not just its identity keys.
    """

    info: bytes
    bundle_context: bytes
    message_context: bytes
    signers: tuple[Signer, ...] = (ED25519,)
    kem: bool = True
    signs_message: bool = False
    one_time: Layout = field(init=False)
    last_resort: Layout = field(init=False)
    message: Layout = field(init=False)
    signed: slice = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "one_time", self._one_time())
        object.__setattr__(self, "last_resort", self._last_resort())
        object.__setattr__(self, "message", self._message())
        object.__setattr__(self, "signed", self._signed())

    @property
    def identity_kinds(self) -> tuple[str, ...]:
        """The kinds of identity keys that this exchange uses, in the order in which they are drawn."""
        first, *others = (signer.kind for signer in self.signers)
        return (first, "x25519", *others)

    def derive(self, parts: list[bytes | bytearray], bundle: bytes, message: bytes) -> tuple[bytes, bytes]:
        """Return the secret and the confirmation, 32 bytes each, and wipe what they came from [PQXDH, 2.2, KDF]."""
        material = bytearray(32 * (1 + len(parts)))
        for place, part in enumerate([PREFIX, *parts]):
            material[32 * place : 32 * place + 32] = part
        info = self.info + hashlib.sha512(bundle).digest() + hashlib.sha512(message).digest()
        derived = hkdf(material, None, info, 64)
        secret, confirmation = bytes(derived[:32]), bytes(derived[32:])
        sodium.wipe(material, derived, *(part for part in parts if isinstance(part, bytearray)))
        return secret, confirmation

    def _identity(self) -> Fields:
        first, *others = ((signer.key, f"{signer.type} public key") for signer in self.signers)
        return (first, ("identity key", "x25519 public key"), *others)

    def _signatures(self) -> Fields:
        return tuple((signer.signature, f"{signer.type} signature") for signer in self.signers)

    def _kem_field(self, name: str, kind: str) -> Fields:
        return ((name, f"ml-kem-1024 {kind}"),) if self.kem else ()

    def _one_time(self) -> Layout:
        fields = (*self._identity(), ("signed prekey", "x25519 public key"), ("one-time prekey", "x25519 public key"),
                  *self._kem_field("kem prekey", "one-time key"), *self._signatures())
        return Layout("one-time bundle", 0x01, fields, len(self.signers))

    def _last_resort(self) -> Layout:
        fields = (*self._identity(), ("signed prekey", "x25519 public key"),
                  *self._kem_field("kem prekey", "last-resort key"), *self._signatures())
        return Layout("last-resort bundle", 0x02, fields, len(self.signers))

    def _message(self) -> Layout:
        fields = (("bundle", "sha-256"), *self._identity(), ("ephemeral key", "x25519 public key"),
                  *self._kem_field("ciphertext", "ciphertext"), *self._signatures(), ("confirmation", "confirmation"))
        return Layout("initial message", 0x10, fields)

    def _signed(self) -> slice:
        if self.signs_message:
            return slice(0, self.message.start_of(self.signers[0].signature))
        return slice(self.message.start_of(self.signers[0].key), self.message.start_of("ephemeral key"))
