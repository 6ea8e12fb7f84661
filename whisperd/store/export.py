"""What a store holds as one sealed blob under a passphrase of its own. [whisperd-security(7), SEALED STORE]

magic(16) ‖ length(2) ‖ slot ‖ sealed: the slot wraps a random key of this export, and under it all records are sealed
as one, bound to the magic.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec

from whisperd.errors import StoreDamaged
from whisperd.interfaces import Random
from whisperd.store.sealing import KEY, Cost, SealingKeys, Slot

MAGIC = b"whisperd store\x00\x01"
_LENGTH = struct.Struct(">H")

#: A collection, a key, a value.
Record = tuple[str, str, bytes]
_records = msgspec.msgpack.Decoder(list[Record])


def encode(records: Sequence[Record], passphrase: bytes, cost: Cost, random: Random) -> bytes:
    """Return the export; slow, as ``cost`` says."""
    master = bytearray(random(KEY))
    slot = Slot.make(master, passphrase, cost, MAGIC, random).encode()
    keys = SealingKeys(master)
    sealed = keys.seal(msgspec.msgpack.encode(records), MAGIC, random)
    keys.wipe()
    return MAGIC + _LENGTH.pack(len(slot)) + slot + sealed


def decode(data: bytes, passphrase: bytes) -> list[Record]:
    """Return the records of an export; slow. Raises WrongPassphrase or StoreDamaged."""
    start = len(MAGIC) + _LENGTH.size
    if data[: len(MAGIC)] != MAGIC or len(data) < start:
        raise StoreDamaged("this file is not an export of a store", remedy="Name a file that 'store export' wrote.")
    (size,) = _LENGTH.unpack_from(data, len(MAGIC))
    keys = SealingKeys(Slot.decode(data[start : start + size]).open(passphrase, MAGIC))
    try:
        return _records.decode(keys.open(data[start + size :], MAGIC))
    except StoreDamaged:
        raise StoreDamaged("the export is damaged", remedy="Make another one from the store.") from None
    finally:
        keys.wipe()
