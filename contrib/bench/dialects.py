"""Two clients in one room, in each of the protocols that the compared relays speak."""

from __future__ import annotations

import base64
import json
import os
import struct
from collections.abc import Callable

from contrib.bench.websocket_client import BINARY, TEXT, Bare, Client, frame


def name() -> str:
    """Return 32 random bytes as 43 characters of base64url."""
    return base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()


class Pair:
    """Two seated clients; ``message(sender, size)`` is a frame that ``sender`` (0 or 1) may send to the other."""

    def __init__(self, port: int) -> None:
        self.clients = self.meet(port)

    def meet(self, port: int) -> tuple[Bare, Bare]:
        raise NotImplementedError

    def message(self, sender: int, size: int) -> bytes:
        raise NotImplementedError

    def carry(self, sender: int, message: bytes) -> None:
        """Send a message and wait until the other has got it."""
        self.clients[sender].send(message)
        self.clients[1 - sender].receive()

    def close(self) -> None:
        for client in self.clients:
            client.close()


class Whisperd(Pair):
    """The dialect ``whisperd.1``: opaque binary messages."""

    def meet(self, port: int) -> tuple[Client, Client]:
        self.room, clients = name(), (Client(port), Client(port))
        for client in clients:
            client.say(type="join", room=self.room, token=name())
        for client in clients:
            client.wait_for("ready")
        return clients

    def message(self, sender: int, size: int) -> bytes:
        return frame(os.urandom(size), BINARY)


class Whisper(Pair):
    """WH15P3R's dialect: candidates as JSON."""

    def meet(self, port: int) -> tuple[Client, Client]:
        self.room, clients = name()[:8], (Client(port, None), Client(port, None))
        for client in clients:
            client.say(type="join", sessionCode=self.room, isInitiator=client is clients[0])
        for client in clients:
            client.wait_for("ready")
        return clients

    def message(self, sender: int, size: int) -> bytes:
        fields = {"type": "ice-candidate", "sessionCode": self.room, "candidate": {"candidate": "", "sdpMid": "0"}}
        return frame(_fill(fields, fields["candidate"], "candidate", size), TEXT)


class PeerJs(Pair):
    """peerjs-server's protocol: candidates as JSON to a named client."""

    def meet(self, port: int) -> tuple[Client, Client]:
        self.names = (name(), name())
        clients = tuple(Client(port, None, f"/peerjs?key=peerjs&id={each}&token={name()}") for each in self.names)
        for client in clients:
            client.wait_for("OPEN")
        return clients

    def message(self, sender: int, size: int) -> bytes:
        fields = {"type": "CANDIDATE", "dst": self.names[1 - sender], "payload": {"candidate": ""}}
        return frame(_fill(fields, fields["payload"], "candidate", size), TEXT)


class Piped(Pair):
    """No protocol at all: what one writes is what the other reads, a frame without a mask."""

    def meet(self, port: int) -> tuple[Bare, Bare]:
        return Bare(port), Bare(port)

    def message(self, sender: int, size: int) -> bytes:
        return struct.pack("!BBH", BINARY, 126, size) + os.urandom(size)


#: Makes a seated pair at a port.
Meeting = Callable[[int], Pair]


def _fill(fields: dict, inner: dict, key: str, size: int) -> bytes:
    """Return ``fields`` as JSON of ``size`` bytes: ``inner[key]`` is made as long as that takes."""
    inner[key] = "x" * (size - len(json.dumps(fields)))
    return json.dumps(fields).encode()
