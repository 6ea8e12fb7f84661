"""The bytes of a ratchet's state and back: one form, versioned, with a check value, secrets included.

version(1) = 0x01 ‖ shape(1) ‖ previous(4) ‖ root(32) ‖ next sending header key(32) ‖ next receiving header key(32) ‖
what the shape's bits name, in this order: peer's ratchet key(32), own private ratchet key(32), sending chain and
receiving chain, each number(4) ‖ chain key(32) ‖ header key(32) ‖ skipped message keys, see ``skipped`` ‖ check(16),
the first bytes of SHA-256 of all before it. The check finds damage; it is no protection against somebody who writes.
"""

from __future__ import annotations

import hashlib
import struct

from whisperd_plugins import sodium
from whisperd_plugins.ratchet import Chain, RatchetState
from whisperd_plugins.skipped import SkippedKeys
from whisperd_plugins.sodium import KEY

VERSION = 1
CHECK = 16
PEER, PRIVATE, SENDING, RECEIVING = 1, 2, 4, 8
#: A responder at first; an initiator at first; after a turn, before the answer; in full swing.
SHAPES = (PRIVATE, PEER | PRIVATE | SENDING, PEER | RECEIVING, PEER | PRIVATE | SENDING | RECEIVING)

_FIXED = struct.Struct(">BBI32s32s32s")
_CHAIN = struct.Struct(">I32s32s")


def dump(state: RatchetState) -> bytes:
    """Return the whole state of one side."""
    shape = 0
    parts = [b""]
    if state.peer:
        shape |= PEER
        parts.append(state.peer)
    if state.private is not None:
        shape |= PRIVATE
        parts.append(bytes(state.private))
    for bit, chain in ((SENDING, state.sending), (RECEIVING, state.receiving)):
        if chain is not None:
            shape |= bit
            parts.append(_CHAIN.pack(chain.number, chain.key, chain.header))
    parts[0] = _FIXED.pack(VERSION, shape, state.previous, state.root, state.next_sending, state.next_receiving)
    parts.append(state.skipped.dump())
    body = b"".join(parts)
    return body + _check(body)


def load(data: bytes, info: bytes) -> RatchetState:
    """Return the state that ``dump`` described; raises ValueError for any other bytes."""
    body = data[:-CHECK]
    if len(body) < _FIXED.size or data[-CHECK:] != _check(body):
        raise ValueError("not the dump of a ratchet, or damaged")
    version, shape, previous, root, next_sending, next_receiving = _FIXED.unpack_from(body)
    if version != VERSION or shape not in SHAPES:
        raise ValueError("a dump of another version, or of a state that cannot be")
    state = RatchetState(info, bytearray(root), bytearray(next_sending), bytearray(next_receiving))
    state.previous = previous
    state.skipped = SkippedKeys.load(_load_shape(state, shape, body))
    return state


def _load_shape(state: RatchetState, shape: int, body: bytes) -> bytes:
    """Fill in what ``shape`` names and return the bytes that are left."""
    place = _FIXED.size
    if shape & PEER:
        state.peer = body[place : place + KEY]
        place += KEY
    if shape & PRIVATE:
        state.private = bytearray(body[place : place + KEY])
        place += KEY
    if shape & SENDING:
        state.sending = _load_chain(body, place)
        state.sending.public = sodium.public_key(state.private or bytearray())
        place += _CHAIN.size
    if shape & RECEIVING:
        state.receiving = _load_chain(body, place)
        place += _CHAIN.size
    return body[place:]


def _load_chain(body: bytes, place: int) -> Chain:
    try:
        number, key, header = _CHAIN.unpack_from(body, place)
    except struct.error:
        raise ValueError("the dump is cut off") from None
    return Chain(bytearray(key), bytearray(header), number)


def _check(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:CHECK]
