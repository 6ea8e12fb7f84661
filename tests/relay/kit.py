"""A relay on real sockets with an injected clock, and clients that write down what they see."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString, wrapClientTLS
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from zope.interface import implementer

from whisperd.config import RelaySection, load
from whisperd.relay.limits import Bounds
from whisperd.relay.limits_from_config import ConfiguredBounds
from whisperd.relay.service import RelayService

ROOM, ANNA, BEN, CARL = ("A" * 43, "E" * 43, "I" * 43, "M" * 43)
TCP = "tcp:0:interface=127.0.0.1"


def settings(*listen: str, **changes: Any) -> RelaySection:
    """Return the defaults of ``[relay]`` with room for 20 connections and 10 rooms, and ``changes``."""
    return msgspec.structs.replace(load().relay, **{"listen": listen or (TCP,), "max_connections": 20,
                                                    "max_rooms": 10, **changes})


def bounds(**changes: int) -> Bounds:
    """Return bounds for 9 connections and rooms of 600 seconds, no rates and no shares, with ``changes``."""
    wide = dict.fromkeys(ConfiguredBounds.__struct_fields__, 0)
    return ConfiguredBounds(**{
        **wide, "max_connections": 9, "max_rooms": 9, "max_frame": 1_024, "max_unsent": 1_048_576,
        "max_unsent_total": 67_108_864, "room_expiry": 600,
        "handshake_timeout": 30, "join_timeout": 60, "burst": 5, "listener_share": 100, **changes}).spread()


class Failures:
    """Collects every failure and every critical event that reaches Twisted's log."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def __call__(self, event: dict[str, Any]) -> None:
        if "log_failure" in event or event["log_level"].name in ("error", "critical"):
            self.seen.append(event)

    def __enter__(self) -> Failures:
        globalLogPublisher.addObserver(self)
        return self

    def __exit__(self, *_: object) -> None:
        globalLogPublisher.removeObserver(self)


@implementer(IOpenSSLClientConnectionCreator)
class Tls:
    """What a TLS client offers: any certificate will do; ``classical``: P-256 only for the key agreement."""

    def __init__(self, *, classical: bool = False, version: int = SSL.TLS1_3_VERSION) -> None:
        self.context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        self.context.set_max_proto_version(version)
        self.context.set_alpn_protos([b"http/1.1"])
        if classical:
            self.context.set_tmp_ecdh(ec.SECP256R1())

    def clientConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        return SSL.Connection(self.context, None)


def reach(reactor: Any, place: str, tls: Tls | None = None) -> Any:
    """Return the endpoint of ``tcp:...``, ``unix:...`` or ``tls:tcp:...``."""
    if not place.startswith("tls:"):
        return clientFromString(reactor, place)
    return wrapClientTLS(tls or Tls(), clientFromString(reactor, place.removeprefix("tls:")))


class Queue:
    """Items that come in, to be awaited one by one."""

    def __init__(self) -> None:
        self._items: list[Any] = []
        self._waiting: list[Deferred[Any]] = []

    def put(self, item: Any) -> None:
        if self._waiting:
            self._waiting.pop(0).callback(item)
        else:
            self._items.append(item)

    async def get(self, reactor: Any) -> Any:
        if self._items:
            return self._items.pop(0)
        waiting: Deferred[Any] = Deferred()
        self._waiting.append(waiting)
        return await waiting.addTimeout(60, reactor)

    def empty(self) -> bool:
        return not self._items


class Client(WebSocketClientProtocol):
    """A WebSocket client; texts that are read as JSON, binary messages as they are, the end as ("closed", code)."""

    def __init__(self) -> None:
        super().__init__()
        self.inbox = Queue()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.inbox.put((payload, isBinary))

    def onClose(self, wasClean: bool, code: int, reason: str) -> None:
        self.inbox.put(("closed", code))

    async def raw(self) -> Any:
        return await self.inbox.get(self.factory.reactor)

    async def next(self) -> Any:
        payload, binary = await self.raw()
        return payload if binary is True else ("closed", binary) if payload == "closed" else json.loads(payload)

    async def types(self, count: int) -> list[str]:
        """Return the types (of errors: the codes) of the next ``count`` texts."""
        found = [await self.next() for _ in range(count)]
        return [frame.get("code") or frame["type"] for frame in found]

    def say(self, **frame: object) -> None:
        self.sendMessage(json.dumps(frame).encode())

    def join(self, token: str, room: str = ROOM) -> None:
        self.say(type="join", room=room, token=token)


