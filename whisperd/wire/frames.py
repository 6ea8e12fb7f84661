"""The relay's frames, both dialects and both directions: bytes <-> typed values. [whisperd-protocol(7), RELAY]

``whisperd.1`` (the WebSocket subprotocol of that name): every text frame is one JSON object with a ``type``; binary
frames are opaque and never come here. The WH15P3R dialect (no subprotocol): JSON text frames only; what one seat sends
to the other is checked here and forwarded as the bytes it came in.

Unknown fields are ignored, so that either side can be newer than the other. A ``type`` that stands twice with two
values is refused; of any other field that stands twice the last counts, as it does for ``JSON.parse``, so that a
forwarded frame means to the relay what it means to a browser.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

#: The WebSocket subprotocol that selects the dialect; a client that asks for none speaks WH15P3R's.
SUBPROTOCOL = "whisperd.1"


@dataclass(frozen=True)
class ErrorKind:
    """What stands behind an error code: its text, the WebSocket close code that follows (None: not fatal), and the
    seconds after which trying again makes sense (None: it does not, or at once)."""

    message: str
    close: int | None = None
    retry_after: int | None = None

    @property
    def fatal(self) -> bool:
        return self.close is not None


#: Every code that the relay sends, in either dialect.
ERRORS: dict[str, ErrorKind] = {
    "room-full": ErrorKind("both seats of this room are taken", 4001),
    "expired": ErrorKind("nobody came and nothing happened: the room has expired", 4002),
    "replaced": ErrorKind("this seat was taken again by a newer connection", 4003),
    "bad-frame": ErrorKind("the frame lacks a field, or a field does not fit", 4004),
    "bad-json": ErrorKind("the frame is not JSON", 4005),
    "unknown-type": ErrorKind("there is no frame of this type"),
    "not-joined": ErrorKind("this connection has no seat in that room"),
    "already-joined": ErrorKind("this connection has a seat already"),
    "peer-absent": ErrorKind("the other seat is empty; the frame was dropped"),
    "frame-too-large": ErrorKind("the frame is larger than the relay accepts", 1009),
    "not-text-utf8": ErrorKind("the text frame is not UTF-8", 1007),
    "too-many-rooms": ErrorKind("the relay has as many rooms as it takes", 4008, 30),
    "too-many-connections": ErrorKind("the relay has as many connections as it takes", 1013, 30),
    "shutting-down": ErrorKind("the relay is going away", 1001, 5),
}


class FrameError(Exception):
    """Bytes that are no frame of the dialect; ``code`` is a key of ERRORS."""

    def __init__(self, code: str) -> None:
        super().__init__(ERRORS[code].message)
        self.code = code


# 32 bytes in base64url without padding, in the one spelling that has no stray bits in its last character.
_Key = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]\Z")]
_Code = Annotated[str, Meta(min_length=1, max_length=128)]


class Join(Struct, frozen=True, tag_field="type", tag="join"):
    """Client to relay: take a seat of ``room``, or take it again. Both fields: 32 bytes as 43 base64url characters."""

    room: _Key
    token: _Key

    def __repr__(self) -> str:
        return "Join(...)"


class Leave(Struct, frozen=True, tag_field="type", tag="leave"):
    """Client to relay: give up the seat; the token is worth nothing from then on."""


class Limits(Struct, frozen=True):
    """What the relay accepts: the largest frame in bytes, and the seconds that an unpaired room lives unused."""

    frame: int
    expiry: int


class Joined(Struct, frozen=True, tag_field="type", tag="joined"):
    """Relay to client: the seat is yours; ``peer`` says whether the other one has a live connection."""

    seat: Annotated[int, Meta(ge=0, le=1)]
    peer: bool
    limits: Limits


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
    def of(cls, code: str) -> RelayError:
        """Return the frame for a key of ERRORS."""
        kind = ERRORS[code]
        return cls(code, kind.message, kind.fatal, kind.retry_after)


class WhisperJoin(Struct, frozen=True, tag_field="type", tag="join", rename="camel"):
    """WH15P3R client to relay: take the initiator's seat or the other one; codes have 1 to 128 characters."""

    session_code: _Code
    is_initiator: bool


class WhisperOffer(Struct, frozen=True, tag_field="type", tag="offer", rename="camel"):
    """WH15P3R client to the other seat: a WebRTC offer, any JSON value."""

    session_code: _Code
    offer: Raw


class WhisperAnswer(Struct, frozen=True, tag_field="type", tag="answer", rename="camel"):
    """WH15P3R client to the other seat: a WebRTC answer, any JSON value."""

    session_code: _Code
    answer: Raw


class WhisperCandidate(Struct, frozen=True, tag_field="type", tag="ice-candidate", rename="camel"):
    """WH15P3R client to the other seat: an ICE candidate, any JSON value."""

    session_code: _Code
    candidate: Raw


class _AnyType(Struct):
    type: str


ClientFrame = Join | Leave
ServerFrame = Joined | Ready | PeerLeft | RelayError
WhisperSignal = WhisperOffer | WhisperAnswer | WhisperCandidate
WhisperFrame = WhisperJoin | WhisperSignal

_CLIENT_TYPES = frozenset({"join", "leave"})
_SERVER_TYPES = frozenset({"joined", "ready", "peer-left", "error"})
_WHISPER_TYPES = frozenset({"join", "offer", "answer", "ice-candidate"})

_client = msgspec.json.Decoder(ClientFrame)
_server = msgspec.json.Decoder(ServerFrame)
_whisper = msgspec.json.Decoder(WhisperFrame)
_any_type = msgspec.json.Decoder(_AnyType)
_encode = msgspec.json.Encoder().encode


def encode_client(frame: ClientFrame) -> bytes:
    """Return the text frame that a ``whisperd.1`` client sends."""
    return _encode(frame)


def decode_client(data: bytes) -> ClientFrame:
    """Return the frame that a ``whisperd.1`` client sent; raises FrameError."""
    return _decode(_client, data, _CLIENT_TYPES)


def encode_server(frame: ServerFrame) -> bytes:
    """Return the text frame that the relay sends to a ``whisperd.1`` client."""
    return _encode(frame)


def decode_server(data: bytes) -> ServerFrame:
    """Return the frame that the relay sent to a ``whisperd.1`` client; raises FrameError."""
    return _decode(_server, data, _SERVER_TYPES)


def decode_whisper(data: bytes) -> WhisperFrame:
    """Return the frame that a WH15P3R client sent; raises FrameError."""
    return _decode(_whisper, data, _WHISPER_TYPES)


def encode_whisper_error(code: str) -> bytes:
    """Return the text frame that tells a WH15P3R client of an error."""
    return _encode({"type": "error", "code": code, "message": ERRORS[code].message})


def _decode(decoder: Any, data: bytes, known: frozenset[str]) -> Any:
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
