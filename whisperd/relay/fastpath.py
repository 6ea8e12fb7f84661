"""The fast path of a message: whole frames straight from a read, and one write for each client whom it reaches.

What nearly every message is, one masked text or binary frame of less than 64 KiB, is taken here without autobahn's
state machine. Whatever else comes, and whatever comes while that machine is inside a frame or a message, goes to
autobahn as if this file was not there: parts of messages, control frames, reserved bits and opcodes, missing masks,
lengths that are not minimal or too large, and frames too large to be put together from several reads here. Both ways
say the same to both sides; only that text which is not UTF-8 is found at the end of its frame here, and at the wrong
byte there. [RFC 6455, 5.2 to 5.6]
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from struct import Struct
from types import SimpleNamespace
from typing import Any

from autobahn.twisted.websocket import WebSocketServerProtocol
from autobahn.websocket.protocol import TrafficStats
from autobahn.websocket.utf8validator import Utf8Validator
from autobahn.websocket.xormasker import create_xor_masker  # type: ignore[attr-defined]
from twisted.protocols.policies import ProtocolWrapper

from whisperd.relay.session import Session
from whisperd.relay.transport import Connection

TEXT, BINARY = _MESSAGES = 0x81, 0x82
_pack_short, _pack_long, _unpack = Struct("!BBH").pack, Struct("!BBQ").pack, Struct("!BBH4s").unpack_from
MAX_TAIL = 16_384  # bytes of the largest frame put together here from several reads; each copies what there is of it
#: While a read is handled that is more than one usual message: what it makes us send, to be sent at its end.
_waiting: dict[FastPath, list[bytes]] | None = None
_CONNECTING, _OPEN, _CLOSED = (WebSocketServerProtocol.STATE_CONNECTING, WebSocketServerProtocol.STATE_OPEN,
                               WebSocketServerProtocol.STATE_CLOSED)


class FastPath(WebSocketServerProtocol):
    """autobahn's protocol with the fast path in front of it. The opening, the pressure on slow clients, signs of life
    and the end are its subclass's: ``processHandshake``, ``write``, ``alive``.

    autobahn gives each connection some fifty attributes, counters, a queue, a validator and two futures; here all of
    that stands on the class until it changes, and nothing of the opening handshake or the client's address is stored.
    """

    is_closed = SimpleNamespace(callback=lambda connection: None)  # a future that nobody waits for
    trafficStats = TrafficStats()
    utf8validator = cached_property(lambda self: Utf8Validator())
    websocket_version = 13
    peer = trackedTimings = wasNotCleanReason = None  # type: ignore[assignment]
    _perMessageCompress = closeHandshakeTimeoutCall = autoPingTimeoutCall = autoPingPending = None
    wasClean = False
    transport: Connection | ProtocolWrapper  # type: ignore[assignment]  # an interface there
    maxFramePayloadSize: int  # of the listener
    session: Session | None
    write: Callable[[bytes], None]
    alive: Callable[[], None]

    def __init__(self) -> None:
        self.state = _CONNECTING
        self.session = None
        self.data = b""
        self.usual = 0  # the first byte of what this client's messages to its partner are
        self.current_frame = None  # type: ignore[assignment]
        self.inside_message = self.failedByMe = False
        self.held = False  # what was read waits here, and nothing more is read
        self.pinged = False  # and has not answered yet
        self.congested = False  # more waits for the client than its transport wants

    def dataReceived(self, data: bytes) -> None:
        short = self.state == _OPEN and self.current_frame is None and not self.inside_message
        if short:
            if self.data:
                data, self.data = self.data + data, b""
            if len(data) >= 8 + 126 and not (self.failedByMe or self.held):  # one read, one message, one write
                first, second, size, mask = _unpack(data)
                if second == 0xFE and size == len(data) - 8 <= self.maxFramePayloadSize and first == self.usual:
                    self._take(first, unmask(mask, data[8:]))
                    return
        if self.state == _CONNECTING:
            self.data += data
            self.processHandshake()
        elif self.state != _CLOSED:  # autobahn would go on collecting
            self._collect(data, short)

    def _collect(self, data: bytes, short: bool) -> None:
        """Handle a read; what it makes us send goes out at its end, in one write for each client."""
        global _waiting
        waiting = _waiting = {}
        try:
            if short:
                data = self._take_whole_frames(data)
            if data and self.state != _CLOSED:
                self._dataReceived(data)
            while waiting:
                next(iter(waiting)).flush()
        finally:
            _waiting = None

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        """Send bytes: at the end of the read that is being handled, otherwise now."""
        if _waiting is None:
            self.write(data)
        else:
            _waiting.setdefault(self, []).append(data)

    def flush(self) -> None:
        """Write now what the read that is being handled has made us send so far."""
        parts = _waiting.pop(self, None) if _waiting else None
        if parts:
            self.write(parts[0] if len(parts) == 1 else b"".join(parts))

    def send(self, payload: bytes, binary: bool) -> None:
        """Send one message; nothing happens when the connection is closing or gone."""
        if self.state == _OPEN:
            first, size = BINARY if binary else TEXT, len(payload)
            head = (bytes((first, size)) if size < 126 else _pack_short(first, 126, size) if size < 65_536
                    else _pack_long(first, 127, size))
            if _waiting is None and not self.congested:
                self.transport.write(head + payload)
            else:
                self.sendData(head + payload)

    def _take_whole_frames(self, data: bytes) -> bytes:
        """Hand over the messages that ``data`` begins with; return the rest, which is for autobahn."""
        at, size, max_size, take = 0, len(data), self.maxFramePayloadSize, self._take
        while self.state == _OPEN and not (self.failedByMe or self.held):
            first, begin, end = _usual(data, at, max_size)
            if end > size and end - begin <= MAX_TAIL:
                self.data = data[at:]
                return b""
            if not end or end > size:
                break
            take(first, unmask(bytes(data[begin - 4:begin]), data[begin:end]))
            at = end
        return data[at:]

    def _take(self, first: int, payload: bytes) -> None:
        if self.pinged:
            self.alive()
        if first == TEXT:
            try:
                payload.decode()
            except UnicodeDecodeError:
                self._invalid_payload("")
                return
        if self.session is not None:
            self.session.received(payload, first == BINARY)


def _usual(data: bytes, at: int, max_size: int) -> tuple[int, int, int]:
    """Return the first byte of the frame that begins at ``at``, and where its payload begins and ends; zeros unless it
    is a usual one."""
    if len(data) - at >= 8:
        first, second, size, _ = _unpack(data, at)
        if first in _MESSAGES:
            if second == 0xFE:
                if 126 <= size <= max_size:
                    return first, at + 8, at + 8 + size
            elif 0x80 <= second < 0xFE:
                return first, at + 6, at + second - 0x7A
    return 0, 0, 0


def unmask_slowly(mask: bytes, masked: bytes) -> bytes:
    """Return the payload that was sent under a mask of 4 bytes. [RFC 6455, 5.3]"""
    return bytes(create_xor_masker(mask, len(masked)).process(bytes(masked)))


try:
    from _nvx_xormasker import ffi, lib
except ImportError:  # autobahn was built without it
    unmask = unmask_slowly
else:
    _new, _process, _free = lib.nvx_xormask_new, lib.nvx_xormask_process, lib.nvx_xormask_free
    _address = ffi.from_buffer

    def unmask(mask: bytes, masked: bytes) -> Any:  # a bytearray, which is as good as bytes to all who get it
        """Return the same by autobahn's own code in C, called without the object around it."""
        payload = masked if isinstance(masked, bytearray) else bytearray(masked)
        masker = _new(mask)
        _process(masker, _address(payload), len(payload))
        _free(masker)
        return payload
