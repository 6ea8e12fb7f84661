"""Keys that are derived, and the seal on handshake frames. [whisperd-protocol(7), DERIVED and SESSION]

HKDF is RFC 5869 with SHA-512. Keys stand in bytearrays, so that ``wipe`` can overwrite them; the copies that
Python makes of bytes on the way into a primitive are beyond its reach.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field, fields

from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
)
from nacl.exceptions import CryptoError

from whisperd.errors import HandshakeTampered, WrongSecret
from whisperd.interfaces import Random
from whisperd.wire import sas
from whisperd.wire.envelope import COMMITMENT_SIZE, NONCE_SIZE, SealedFrame, pad_message, sealed_head, unpad_message

_HASH_SIZE = 64
_INVITE_SALT = b"whisperd/1 invite"
_NAMEPLATE_SALT = b"whisperd/1 nameplate"
_TRANSCRIPT_DOMAIN = b"whisperd/1 transcript"
_NUMBER_INFO = b"whisperd/1 number"
_WORDS_INFO = b"whisperd/1 words"


def extract(salt: bytes, material: bytes | bytearray) -> bytes:
    """Return HKDF-Extract: 64 bytes. [RFC 5869, 2.2]"""
    return hmac.digest(salt, material, "sha512")


def expand(key: bytes | bytearray, info: bytes, size: int) -> bytes:
    """Return HKDF-Expand: ``size`` bytes, at most 16320. [RFC 5869, 2.3]"""
    output = block = b""
    for counter in range(1, -(-size // _HASH_SIZE) + 1):
        block = hmac.digest(key, block + info + bytes([counter]), "sha512")
        output += block
    return output[:size]


def wipe(*secrets: bytearray) -> None:
    """Overwrite with zeros."""
    for secret in secrets:
        secret[:] = bytes(len(secret))


class _Wipeable:
    """Keys as bytearray fields of a dataclass, overwritten together."""

    def wipe(self) -> None:
        """Destroy the keys, as far as the language allows."""
        for each in fields(self):  # type: ignore[arg-type]
            value = getattr(self, each.name)
            if isinstance(value, bytearray):
                wipe(value)


@dataclass
class InviteKeys(_Wipeable):
    """What two sides share before they meet. ``room`` (32) and ``commitment`` (16) may be seen by anybody."""

    room: bytes = field(repr=False)
    commitment: bytes = field(repr=False)
    psk: bytearray = field(repr=False)
    seal_inviter: bytearray = field(repr=False)
    seal_joiner: bytearray = field(repr=False)

    @classmethod
    def derive(cls, secret: bytes) -> InviteKeys:
        """Return the keys that the secret of an invite gives."""
        return cls._expanded(extract(_INVITE_SALT, secret))

    @property
    def wiped(self) -> bool:
        """Whether what is secret in them is gone: the two have met, or will not."""
        return not any(self.psk)

    def become(self, other: InviteKeys) -> None:
        """Take the other's values, in place: whoever holds these keys uses those from now on."""
        self.room, self.commitment = other.room, other.commitment
        self.psk[:], self.seal_inviter[:], self.seal_joiner[:] = other.psk, other.seal_inviter, other.seal_joiner

    @classmethod
    def of_nameplate(cls, nameplate: int) -> InviteKeys:
        """Return the keys of everybody who knows the nameplate of a spoken code: they hide nothing."""
        return cls._expanded(extract(_NAMEPLATE_SALT, str(nameplate).encode()))

    @classmethod
    def _expanded(cls, key: bytes) -> InviteKeys:
        return cls(
            room=expand(key, b"room", 32),
            commitment=expand(key, b"commitment", COMMITMENT_SIZE),
            psk=bytearray(expand(key, b"psk", 32)),
            seal_inviter=bytearray(expand(key, b"seal inviter", 32)),
            seal_joiner=bytearray(expand(key, b"seal joiner", 32)),
        )


@dataclass(frozen=True)
class Seal:
    """Puts one side's handshake messages under the invite's secret, and opens the other side's."""

    commitment: bytes = field(repr=False)
    own: bytearray = field(repr=False)
    other: bytearray = field(repr=False)

    @classmethod
    def for_role(cls, keys: InviteKeys, *, inviter: bool) -> Seal:
        pair = (keys.seal_inviter, keys.seal_joiner)
        own, other = pair if inviter else reversed(pair)
        return cls(keys.commitment, own, other)

    def close(self, message: bytes, random: Random) -> bytes:
        """Return the whole frame that carries ``message``."""
        nonce = random(NONCE_SIZE)
        ciphertext = crypto_aead_xchacha20poly1305_ietf_encrypt(
            pad_message(message), sealed_head(self.commitment), nonce, bytes(self.own))
        return SealedFrame(self.commitment, nonce, ciphertext).encode()

    def open(self, frame: bytes) -> bytes:
        """Return the message of the other side's frame.

        Raises WrongSecret when it is sealed under another invite, HandshakeTampered when it was changed."""
        sealed = SealedFrame.decode(frame)
        if not hmac.compare_digest(sealed.commitment, self.commitment):
            raise WrongSecret
        try:
            padded = crypto_aead_xchacha20poly1305_ietf_decrypt(
                sealed.ciphertext, sealed.head, sealed.nonce, bytes(self.other))
        except CryptoError:
            raise HandshakeTampered from None
        return unpad_message(padded)


def transcript(version: int, floor: int, hello: bytes, answer: bytes, message: bytes) -> bytes:
    """Return the 64-byte hash that both sides have to agree on. [whisperd-protocol(7), TRANSCRIPT]"""
    parts = (len(part).to_bytes(4) + part for part in (hello, answer, message))
    return hashlib.sha512(_TRANSCRIPT_DOMAIN + bytes([version, floor]) + b"".join(parts)).digest()


@dataclass
class SessionKeys(_Wipeable):
    """What a finished key exchange gives; 32 bytes each. ``associated_data`` binds channel frames to it."""

    ratchet: bytearray = field(repr=False)
    confirm_joiner: bytearray = field(repr=False)
    confirm_inviter: bytearray = field(repr=False)
    verification: bytearray = field(repr=False)
    associated_data: bytes = field(repr=False)

    @classmethod
    def derive(cls, exchanged: bytes, psk: bytearray, transcript_hash: bytes) -> SessionKeys:
        key = extract(transcript_hash, exchanged + psk)
        return cls(
            ratchet=bytearray(expand(key, b"ratchet", 32)),
            confirm_joiner=bytearray(expand(key, b"confirm joiner", 32)),
            confirm_inviter=bytearray(expand(key, b"confirm inviter", 32)),
            verification=bytearray(expand(key, b"verification", 32)),
            associated_data=expand(key, b"associated data", 32),
        )

    def words(self) -> list[str]:
        """Return the six words that two people compare."""
        return sas.words(expand(self.verification, _WORDS_INFO, sas.WORDS_SIZE))

    def number(self) -> str:
        """Return the 60 digits that two people compare."""
        return sas.number(expand(self.verification, _NUMBER_INFO, sas.NUMBER_SIZE))
