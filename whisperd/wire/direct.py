"""Direct links: what two peers tell each other of them, and the records that go over one.

[whisperd-protocol(7), DIRECT] The messages are payloads of stream 3 of the channel; whatever is not exactly as
described is ChannelBroken. A record is kind (1), length (2) and so many bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from whisperd.errors import ChannelBroken
from whisperd.wire.envelope import decode_exactly
from whisperd.wire.hidden import hidden

#: Largest frame of a peer in a record, in bytes: what a relay has to forward, too.
MAX_FRAME = 36_864
_HEAD = struct.Struct(">BH")


class DirectKey(Struct, frozen=True, tag_field="t", tag="key", forbid_unknown_fields=True):
    """The sender can use direct links, and comes to the other side's onion service with this x25519 public key."""

    key: Annotated[bytes, Meta(min_length=32, max_length=32)]

    __repr__ = hidden


class At(Struct, frozen=True, tag_field="t", tag="at", forbid_unknown_fields=True):
    """The sender's onion service is published, and lets in whoever holds the other side's key."""

    onion: Annotated[str, Meta(pattern=r"\A[a-z2-7]{56}\.onion\Z")]

    __repr__ = hidden


DirectMessage = DirectKey | At

_encode = msgspec.msgpack.Encoder().encode
_direct = msgspec.msgpack.Decoder(DirectMessage)


def encode_direct(message: DirectMessage) -> bytes:
    """Return the payload of a data frame on stream 3."""
    return _encode(message)


def decode_direct(payload: bytes) -> DirectMessage:
    """Return what a payload of stream 3 says; raises ChannelBroken."""
    message: DirectMessage = decode_exactly(_direct, payload, ChannelBroken)
    return message


class RecordKind(IntEnum):
    """What a record is for; pings and pongs are empty."""

    PING = 0
    PONG = 1
    FRAME = 2


PING, PONG = _HEAD.pack(RecordKind.PING, 0), _HEAD.pack(RecordKind.PONG, 0)


def record(frame: bytes) -> bytes:
    """Return the record of a frame; raises ValueError for one that is empty or too large."""
    if not 0 < len(frame) <= MAX_FRAME:
        raise ValueError(f"a frame of {len(frame)} bytes")
    return _HEAD.pack(RecordKind.FRAME, len(frame)) + frame


class Records:
    """Puts the records of one stream together: bytes in, (kind, frame) out. What is kept is less than one record."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[RecordKind, bytes]]:
        """Yield the records that are complete now; raises ChannelBroken, after which the stream is of no use."""
        data, place = self._rest + data if self._rest else data, 0
        self._rest = b""
        while len(data) - place >= _HEAD.size:
            kind, length = _HEAD.unpack_from(data, place)
            if kind > RecordKind.FRAME or (kind == RecordKind.FRAME) != (0 < length <= MAX_FRAME):
                raise ChannelBroken
            if kind != RecordKind.FRAME and length:
                raise ChannelBroken
            end = place + _HEAD.size + length
            if end > len(data):
                break
            yield RecordKind(kind), data[place + _HEAD.size:end]
            place = end
        self._rest = data[place:]
