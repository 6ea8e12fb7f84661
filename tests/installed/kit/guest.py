"""A client of a relay that is nobody's daemon: one plain socket that speaks ``whisperd.1``."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
from typing import Any

SECONDS = 120
_REQUEST = ("GET / HTTP/1.1\r\nHost: relay\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Protocol: whisperd.1\r\n\r\n")


def random_name() -> str:
    """Return a room or a token: 32 random bytes in base64url."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")


class Guest:
    """One WebSocket, which waits SECONDS for anything. ``deaf``: its system takes in little that it does not read."""

    def __init__(self, port: int, *, deaf: bool = False) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(SECONDS)
        if deaf:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        self.socket.connect(("127.0.0.1", port))
        self.socket.sendall(_REQUEST.encode())
        self._read = b""
        while b"\r\n\r\n" not in self._read:
            self._more()
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head

    def send(self, payload: bytes, *, binary: bool = False) -> None:
        """Send one message."""
        size = len(payload)
        length = (bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size) if size < 65_536
                  else b"\xff" + struct.pack(">Q", size))
        self.socket.sendall(bytes([0x82 if binary else 0x81]) + length + bytes(4) + payload)  # a mask of zeros

    def receive(self) -> bytes:
        """Return the payload of the next frame."""
        _, size = self._exactly(2)
        if size in (126, 127):
            size = int.from_bytes(self._exactly(2 if size == 126 else 8), "big")
        return self._exactly(size)

    def hear(self) -> dict[str, Any]:
        """Return the next control frame."""
        heard: dict[str, Any] = json.loads(self.receive())
        return heard

    def join(self, room: str, token: str = "") -> dict[str, Any]:
        """Ask for a seat, and return the answer: ``joined`` or ``error``."""
        self.send(json.dumps({"type": "join", "room": room, "token": token or random_name()}).encode())
        return self.hear()

    def close(self) -> None:
        """Go without a word."""
        self.socket.close()

    def _exactly(self, size: int) -> bytes:
        while len(self._read) < size:
            self._more()
        taken, self._read = self._read[:size], self._read[size:]
        return taken

    def _more(self) -> None:
        got = self.socket.recv(65_536)
        assert got, "the relay has closed the connection"
        self._read += got
