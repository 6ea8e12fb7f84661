"""A blocking WebSocket client, as little of RFC 6455 as a load generator needs: masked frames out, whole frames in."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct

TEXT, BINARY, PING, PONG = 0x81, 0x82, 0x89, 0x8A
TIMEOUT = 20.0


def frame(payload: bytes, first: int = BINARY) -> bytes:
    """Return ``payload`` (at most 65535 bytes) as one masked frame."""
    size = len(payload)
    mask = os.urandom(4)
    stream = int.from_bytes((mask * (size // 4 + 1))[:size])
    masked = (int.from_bytes(payload) ^ stream).to_bytes(size)
    if size < 126:
        return struct.pack("!BB", first, 0x80 | size) + mask + masked
    return struct.pack("!BBH", first, 0x80 | 126, size) + mask + masked


class Bare:
    """One connection without a handshake; frames come in as the other side has put them."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self.socket.makefile("rb")

    def send(self, frames: bytes) -> None:
        """Send bytes that are frames already."""
        self.socket.sendall(frames)

    def receive(self) -> bytes:
        """Return the payload of the next frame."""
        _, length = self._stream.read(2)
        if length == 126:
            (length,) = struct.unpack("!H", self._stream.read(2))
        return self._stream.read(length)

    def close(self) -> None:
        """Drop the connection."""
        self._stream.close()
        self.socket.close()


class Client(Bare):
    """One WebSocket; ``protocol`` is the subprotocol that it asks for, None for none."""

    def __init__(self, port: int, protocol: str | None = "whisperd.1", path: str = "/") -> None:
        super().__init__(port)
        key = base64.b64encode(os.urandom(16)).decode()
        wanted = f"Sec-WebSocket-Protocol: {protocol}\r\n" if protocol else ""
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{wanted}\r\n".encode()
        )
        if b" 101 " not in self._stream.readline():
            raise RuntimeError("the relay did not upgrade the connection")
        while self._stream.readline() != b"\r\n":
            pass

    def say(self, **fields: object) -> None:
        """Send one JSON text frame."""
        self.socket.sendall(frame(json.dumps(fields).encode(), TEXT))

    def leave(self) -> None:
        """Give the seat up."""
        self.say(type="leave")

    def wait_for(self, kind: str) -> None:
        """Read until the relay sends a JSON object of this type."""
        while json.loads(self.receive())["type"] != kind:
            pass

    def answer_pings(self) -> None:
        """Answer the pings that have come in; whatever else has come in is lost."""
        self.socket.setblocking(False)
        try:
            while (data := self.socket.recv(65_536)) and data[0] == PING:
                self.socket.sendall(frame(data[2:2 + data[1]], PONG))
        except BlockingIOError:
            pass
        finally:
            self.socket.settimeout(TIMEOUT)
