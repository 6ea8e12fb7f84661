"""What two peers say to each other: frames, handshake messages, channel frames and payloads <-> typed values.

[whisperd-protocol(7), HANDSHAKE and CHANNEL] Bytes that are not exactly what the protocol says are refused:
HandshakeTampered for the handshake, ChannelBroken for the channel. Encryption is not done here.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from whisperd.errors import ChannelBroken, HandshakeTampered, WhisperdError
from whisperd.wire.hidden import hidden

#: First byte of a peer's frame.
HANDSHAKE_FRAME = 0x01
CHANNEL_FRAME = 0x02

COMMITMENT_SIZE = 16
NONCE_SIZE = 24
MIN_CLASS = 256
MAX_CLASS = 32_768
#: Most bytes of UTF-8 in one text message.
MAX_TEXT = 16_000
#: Bounds of the seconds after which a text disappears, counted from its delivery.
MIN_TIMER, MAX_TIMER = 5, 2_419_200
_MAX_KEY_MATERIAL = 16_384
_MAX_OFFER = 4_096

_Id = Annotated[str, Meta(pattern=r"\A[a-z0-9-]{1,48}\Z")]
_Version = Annotated[int, Meta(ge=1, le=255)]
_Level = Annotated[int, Meta(ge=1, le=3)]
_Digest = Annotated[bytes, Meta(min_length=32, max_length=32)]
_Material = Annotated[bytes, Meta(max_length=_MAX_KEY_MATERIAL)]


class SuiteOffer(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One suite that a side can do: ``[id, version, level]``."""

    id: _Id
    version: _Version
    level: _Level


_Offers = Annotated[list[SuiteOffer], Meta(max_length=32)]


class _Message(Struct, frozen=True, tag_field="t", forbid_unknown_fields=True):
    """A handshake message: a MessagePack map with exactly these keys, and ``t``."""


class Hello(_Message, frozen=True, tag="hello"):
    """M1, joiner to inviter: what the joiner can do, best first, and the lowest level that it accepts."""

    kex: _Offers
    ratchet: _Offers
    floor: _Level
    nonce: _Digest

    __repr__ = hidden


class HandshakeAnswer(_Message, frozen=True, tag="answer"):
    """M2, inviter to joiner: its own offers, what it chose, and its prekeys. ``seen`` is SHA-256(M1)."""

    kex: _Offers
    ratchet: _Offers
    floor: _Level
    nonce: _Digest
    seen: _Digest
    choice: tuple[_Id, _Id]
    bundle: _Material
    offer: Annotated[bytes, Meta(max_length=_MAX_OFFER)]

    __repr__ = hidden


class HandshakeExchange(_Message, frozen=True, tag="exchange"):
    """M3, joiner to inviter: the key exchange's message and the joiner's confirmation. ``seen`` is SHA-256(M2)."""

    seen: _Digest
    message: _Material
    confirm: _Digest

    __repr__ = hidden


class Confirm(_Message, frozen=True, tag="confirm"):
    """M4, inviter to joiner: the inviter's confirmation."""

    confirm: _Digest

    __repr__ = hidden


class Abort(_Message, frozen=True, tag="abort"):
    """Either way: the sender stopped, for the reason of this error code. Shown, never trusted beyond that."""

    code: Annotated[str, Meta(pattern=r"\A[a-z0-9-]{1,40}\Z")]


class Ring(_Message, frozen=True, tag="ring"):
    """Inviter to joiner, in a contact's room: somebody calls, so say hello."""


HandshakeMessage = Hello | HandshakeAnswer | HandshakeExchange | Confirm | Abort | Ring


@dataclass(frozen=True)
class SealedFrame:
    """A handshake frame: which secret it is sealed under, and the sealed bytes."""

    commitment: bytes = field(repr=False)
    nonce: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)

    @property
    def head(self) -> bytes:
        """The 17 bytes that the seal covers besides the message."""
        return sealed_head(self.commitment)

    def encode(self) -> bytes:
        return self.head + self.nonce + self.ciphertext

    @classmethod
    def decode(cls, frame: bytes) -> SealedFrame:
        """Return the parts of ``frame``; raises HandshakeTampered when it is too short or of another type."""
        start, end = 1 + COMMITMENT_SIZE, 1 + COMMITMENT_SIZE + NONCE_SIZE
        if frame[:1] != bytes([HANDSHAKE_FRAME]) or len(frame) <= end:
            raise HandshakeTampered
        return cls(frame[1:start], frame[start:end], frame[end:])


def sealed_head(commitment: bytes) -> bytes:
    """Return the first 17 bytes of a handshake frame."""
    return bytes([HANDSHAKE_FRAME]) + commitment


class Kind(IntEnum):
    """What a channel frame is for."""

    DATA = 1
    ACK = 2
    HELLO = 3


class Stream(IntEnum):
    """Whom the payload of a data frame is for."""

    CONTROL = 0
    CHAT = 1
    FILES = 2
    LINKS = 3
    CONTACTS = 4
    TIMER = 5


