"""Two people at a relay that speaks TLS, as a program of its own: ``python tls_pair.py PORT [--classical]``.

It needs pyOpenSSL and nothing else, so that an installed package's Python can run it. Both meet in a room, one sends a
message to the other, and what was negotiated and received is printed as JSON; the same with ``--classical``, by clients
that know no post-quantum key agreement. A relay that cuts them off is told as {"refused": true}.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
import sys
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

SECONDS = 60
HELLO = b"a message of which the relay sees only ciphertext" * 40
_REQUEST = ("GET / HTTP/1.1\r\nHost: relay\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Protocol: whisperd.1\r\n\r\n")
_TEXT, _BINARY = 1, 2


class Person:
    """One WebSocket over TLS, which waits SECONDS for anything."""

    def __init__(self, port: int, *, classical: bool) -> None:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_alpn_protos([b"h2", b"http/1.1"])  # as a browser does
        if classical:
            context.set_tmp_ecdh(ec.SECP256R1())
        plain = socket.create_connection(("127.0.0.1", port))
        # a deadline that leaves the socket blocking, as pyOpenSSL wants it
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", SECONDS, 0))
        self.tls = SSL.Connection(context, plain)
        self.tls.set_connect_state()
        self.tls.do_handshake()
        self._read = b""
        self.tls.sendall(_REQUEST.encode())
        while b"\r\n\r\n" not in self._read:
            self._read += self.tls.recv(4096)
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head

    def send(self, kind: int, payload: bytes) -> None:
        size = len(payload)
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size)
        self.tls.sendall(bytes([0x80 | kind]) + length + bytes(4) + payload)  # a mask of zeros changes nothing

    def receive(self) -> bytes:
        """Return the payload of the next frame."""
        _, size = self._exactly(2)
        if size == 126:
            size, = struct.unpack(">H", self._exactly(2))
        return self._exactly(size)

    def join(self, room: str) -> None:
        token = base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")
        self.send(_TEXT, json.dumps({"type": "join", "room": room, "token": token}).encode())

    def hear(self, *kinds: str) -> None:
        """Wait for texts of these types, in this order."""
        heard = [json.loads(self.receive())["type"] for _ in kinds]
        assert heard == list(kinds), heard

    def _exactly(self, size: int) -> bytes:
        while len(self._read) < size:
            self._read += self.tls.recv(65_536)
        taken, self._read = self._read[:size], self._read[size:]
        return taken


def meet(port: int, *, classical: bool) -> dict[str, Any]:
    """Have two meet and one speak; return what was negotiated, and whether all came through."""
    room = base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")
    anna, ben = Person(port, classical=classical), Person(port, classical=classical)
    anna.join(room)
    anna.hear("joined")
    ben.join(room)
    ben.hear("joined", "ready")
    anna.hear("ready")
    anna.send(_BINARY, HELLO)
    certificate = ben.tls.get_peer_certificate().to_cryptography()
    return {"relayed": ben.receive() == HELLO, "group": ben.tls.get_group_name(),
            "version": ben.tls.get_protocol_version_name(), "name": certificate.subject.rfc4514_string(),
            "alpn": ben.tls.get_alpn_proto_negotiated().decode()}


def main() -> None:
    try:
        met = meet(int(sys.argv[1]), classical="--classical" in sys.argv)
    except (SSL.ZeroReturnError, SSL.SysCallError):
        met = {"refused": True}
    print(json.dumps(met))


if __name__ == "__main__":
    main()
