"""The frames of WH15P3R's dialect: JSON text frames only. [whisperd-protocol(7), WH15P3R]

What one seat sends to the other is checked here and forwarded as the bytes it came in. Of a field that stands twice
the last counts, as it does for ``JSON.parse``, so that a forwarded frame means to the relay what it means to a browser.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from whisperd.wire.frames import decode
from whisperd.wire.relay_errors import ERRORS


class _InRoom(Struct, frozen=True, rename="camel"):
    session_code: Annotated[str, Meta(min_length=1, max_length=128)]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


class Wh15p3rJoin(_InRoom, frozen=True, tag_field="type", tag="join"):
    """WH15P3R client to relay: take the initiator's seat or the other one, with an access code where it wants one."""

    is_initiator: bool
    access_code: Annotated[str, Meta(max_length=64)] = ""


class Wh15p3rOffer(_InRoom, frozen=True, tag_field="type", tag="offer"):
    """WH15P3R client to the other seat: a WebRTC offer, any JSON value."""

    offer: Raw


class Wh15p3rAnswer(_InRoom, frozen=True, tag_field="type", tag="answer"):
    """WH15P3R client to the other seat: a WebRTC answer, any JSON value."""

    answer: Raw


class Wh15p3rCandidate(_InRoom, frozen=True, tag_field="type", tag="ice-candidate"):
    """WH15P3R client to the other seat: an ICE candidate, any JSON value."""

    candidate: Raw


Signal = Wh15p3rOffer | Wh15p3rAnswer | Wh15p3rCandidate
Wh15p3rFrame = Wh15p3rJoin | Signal

_TYPES = frozenset({"join", "offer", "answer", "ice-candidate"})
_decoder: msgspec.json.Decoder[Wh15p3rFrame] = msgspec.json.Decoder(Wh15p3rFrame)
_encode = msgspec.json.Encoder().encode


def decode_wh15p3r(data: bytes) -> Wh15p3rFrame:
    """Return the frame that a WH15P3R client sent; raises FrameError."""
    return decode(_decoder, data, _TYPES)


def encode_wh15p3r_error(code: str, retry_after: int | None = None) -> bytes:
    """Return the text frame that tells a WH15P3R client of an error; ``retry_after`` instead of what the table has."""
    kind = ERRORS[code]
    wait = retry_after or kind.retry_after
    return _encode({"type": "error", "code": code, "message": kind.message} | ({"retry_after": wait} if wait else {}))
