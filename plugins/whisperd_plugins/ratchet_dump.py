"""The bytes of a ratchet's state and back: one form, versioned, with a check value, secrets included.

form(1) ‖ shape(1) ‖ previous(4) ‖ root(32) ‖ next sending header key ‖ next receiving header key ‖ what the shape's
bits name, in this order: peer's ratchet key(32), own private ratchet key(32), sending chain and receiving chain, each
number(4) ‖ chain key ‖ header key ‖ what runs beside this ratchet ‖ skipped message keys, see ``skipped_keys`` ‖
check(16), the first bytes of SHA-256 of all before it. The form says whose state it is, and so the sizes of chain and
header keys: 32 both where nothing else is said. The check finds damage, not forgery.
"""

from __future__ import annotations

import hashlib
import struct
from typing import TypeVar

from whisperd_plugins import sodium
from whisperd_plugins.ratchet_state import Chain, RatchetState
from whisperd_plugins.skipped_keys import SkippedKeys
from whisperd_plugins.sodium import KEY

CHECK = 16
PEER, PRIVATE, SENDING, RECEIVING = 1, 2, 4, 8
#: A responder at first; an initiator at first; after a turn, before the answer; in full swing.
SHAPES = (PRIVATE, PEER | PRIVATE | SENDING, PEER | RECEIVING, PEER | PRIVATE | SENDING | RECEIVING)

State = TypeVar("State", bound=RatchetState)


def dump(state: RatchetState) -> bytes:
    """Return the whole state of one side."""
    shape = 0
    parts = [b""]
    fixed, chains = _layouts(type(state))
    if state.peer:
        shape |= PEER
        parts.append(state.peer)
    if state.private is not None:
        shape |= PRIVATE
        parts.append(bytes(state.private))
    for bit, chain in ((SENDING, state.sending), (RECEIVING, state.receiving)):
        if chain is not None:
            shape |= bit
            parts.append(chains.pack(chain.number, chain.key, chain.header))
    parts[0] = fixed.pack(state.FORM, shape, state.previous, state.root, state.next_sending, state.next_receiving)
    parts += [state.dump_beside(), state.skipped.dump()]
    body = b"".join(parts)
    return body + _check(body)


def load(data: bytes, info: bytes, kind: type[State]) -> State:
    """Return the state of this kind that ``dump`` described; raises ValueError for any other bytes."""
    fixed, _ = _layouts(kind)
    body = data[:-CHECK]
    if len(body) < fixed.size or data[-CHECK:] != _check(body):
        raise ValueError("not the dump of a ratchet, or damaged")
    form, shape, previous, root, next_sending, next_receiving = fixed.unpack_from(body)
    if form != kind.FORM or shape not in SHAPES:
        raise ValueError("a dump of another version, or of a state that cannot be")
    state = kind(info, bytearray(root), bytearray(next_sending), bytearray(next_receiving))
    state.previous = previous
    place = state.load_beside(body, _load_shape(state, shape, body, fixed.size))
    state.skipped = SkippedKeys.load(body[place:])
    return state


def _layouts(kind: type[RatchetState]) -> tuple[struct.Struct, struct.Struct]:
    """Return the layouts of what every dump of this kind has, and of a chain."""
    header = kind.HEADER_KEY
    return struct.Struct(f">BBI{KEY}s{header}s{header}s"), struct.Struct(f">I{kind.CHAIN_KEY}s{header}s")


def _load_shape(state: RatchetState, shape: int, body: bytes, place: int) -> int:
    """Fill in what ``shape`` names from ``place`` on; return where it ends."""
    if shape & PEER:
        state.peer = body[place : place + KEY]
        place += KEY
    if shape & PRIVATE:
        state.private = bytearray(body[place : place + KEY])
        place += KEY
    chains = _layouts(type(state))[1]
    if shape & SENDING:
        state.sending = _load_chain(chains, body, place)
        state.sending.public = sodium.public_key(state.private or bytearray())
        place += chains.size
    if shape & RECEIVING:
        state.receiving = _load_chain(chains, body, place)
        place += chains.size
    return place


def _load_chain(layout: struct.Struct, body: bytes, place: int) -> Chain:
    try:
        number, key, header = layout.unpack_from(body, place)
    except struct.error:
        raise ValueError("the dump is cut off") from None
    return Chain(bytearray(key), bytearray(header), number)


def _check(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:CHECK]