@dataclass(frozen=True)
class ChannelFrame:
    """The plaintext of one ratchet message. ``seq`` counts this direction's data from 1 and is 0 in other kinds."""

    kind: Kind
    ack: int
    seq: int = 0
    stream: int = 0
    payload: bytes = field(default=b"", repr=False)

    def encode(self) -> bytes:
        """Return the padded bytes; raises ValueError for more than MAX_PAYLOAD bytes of payload."""
        return pad(_CHANNEL_HEAD.pack(self.kind, self.stream, self.seq, self.ack, len(self.payload)) + self.payload)

    @classmethod
    def decode(cls, plaintext: bytes) -> ChannelFrame:
        """Return the frame that the padded bytes hold; raises ChannelBroken."""
        if len(plaintext) < MIN_CLASS:
            raise ChannelBroken
        kind, stream, seq, ack, length = _CHANNEL_HEAD.unpack_from(plaintext)
        body = _unpad(plaintext, _CHANNEL_HEAD.size + length, ChannelBroken)
        is_data = kind == Kind.DATA
        if kind not in _KINDS or is_data != (seq > 0) or (not is_data and (stream or length)):
            raise ChannelBroken
        return cls(Kind(kind), ack, seq, stream, body[_CHANNEL_HEAD.size:])


_CHANNEL_HEAD = struct.Struct(">BBQQI")
_KINDS = frozenset(Kind)
#: Most bytes that one data frame carries.
MAX_PAYLOAD = MAX_CLASS - _CHANNEL_HEAD.size
_LENGTH = struct.Struct(">I")


class End(Struct, frozen=True, tag_field="t", tag="end", forbid_unknown_fields=True):
    """On stream 0: the sender ends the conversation."""


class Text(Struct, frozen=True, tag_field="t", tag="text", forbid_unknown_fields=True):
    """On stream 1: a text message, at most MAX_TEXT bytes of UTF-8. It may hold control characters."""

    text: str

    __repr__ = hidden


class DisappearingText(Struct, frozen=True, tag_field="t", tag="fading", forbid_unknown_fields=True):
    """On stream 1: a text message that disappears on both sides so many seconds after its delivery."""

    text: str
    seconds: Annotated[int, Meta(ge=MIN_TIMER, le=MAX_TIMER)]

    __repr__ = hidden


_encode = msgspec.msgpack.Encoder().encode
_message: msgspec.msgpack.Decoder[HandshakeMessage] = msgspec.msgpack.Decoder(HandshakeMessage)
_control = msgspec.msgpack.Decoder(End)
_chat = msgspec.msgpack.Decoder(Text | DisappearingText)
_Failure = type[WhisperdError]
_Value = TypeVar("_Value", bound=Struct)


def encode_message(message: HandshakeMessage) -> bytes:
    """Return the MessagePack bytes of a handshake message, as they go into the transcript."""
    return _encode(message)


def decode_message(data: bytes) -> HandshakeMessage:
    """Return the handshake message; raises HandshakeTampered for anything but exactly its keys and types."""
    return decode_exactly(_message, data, HandshakeTampered)


def pad_message(message: bytes) -> bytes:
    """Return length (4), ``message`` and zeros up to a size class."""
    return pad(_LENGTH.pack(len(message)) + message)


def unpad_message(padded: bytes) -> bytes:
    """Return the message that ``pad_message`` padded; raises HandshakeTampered."""
    if len(padded) < MIN_CLASS:
        raise HandshakeTampered
    end = _LENGTH.size + _LENGTH.unpack_from(padded)[0]
    return _unpad(padded, end, HandshakeTampered)[_LENGTH.size:]


def encode_control(message: End) -> bytes:
    """Return the payload of a data frame on stream 0."""
    return _encode(message)


def decode_control(payload: bytes) -> End:
    """Return what a payload of stream 0 says; raises ChannelBroken."""
    return decode_exactly(_control, payload, ChannelBroken)


def encode_chat(message: Text | DisappearingText) -> bytes:
    """Return the payload of a data frame on stream 1."""
    return _encode(message)


def decode_chat(payload: bytes) -> Text | DisappearingText:
    """Return what a payload of stream 1 says; raises ChannelBroken."""
    message: Text | DisappearingText = decode_exactly(_chat, payload, ChannelBroken)
    if len(message.text.encode()) > MAX_TEXT:
        raise ChannelBroken
    return message


def pad(data: bytes) -> bytes:
    """Return ``data`` with zeros up to the least size class, 256·2^k bytes, that holds it; ValueError if none."""
    if len(data) > MAX_CLASS:
        raise ValueError(f"{len(data)} bytes do not fit into {MAX_CLASS}")
    return data.ljust(_size_class(len(data)), b"\0")


def _size_class(length: int) -> int:
    return max(MIN_CLASS, 1 << (length - 1).bit_length())


def _unpad(padded: bytes, length: int, failure: _Failure) -> bytes:
    if length > len(padded) or len(padded) > MAX_CLASS or len(padded) != _size_class(length):
        raise failure
    if padded.count(0, length) != len(padded) - length:
        raise failure
    return padded[:length]


def decode_exactly(decoder: msgspec.msgpack.Decoder[_Value], data: bytes, failure: _Failure) -> _Value:
    """Return what ``decoder`` reads from a map with exactly its keys, each once; raises ``failure``."""
    try:
        value = decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise failure from None
    if data[0] != 0x80 | len(value.__struct_fields__) + 1:  # a key that stands twice, or a map that is not minimal
        raise failure
    return value
