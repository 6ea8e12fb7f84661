"""Fixed layouts: every field has its size, and every key, ciphertext and signature its type byte.

A type byte says what the bytes behind it are, so that the encodings of different types are disjoint: no X25519 key
can be read as an Ed25519 one, no ciphertext as an encapsulation key of the same size [PQXDH, 2.1, EncodeEC and
EncodeKEM].
"""

from __future__ import annotations

from dataclasses import dataclass, field

from whisperd.errors import KeyExchangeRefused

#: Type byte and size of what stands behind it.
TYPES: dict[str, tuple[int, int]] = {
    "ed25519 public key": (0x01, 32),
    "ml-dsa-87 public key": (0x02, 2592),
    "falcon-1024 public key": (0x03, 1793),
    "p-256 public key": (0x04, 65),
    "x25519 public key": (0x05, 32),
    "cpace share": (0x06, 32),
    "ml-kem-1024 one-time key": (0x0A, 1568),
    "ml-kem-1024 last-resort key": (0x0B, 1568),
    "ml-kem-1024 ciphertext": (0x1A, 1568),
    "ed25519 signature": (0x41, 64),
    "ml-dsa-87 signature": (0x42, 4627),
    "falcon-1024 signature": (0x43, 1280),
    "p-256 signature": (0x44, 64),
    "sha-256": (0x51, 32),
    "confirmation": (0x52, 32),
    "session id": (0x53, 16),
    "aes-gcm tag": (0x54, 16),
    "pqxdh bundle": (0x61, 1767),
    "pqxdh message": (0x62, 1800),
}


def encode(kind: str, value: bytes) -> bytes:
    """Return the type byte of ``kind`` and ``value``; raises ValueError when the size is not that of the type."""
    tag, size = TYPES[kind]
    if len(value) != size:
        raise ValueError(f"{kind} has {size} bytes, not {len(value)}")
    return bytes((tag,)) + value


@dataclass(frozen=True)
class Layout:
    """A record: one byte that says which record it is, then typed fields in order, each with a name.

    The last ``over`` fields are values over the others, signatures or a confirmation; what stands before them is the
    head. ``size`` is that of the whole record, ``head_size`` that of the head, in bytes.
    """

    name: str
    first: int
    fields: tuple[tuple[str, str], ...]
    over: int = 1
    size: int = field(init=False)
    head_size: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", 1 + sum(1 + TYPES[kind][1] for _, kind in self.fields))
        object.__setattr__(self, "head_size", self.start_of(self.fields[-self.over][0]))

    def start_of(self, name: str) -> int:
        """Return where the type byte of a field stands, counted from the record's first byte."""
        start = 1
        for found, kind in self.fields:
            if found == name:
                return start
            start += 1 + TYPES[kind][1]
        raise KeyError(name)

    def head(self, values: dict[str, bytes]) -> bytes:
        """Return the record without its last fields; raises KeyError when another one is not in ``values``."""
        return self.until(self.fields[-self.over][0], values)

    def until(self, name: str, values: dict[str, bytes]) -> bytes:
        """Return the record as far as the field ``name``, without it; raises KeyError when one is missing."""
        made = bytearray((self.first,))
        for found, kind in self.fields:
            if found == name:
                break
            made += encode(kind, values[found])
        return bytes(made)

    def finish(self, head: bytes, *last: bytes) -> bytes:
        """Return the whole record out of its head and the values of its last fields."""
        kinds = [kind for _, kind in self.fields[-self.over :]]
        return head + b"".join(encode(kind, value) for kind, value in zip(kinds, last, strict=True))

    def split(self, record: bytes) -> dict[str, bytes]:
        """Return the fields by name; raises KeyExchangeRefused unless every byte is where it belongs."""
        if len(record) != self.size or record[0] != self.first:
            raise KeyExchangeRefused(f"not a {self.name}: {self.size} bytes that begin with {self.first:#04x}")
        found: dict[str, bytes] = {}
        start = 1
        for name, kind in self.fields:
            tag, size = TYPES[kind]
            if record[start] != tag:
                raise KeyExchangeRefused(f"the {name} of the {self.name} is not of type {kind}")
            found[name] = record[start + 1 : start + 1 + size]
            start += 1 + size
        return found