class RawClient(Protocol):
    """A socket that collects bytes until the other side closes."""

    def connectionMade(self) -> None:
        self.received = b""
        self.closed: Deferred[bytes] = Deferred()
        self._wanted: tuple[bytes, Deferred[None]] | None = None

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        if self._wanted is not None and self._wanted[0] in self.received:
            self._wanted[1].callback(None)
            self._wanted = None

    async def until(self, part: bytes, reactor: Any) -> None:
        """Wait until ``part`` has come in."""
        if part not in self.received:
            self._wanted = (part, Deferred())
            await self._wanted[1].addTimeout(60, reactor)

    def connectionLost(self, reason: Any = None) -> None:
        self.closed.callback(self.received)


HANDSHAKE = (b"GET /any/path HTTP/1.1\r\nHost: relay\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n")
OURS = HANDSHAKE + b"Sec-WebSocket-Protocol: whisperd.1\r\n\r\n"


def frame(opcode: int, payload: bytes = b"", *, first: int = 0x80, masked: bool = True) -> bytes:
    """Return one WebSocket frame of at most 65,535 bytes; ``first`` holds its FIN and reserved bits."""
    size = len(payload)
    length = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
    if not masked:
        return bytes([first | opcode]) + length + payload
    mask = b"\x01\x02\x03\x04"
    hidden = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return bytes([first | opcode, length[0] | 0x80]) + length[1:] + mask + hidden


class RelayWorld:
    """One relay service, its clock, and ways to reach it."""

    def __init__(self, reactor: Any, *listen: str, tls: Tls | None = None, **changes: Any) -> None:
        self.reactor = reactor
        self.tls = tls
        self.clock = Clock()
        self.settings = settings(*listen, **changes)
        self.onion_url: str | None = None
        self.service = RelayService(self.settings, reactor=reactor, clock=self.clock, onion_url=lambda: self.onion_url)
        self.clients: list[Any] = []

    def reload(self, **changes: Any) -> None:
        """Put settings with these changes into force."""
        self.settings = msgspec.structs.replace(self.settings, **changes)
        self.service.reload(self.settings)

    async def up(self) -> RelayWorld:
        await self.service.listen()
        return self

    async def down(self) -> None:
        for client in self.clients:
            if client.transport is not None and client.transport.connected:
                client.transport.abortConnection()
        await self.service.stop()
        gone = [client.is_closed for client in self.clients if isinstance(client, Client)]
        for each in gone:
            await each

    @property
    def place(self) -> str:
        """Return the first listener as a client endpoint string."""
        return self.service.addresses[0]

    async def connect(self, *protocols: str, place: str | None = None) -> Client:
        """Return an open WebSocket client that has asked for ``protocols``."""
        factory = WebSocketClientFactory("ws://relay/any/path", protocols=list(protocols), reactor=self.reactor)
        factory.protocol = Client
        factory.noisy = False
        factory.setProtocolOptions(closeHandshakeTimeout=30, serverConnectionDropTimeout=30)  # on a busy machine too
        client = await reach(self.reactor, place or self.place, self.tls).connect(factory)
        self.clients.append(client)
        await client.is_open.addTimeout(60, self.reactor)
        return client

    async def peer(self, token: str, room: str = ROOM, place: str | None = None) -> Client:
        """Return a whisperd.1 client that has sent its join."""
        client = await self.connect("whisperd.1", place=place)
        client.join(token, room)
        return client

    async def pair(self) -> tuple[Client, Client]:
        """Return two whisperd.1 clients that sit in ROOM and have read everything so far."""
        anna = await self.peer(ANNA)
        assert await anna.types(1) == ["joined"]
        ben = await self.peer(BEN)
        assert await ben.types(2) == ["joined", "ready"]
        assert await anna.types(1) == ["ready"]
        return anna, ben

    async def socket(self, data: bytes = b"", place: str | None = None) -> RawClient:
        """Return a raw connection that has sent ``data``."""
        factory = Factory.forProtocol(RawClient)
        factory.noisy = False
        client = await reach(self.reactor, place or self.place, self.tls).connect(factory)
        self.clients.append(client)
        client.transport.write(data)
        return client

    async def raw_websocket(self, data: bytes = b"") -> RawClient:
        """Return a raw connection that has done the handshake of whisperd.1 and has sent ``data`` right behind it."""
        client = await self.socket(OURS + data)
        await client.until(b"\r\n\r\n", self.reactor)
        client.received = client.received.partition(b"\r\n\r\n")[2]
        return client

    async def http(self, request: str, place: str | None = None) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of the answer to ``request`` (its first line)."""
        client = await self.socket(f"{request}\r\nHost: relay\r\n\r\n".encode(), place)
        head, _, body = (await client.closed.addTimeout(60, self.reactor)).partition(b"\r\n\r\n")
        status, *fields = head.decode().split("\r\n")
        return int(status.split()[1]), dict(field.split(": ", 1) for field in fields), body
