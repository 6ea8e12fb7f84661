"""The bytes of a sparse ratchet's state and back, secrets included.

flags(1) ‖ round(8) ‖ epoch of the sending chain(8) ‖ root(32) ‖ direction key of own chains(32) ‖ next chunk(1) ‖
chunks acknowledged(1) ‖ chunks found(4, bit n for chunk n) ‖ what the flags name, in this order: seed of the own key
pair(64); own ciphertext(1568) and direction key that waits(32) ‖ chunks found(49 each) ‖ count(1) of epochs of the
peer's chains, each epoch(8) ‖ direction key(32).
"""

from __future__ import annotations

import struct
from collections import deque

from whisperd_plugins import mlkem
from whisperd_plugins.sodium import KEY
from whisperd_plugins.sparse import CHUNK, CHUNKS, EPOCHS, SparseRatchet

INITIATOR, SEED, CIPHERTEXT = 1, 2, 4

_FIXED = struct.Struct(">BQQ32s32sBBI")
_EPOCH = struct.Struct(">Q32s")


def dump(sparse: SparseRatchet) -> bytes:
    """Return the whole state of one side."""
    flags = INITIATOR if sparse.initiator else 0
    more = b""
    if sparse.seed is not None:
        flags |= SEED
        more = bytes(sparse.seed)
    if sparse.waiting is not None:
        flags |= CIPHERTEXT
        more = sparse.own + sparse.waiting
    fixed = _FIXED.pack(flags, sparse.round, sparse.chain_epoch, sparse.root, sparse.sending, sparse.cursor,
                        sparse.acknowledged, sparse.found)
    chunks = b"".join(sparse.collected[index * CHUNK : (index + 1) * CHUNK] for index in _numbers(sparse.found))
    epochs = b"".join(_EPOCH.pack(epoch, key) for epoch, key in sparse.receiving)
    return b"".join((fixed, more, chunks, bytes((len(sparse.receiving),)), epochs))


def load(body: bytes, place: int) -> tuple[SparseRatchet, int]:
    """Return the state that stands at ``place`` and where it ends; raises ValueError for anything that is none."""
    try:
        return _load(body, place)
    except (struct.error, IndexError):
        raise ValueError("the dump of a sparse ratchet is cut off") from None


def _load(body: bytes, place: int) -> tuple[SparseRatchet, int]:
    flags, number, chain_epoch, root, sending, cursor, acknowledged, found = _FIXED.unpack_from(body, place)
    sparse = SparseRatchet(bool(flags & INITIATOR), bytearray(root), bytearray(sending), bytearray())
    sparse.round, sparse.chain_epoch = number, chain_epoch
    sparse.cursor, sparse.acknowledged, sparse.found = cursor, acknowledged, found
    place = _load_own(sparse, flags, body, place + _FIXED.size)
    for index in _numbers(found):
        sparse.collected[index * CHUNK : (index + 1) * CHUNK] = _take(body, place, CHUNK)
        place += CHUNK
    count = body[place]
    entries = [_EPOCH.unpack_from(body, place + 1 + _EPOCH.size * entry) for entry in range(count)]
    sparse.receiving = deque((epoch, bytearray(key)) for epoch, key in entries)
    _check(sparse, flags)
    return sparse, place + 1 + _EPOCH.size * count


def _load_own(sparse: SparseRatchet, flags: int, body: bytes, place: int) -> int:
    """Fill in what this side has made for the round; return where it ends."""
    if flags & SEED:
        sparse.seed = bytearray(_take(body, place, mlkem.SEED))
        sparse.own = mlkem.keypair(bytes(sparse.seed))[0]
        place += mlkem.SEED
    if flags & CIPHERTEXT:
        sparse.own = _take(body, place, mlkem.CIPHERTEXT)
        place += mlkem.CIPHERTEXT
        sparse.waiting = bytearray(_take(body, place, KEY))
        place += KEY
    return place


def _check(sparse: SparseRatchet, flags: int) -> None:
    """Raise ValueError for a state that cannot be."""
    seed, waits = sparse.seed is not None, sparse.waiting is not None
    whole = sparse.found == (1 << CHUNKS) - 1
    known = [epoch for epoch, _ in sparse.receiving]
    latest = sparse.round if waits else sparse.round - 1
    if any((
        flags > INITIATOR | SEED | CIPHERTEXT,
        waits if sparse.owner else seed,
        whole if sparse.owner else waits and not whole,
        sparse.owner and not seed and sparse.found,
        not sparse.own and (sparse.cursor or sparse.acknowledged),
        sparse.cursor >= CHUNKS or sparse.acknowledged > CHUNKS,
        sparse.chain_epoch >= sparse.round,
        not 0 < len(known) <= EPOCHS,
        known != [latest - back for back in reversed(range(len(known)))] or min(known, default=0) < 0,
    )):
        raise ValueError("a sparse ratchet that cannot be")


def _numbers(found: int) -> list[int]:
    return [index for index in range(CHUNKS) if found >> index & 1]


def _take(body: bytes, place: int, size: int) -> bytes:
    taken = body[place : place + size]
    if len(taken) != size:
        raise ValueError("the dump of a sparse ratchet is cut off")
    return taken
