"""What two peers say of files, on stream 2 of the channel. [whisperd-protocol(7), FILES]

A file is named by a number that its sender gives it, from 1 upward. Anything that is not exactly as described here is
ChannelBroken.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from whisperd.errors import ChannelBroken
from whisperd.wire.envelope import decode_exactly
from whisperd.wire.hidden import hidden

#: Most bytes of a file in one payload.
CHUNK = 32_640
#: Bytes beyond what it has written that a receiver lets its sender send.
CREDIT = 64 * CHUNK
#: Most files of one direction that are offered or under way at a time.
MAX_OPEN = 64
#: Largest file, in bytes: what every language can count.
MAX = 2**53 - 1
#: Most bytes of UTF-8 in a file's name.
MAX_NAME = 255

_Number = Annotated[int, Meta(ge=1, le=MAX)]
_Place = Annotated[int, Meta(ge=0, le=MAX)]
_Reason = Annotated[str, Meta(pattern=r"\A[a-z0-9-]{1,40}\Z")]


class _FileMessage(Struct, frozen=True, tag_field="t", forbid_unknown_fields=True):
    """A MessagePack map with exactly these keys, and ``t``."""

    id: _Number


class FileOffer(_FileMessage, frozen=True, tag="offer"):
    """Sender: there is a file; nothing of it is sent before it is accepted. ``hash`` is SHA-256 of the whole."""

    name: str
    size: _Place
    hash: Annotated[bytes, Meta(min_length=32, max_length=32)]

    __repr__ = hidden


class Accept(_FileMessage, frozen=True, tag="accept"):
    """Receiver: send from ``offset`` on, and not beyond ``limit``."""

    offset: _Place
    limit: _Place


class More(_FileMessage, frozen=True, tag="more"):
    """Receiver: what came is written; send up to ``limit``."""

    limit: _Place


class Chunk(_FileMessage, frozen=True, tag="chunk"):
    """Sender: the bytes at ``offset``, at least one and at most CHUNK."""

    offset: _Place
    data: Annotated[bytes, Meta(min_length=1, max_length=CHUNK)]

    __repr__ = hidden


class Pause(_FileMessage, frozen=True, tag="pause"):
    """Receiver: it cannot write for now; another ``accept`` says where to go on."""


class Done(_FileMessage, frozen=True, tag="done"):
    """Receiver: the whole file is written and its hash is right."""


class FileRefuse(_FileMessage, frozen=True, tag="refuse"):
    """Receiver: it does not want the file, or the rest of it."""

    reason: _Reason


class FileWithdraw(_FileMessage, frozen=True, tag="withdraw"):
    """Sender: there is no such file any more."""

    reason: _Reason


FileMessage = FileOffer | Accept | More | Chunk | Pause | Done | FileRefuse | FileWithdraw

_encode = msgspec.msgpack.Encoder().encode
_files = msgspec.msgpack.Decoder(FileMessage)


def encode_file(message: FileMessage) -> bytes:
    """Return the payload of a data frame on stream 2."""
    return _encode(message)


def decode_file(payload: bytes) -> FileMessage:
    """Return what a payload of stream 2 says; raises ChannelBroken."""
    message: FileMessage = decode_exactly(_files, payload, ChannelBroken)
    if isinstance(message, FileOffer) and len(message.name.encode()) > MAX_NAME:
        raise ChannelBroken
    return message
