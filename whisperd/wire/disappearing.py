"""How two sides agree on when texts disappear: payloads of stream 5. [whisperd-protocol(7), DISAPPEARING MESSAGES]"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from whisperd.errors import ChannelBroken
from whisperd.wire.envelope import MAX_TIMER, MIN_TIMER, decode_exactly


class Timer(Struct, frozen=True, tag_field="t", tag="timer", forbid_unknown_fields=True):
    """The sender confirms that texts disappear ``seconds`` after their delivery, or stay (0).

    ``number`` and ``seconds`` name a proposal; it is in force when both sides have confirmed it."""

    number: Annotated[int, Meta(ge=1, le=2**32 - 1)]
    seconds: Annotated[int, Meta(ge=0, le=MAX_TIMER)]


_encode = msgspec.msgpack.Encoder().encode
_timer = msgspec.msgpack.Decoder(Timer)


def encode_timer(message: Timer) -> bytes:
    """Return the payload of a data frame on stream 5."""
    return _encode(message)


def decode_timer(payload: bytes) -> Timer:
    """Return what a payload of stream 5 says; raises ChannelBroken."""
    message: Timer = decode_exactly(_timer, payload, ChannelBroken)
    if 0 < message.seconds < MIN_TIMER:
        raise ChannelBroken
    return message
