"""A blocking WebSocket client, as little of RFC 6455 as a load generator needs: masked frames out, whole frames in."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct

_TEXT, _BINARY = 0x81, 0x82


def frame(payload: bytes, first: int = _BINARY) -> bytes:
    """Return ``payload`` (at most 65535 bytes) as one masked frame."""
    mask = os.urandom(4)
    stream = mask * (len(payload) // 4 + 1)
    masked = bytes(byte ^ key for byte, key in zip(payload, stream, strict=False))
    if len(payload) < 126:
        return struct.pack("!BB", first, 0x80 | len(payload)) + mask + masked
    return struct.pack("!BBH", first, 0x80 | 126, len(payload)) + mask + masked


class Client:
    """One seat in one room of a relay that speaks ``whisperd.1``."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self._socket.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: whisperd.1\r\n\r\n".encode()
        )
        if b" 101 " not in self._stream.readline():
            raise RuntimeError("the relay did not upgrade the connection")
        while self._stream.readline() != b"\r\n":
            pass

    def join(self, room: str) -> None:
        """Ask for a seat."""
        token = base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
        self._socket.sendall(frame(json.dumps({"type": "join", "room": room, "token": token}).encode(), _TEXT))

    def leave(self) -> None:
        """Give the seat up."""
        self._socket.sendall(frame(b'{"type":"leave"}', _TEXT))

    def wait_ready(self) -> None:
        """Read until the relay says that both seats are taken."""
        while json.loads(self.receive())["type"] != "ready":
            pass

    def send(self, frames: bytes) -> None:
        """Send bytes that are frames already."""
        self._socket.sendall(frames)

    def receive(self) -> bytes:
        """Return the payload of the next frame."""
        _, length = self._stream.read(2)
        if length == 126:
            (length,) = struct.unpack("!H", self._stream.read(2))
        return self._stream.read(length)

    def close(self) -> None:
        """Drop the connection."""
        self._stream.close()
        self._socket.close()


def pair(port: int) -> tuple[Client, Client]:
    """Return two clients who sit in a fresh room."""
    room = base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
    clients = (Client(port), Client(port))
    for client in clients:
        client.join(room)
    for client in clients:
        client.wait_ready()
    return clients
