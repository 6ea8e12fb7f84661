"""A client's half of ``whisperd.1``: what it sends to a relay as bytes, and what a relay sent to it as values.

[whisperd-protocol(7), RELAY]
"""

from __future__ import annotations

import msgspec

from whisperd.wire.frames import ClientFrame, ServerFrame, decode

_SERVER_TYPES = frozenset({"joined", "ready", "peer-left", "error"})
_server: msgspec.json.Decoder[ServerFrame] = msgspec.json.Decoder(ServerFrame)
_encode = msgspec.json.Encoder().encode


def encode_client(frame: ClientFrame) -> bytes:
    """Return the text frame that a ``whisperd.1`` client sends."""
    return _encode(frame)


def decode_server(data: bytes) -> ServerFrame:
    """Return the frame that the relay sent to a ``whisperd.1`` client; raises FrameError."""
    return decode(_server, data, _SERVER_TYPES)
