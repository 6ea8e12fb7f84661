"""The frames of ``whisperd.1``, both directions: bytes <-> typed values. [whisperd-protocol(7), RELAY]

Every text frame is one JSON object with a ``type``; binary frames are opaque and never come here. Unknown fields are
ignored, so that either side can be newer than the other. A ``type`` that stands twice with two values is refused; of
any other field that stands twice the last counts, as it does for ``JSON.parse``.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from whisperd.wire.relay_errors import ERRORS as ERRORS

#: The WebSocket subprotocol that selects the dialect; a client that asks for none speaks WH15P3R's.
SUBPROTOCOL = "whisperd.1"


class FrameError(Exception):
    """Bytes that are no frame of the dialect; ``code`` is a key of ERRORS."""

    def __init__(self, code: str) -> None:
        super().__init__(ERRORS[code].message)
        self.code = code


# 32 bytes in base64url without padding, in the one spelling that has no stray bits in its last character.
_Key = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]\Z")]


class Join(Struct, frozen=True, tag_field="type", tag="join", omit_defaults=True):
    """Client to relay: take a seat of ``room``, or take it again. Both fields: 32 bytes as 43 base64url characters.
    ``code``: an access code, at most 64 characters, where the relay wants one."""

    room: _Key
    token: _Key
    code: Annotated[str, Meta(max_length=64)] = ""

    def __repr__(self) -> str:
        return "Join(...)"


class Leave(Struct, frozen=True, tag_field="type", tag="leave"):
    """Client to relay: give up the seat; the token is worth nothing from then on."""


class AnnouncedLimits(Struct, frozen=True):
    """What the relay accepts: the largest frame in bytes, and the seconds that an unpaired room lives unused."""

    frame: int
    expiry: int


class Joined(Struct, frozen=True, tag_field="type", tag="joined"):
    """Relay to client: the seat is yours; ``peer`` says whether the other one has a live connection."""

    seat: Annotated[int, Meta(ge=0, le=1)]
    peer: bool
    limits: AnnouncedLimits


class Ready(Struct, frozen=True, tag_field="type", tag="ready"):
    """Relay to both clients: both seats have a live connection (sent again after each re-join)."""


class PeerLeft(Struct, frozen=True, tag_field="type", tag="peer-left"):
    """Relay to client: the other seat has no connection any more: it ``left`` for good, or its connection was
    ``lost`` and its seat is kept for its token."""

    reason: str


class RelayError(Struct, frozen=True, tag_field="type", tag="error", omit_defaults=True):
    """Relay to client: ``code`` is a key of ERRORS (a newer relay may have more); a fatal one is followed by a close.
    ``retry_after`` is in seconds."""

    code: str
    message: str
    fatal: bool
    retry_after: int | None = None

    @classmethod
    def of(cls, code: str, retry_after: int | None = None) -> RelayError:
        """Return the frame for a key of ERRORS; ``retry_after`` instead of what the table has."""
        kind = ERRORS[code]
        return cls(code, kind.message, kind.fatal, retry_after or kind.retry_after)


class _AnyType(Struct):
    type: str


FrameT = TypeVar("FrameT")
ClientFrame = Join | Leave
ServerFrame = Joined | Ready | PeerLeft | RelayError

_CLIENT_TYPES = frozenset({"join", "leave"})
_client: msgspec.json.Decoder[ClientFrame] = msgspec.json.Decoder(ClientFrame)
_any_type = msgspec.json.Decoder(_AnyType)
_encode = msgspec.json.Encoder().encode


def decode_client(data: bytes) -> ClientFrame:
    """Return the frame that a ``whisperd.1`` client sent; raises FrameError."""
    return decode(_client, data, _CLIENT_TYPES)


def encode_server(frame: ServerFrame) -> bytes:
    """Return the text frame that the relay sends to a ``whisperd.1`` client."""
    return _encode(frame)


def decode(decoder: msgspec.json.Decoder[FrameT], data: bytes, known: frozenset[str]) -> FrameT:
    """Return what ``decoder`` makes of ``data``; raises FrameError. ``known`` are the types that it takes."""
    try:
        return decoder.decode(data)
    except msgspec.ValidationError:
        raise FrameError(_misfit(data, known)) from None
    except UnicodeDecodeError:
        raise FrameError("not-text-utf8") from None
    except (msgspec.DecodeError, RecursionError):
        raise FrameError("bad-json") from None


def _misfit(data: bytes, known: frozenset[str]) -> str:
    """Return the code for ``data`` that its decoder did not take."""
    try:
        kind = _any_type.decode(data).type
    except msgspec.ValidationError:
        return "bad-frame"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "bad-json"
    return "bad-frame" if kind in known else "unknown-type"
