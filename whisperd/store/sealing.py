"""The keys of a sealed store, and what is sealed under them. [whisperd-security(7), SEALED STORE]

A random master key of 32 bytes is wrapped under a key that Argon2id [RFC 9106] makes of a passphrase. From the master
key HKDF-Expand-SHA-512 [RFC 5869] derives three: one that names places, one that seals, one that sums up. What is
sealed is salt(32) ‖ body: the body is that of the envelope ``cascade`` under a key of its own, derived from the sealing
key and the salt, which is random each time.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass, field

from argon2 import low_level
from blake3 import blake3
from whisperd_plugins.cascade import CASCADE
from whisperd_plugins.kdf import expand, hkdf
from whisperd_plugins.sodium import wipe

from whisperd.errors import StoreDamaged, WrongPassphrase
from whisperd.interfaces import Random

KEY = 32
SALT = 32
_DOMAIN = b"whisperd/1 store "
#: Plaintexts are padded to a multiple of this, in bytes.
PADDING = 256
_LENGTH = struct.Struct(">I")


@dataclass(frozen=True)
class Cost:
    """What Argon2id is to cost: memory in MiB, passes, lanes. The least is RFC 9106's second recommendation."""

    memory: int = 256
    passes: int = 3
    lanes: int = 4

    MIN = (64, 3, 1)
    MAX = (4_096, 64, 16)

    @property
    def sane(self) -> bool:
        """Whether a file may ask for it: neither too cheap to be safe nor too dear to be honest."""
        mine = (self.memory, self.passes, self.lanes)
        return all(low <= value <= high for low, value, high in zip(self.MIN, mine, self.MAX, strict=True))

    def cheaper_than(self, other: Cost) -> bool:
        return self.memory * self.passes < other.memory * other.passes


@dataclass(frozen=True)
class Slot:
    """The wrapped master key, and what has to be known to unwrap it but for the passphrase.

    As bytes: memory(2) ‖ passes(1) ‖ lanes(1) ‖ salt(32) ‖ wrapped ‖ check(16), the first bytes of SHA-256 of all
    before it. The check tells damage from a wrong passphrase; it protects from nobody.
    """

    cost: Cost
    salt: bytes = field(repr=False)
    wrapped: bytes = field(repr=False)

    _HEAD = struct.Struct(f">HBB{SALT}s")
    _CHECK = 16

    def encode(self) -> bytes:
        body = self._HEAD.pack(self.cost.memory, self.cost.passes, self.cost.lanes, self.salt) + self.wrapped
        return body + _check(body)

    @classmethod
    def decode(cls, data: bytes) -> Slot:
        """Return the slot; raises StoreDamaged."""
        body, check = data[:-cls._CHECK], data[-cls._CHECK:]
        if len(body) <= cls._HEAD.size or not hmac.compare_digest(check, _check(body)):
            raise StoreDamaged
        memory, passes, lanes, salt = cls._HEAD.unpack_from(body)
        slot = cls(Cost(memory, passes, lanes), salt, body[cls._HEAD.size:])
        if not slot.cost.sane:
            raise StoreDamaged
        return slot

    @classmethod
    def make(cls, master: bytes | bytearray, passphrase: bytes, cost: Cost, bound: bytes, random: Random) -> Slot:
        """Wrap ``master``, bound to ``bound``. It takes as long as ``cost`` says: not for the reactor's thread."""
        salt = random(SALT)
        key = stretch(passphrase, salt, cost)
        wrapped = CASCADE.close(key, _DOMAIN + b"slot", bytes(master), _bound(bound, cost, salt))
        wipe(key)
        return cls(cost, salt, wrapped)

    def open(self, passphrase: bytes, bound: bytes) -> bytearray:
        """Return the master key; raises WrongPassphrase. It takes as long as its cost says."""
        key = stretch(passphrase, self.salt, self.cost)
        master = CASCADE.open(key, _DOMAIN + b"slot", self.wrapped, _bound(bound, self.cost, self.salt))
        wipe(key)
        if master is None:
            raise WrongPassphrase
        return bytearray(master)


def stretch(passphrase: bytes, salt: bytes, cost: Cost) -> bytearray:
    """Return Argon2id, version 1.3, of a passphrase: 32 bytes [RFC 9106]."""
    return bytearray(low_level.hash_secret_raw(passphrase, salt, cost.passes, cost.memory * 1024, cost.lanes, KEY,
                                               low_level.Type.ID))


def _bound(bound: bytes, cost: Cost, salt: bytes) -> bytes:
    return Slot._HEAD.pack(cost.memory, cost.passes, cost.lanes, salt) + bound


def _check(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[: Slot._CHECK]


class SealingKeys:
    """What a master key (32 bytes) gives; it is overwritten here, and its keys by ``wipe``."""

    def __init__(self, master: bytearray) -> None:
        self._place, self._seal, self._sum = (
            expand(master, _DOMAIN + purpose, KEY) for purpose in (b"place", b"seal", b"sum"))
        wipe(master)

    def wipe(self) -> None:
        """Destroy the keys."""
        wipe(self._place, self._seal, self._sum)

    def place(self, collection: str, key: str) -> bytes:
        """Return where a record stands: keyed BLAKE3 of its name, 32 bytes."""
        name = collection.encode()
        return blake3(_LENGTH.pack(len(name)) + name + key.encode(), key=bytes(self._place)).digest()

    def digest(self, data: bytes) -> bytes:
        """Return keyed BLAKE3 for the sum of all records, 32 bytes."""
        return blake3(data, key=bytes(self._sum)).digest()

    def seal(self, plaintext: bytes, ad: bytes, random: Random) -> bytes:
        """Return ``plaintext`` padded and sealed, bound to ``ad``."""
        salt = random(SALT)
        key = self._key(salt)
        padded = _LENGTH.pack(len(plaintext)) + plaintext
        padded = padded.ljust(-(-len(padded) // PADDING) * PADDING, b"\0")
        body = CASCADE.close(key, _DOMAIN + b"record", padded, ad)
        wipe(key)
        return salt + body

    def open(self, sealed: bytes, ad: bytes) -> bytes:
        """Return what was sealed; raises StoreDamaged."""
        key = self._key(sealed[:SALT])
        padded = CASCADE.open(key, _DOMAIN + b"record", sealed[SALT:], ad)
        wipe(key)
        if padded is None:
            raise StoreDamaged
        (size,) = _LENGTH.unpack_from(padded)
        return padded[_LENGTH.size : _LENGTH.size + size]

    def _key(self, salt: bytes) -> bytearray:
        return hkdf(bytes(self._seal), salt, _DOMAIN + b"record key", KEY)
