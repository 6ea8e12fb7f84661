"""HTTP as far as the relay speaks it: one request head in, one answer or a WebSocket upgrade out; no socket.

A head is at most 8,192 bytes; request bodies are never read, and the connection is closed after each answer. Any path
upgrades. ``GET /health`` tells whether the relay works, ``GET /`` what it is; nothing else is there.

Any ``Origin`` may connect, in both dialects. A page of the WH15P3R client may come from anywhere (also from a file),
and there is nothing that the check would protect: the relay knows no cookies and no logins, and who lacks a room's
name gets nothing out of it, whatever page they are on. [whisperd-protocol(7), RELAY HTTP; RFC 6455, 4.2]
"""

from __future__ import annotations

import binascii
import hashlib
import json
import re
from collections.abc import Collection, Mapping

from msgspec import Struct

from whisperd.wire.frames import SUBPROTOCOL, RelayError, encode_server
from whisperd.wire.hidden import hidden

MAX_HEAD = 8_192
#: What the relay calls itself; no version, so that nobody can sort relays by their holes.
SERVER = "whisperd"
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

_SWITCHES = {
    name: (f"HTTP/1.1 101 Switching Protocols\r\nServer: {SERVER}\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
           f"{more}Sec-WebSocket-Accept: ").encode()
    for name, more in ((None, ""), (SUBPROTOCOL, f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n"))
}
_REASONS = {
    200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
    426: "Upgrade Required", 431: "Request Header Fields Too Large", 503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}
_REQUEST_LINE = r"([A-Z]{1,16}) ([!-~]+) HTTP/([0-9])\.([0-9])"
_HEAD = re.compile(_REQUEST_LINE + r"((?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\x00-\x08\x0a-\x1f\x7f]*)*)\Z")
_BEGINNING = re.compile(_REQUEST_LINE + r"(?:\r\n|\Z)")
_ABSOLUTE = re.compile(r"(?i:https?)://[^/?]+")
_LENGTH = re.compile(r"[0-9]{1,20}\Z")
_ALONE = frozenset({"host", "sec-websocket-key", "sec-websocket-version", "content-length", "origin"})


class HttpRefused(Exception):
    """A request that gets no more than a status; ``headers`` go with it."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.headers = headers or {}


class Head(Struct, frozen=True):
    """A request's head: the path without its query, header names in lower case, and what came behind the head."""

    method: str
    path: str
    version: tuple[int, int]
    headers: Mapping[str, str]
    rest: bytes

    __repr__ = hidden


class Upgrade(Struct, frozen=True):
    """A valid request for a WebSocket: its Sec-WebSocket-Key and the subprotocol to speak (None: WH15P3R's)."""

    key: str
    subprotocol: str | None

    __repr__ = hidden


def read_head(data: bytes) -> Head | None:
    """Return the request head that ``data`` begins with, None when its end has not come yet; raises HttpRefused."""
    if data.startswith(b"\r\n"):  # an empty line before a request is forgiven [RFC 9112, 2.2]
        data = data[2:]
    if data and data != b"\r" and not data[:1].isalpha():
        raise HttpRefused(400, "this is not HTTP")
    end = data.find(b"\r\n\r\n", 0, MAX_HEAD)
    if end < 0:
        if len(data) >= MAX_HEAD:
            raise HttpRefused(431, "the request head is too large")
        return None
    text = data[:end].decode("latin-1")
    request = _HEAD.match(text)
    if request is None:
        raise HttpRefused(400, "a header field is malformed" if _BEGINNING.match(text) else
                          "the request line is malformed")
    method, path, major, minor, fields = request.groups()
    version = int(major), int(minor)
    if version not in ((1, 0), (1, 1)):
        raise HttpRefused(505, "only HTTP/1.0 and HTTP/1.1 are spoken here")
    headers = _read_fields(fields)
    if version == (1, 1) and "host" not in headers:
        raise HttpRefused(400, "the request has no Host field")
    return Head(method, _path(path), version, headers, data[end + 4:])


def _path(target: str) -> str:
    """Return the path of a request target in origin-form or absolute-form. [RFC 9112, 3.2]"""
    absolute = _ABSOLUTE.match(target)
    return target[absolute.end():].partition("?")[0] or "/" if absolute else target.partition("?")[0]


def upgrade(head: Head) -> Upgrade | None:
    """Return what a client that asks for a WebSocket wants, None for plain HTTP; raises HttpRefused."""
    if not _says(head, "upgrade", "websocket"):
        return None
    if head.method != "GET" or head.version != (1, 1) or not _says(head, "connection", "upgrade"):
        raise HttpRefused(400, "the WebSocket handshake is malformed")
    if head.headers.get("sec-websocket-version") != "13":
        raise HttpRefused(426, "only WebSocket version 13 is spoken here",
                          {"Upgrade": "websocket", "Sec-WebSocket-Version": "13"})
    key = head.headers.get("sec-websocket-key", "")
    if not _is_key(key):
        raise HttpRefused(400, "the Sec-WebSocket-Key is malformed")
    offered = head.headers.get("sec-websocket-protocol")
    if offered is None:
        return Upgrade(key, None)
    if SUBPROTOCOL not in (word.strip() for word in offered.split(",")):
        raise HttpRefused(400, f"the only WebSocket subprotocol here is {SUBPROTOCOL}")
    return Upgrade(key, SUBPROTOCOL)


def switch(wanted: Upgrade) -> bytes:
    """Return the answer that opens the WebSocket. [RFC 6455, 4.2.2]"""
    accept = hashlib.sha1(wanted.key.encode() + _MAGIC, usedforsecurity=False).digest()
    return _SWITCHES[wanted.subprotocol] + binascii.b2a_base64(accept, newline=False) + b"\r\n\r\n"


def answer(head: Head, health: Mapping[str, object], status: int = 200) -> bytes:
    """Return the whole answer to a plain request; ``health`` is what ``/health`` says, with ``status``."""
    bare = head.method == "HEAD"
    if head.path not in ("/", "/health"):
        return respond(404, "there is nothing here\n", bare=bare)
    if head.method not in ("GET", "HEAD"):
        return respond(405, "only GET and HEAD are answered here\n", {"Allow": "GET, HEAD"})
    if head.path == "/":
        return respond(200, "This is a whisperd relay. It passes on, and it keeps nothing.\n", bare=bare)
    return respond(status, json.dumps(health, separators=(",", ":")), kind="application/json", bare=bare)


def refusal(error: HttpRefused) -> bytes:
    """Return the whole answer to a request that was refused."""
    return respond(error.status, f"{error}\n", error.headers)


def denial(status: int, code: str, retry_after: int | None = None) -> bytes:
    """Return the whole answer to a client that is turned away; its body is the error as a WebSocket would say it."""
    error = RelayError.of(code, retry_after)
    return respond(status, encode_server(error).decode(), {"Retry-After": str(error.retry_after)},
                   kind="application/json")


def secured(response: bytes) -> bytes:
    """Return an answer as a listener with TLS gives it: browsers shall come back by TLS only, for a year."""
    return _extended(response, "Strict-Transport-Security: max-age=31536000\r\n")


def located(response: bytes, onion: str | None) -> bytes:
    """Return an answer that tells a browser where the same is found as an onion service. [Tor Browser]"""
    return _extended(response, f"Onion-Location: {onion}/\r\n") if onion else response


def shared(response: bytes, head: Head, origins: Collection[str]) -> bytes:
    """Return an answer that pages of these origins (``*``: of all) may read. [Fetch, CORS protocol]"""
    if not origins:
        return response
    origin = "*" if "*" in origins else head.headers.get("origin", "")
    allowed = f"Access-Control-Allow-Origin: {origin}\r\n" if origin in origins else ""
    return _extended(response, allowed + "Vary: Origin\r\n")


def _extended(response: bytes, fields: str) -> bytes:
    head, separator, body = response.partition(b"\r\n\r\n")
    return head + b"\r\n" + fields.encode().rstrip() + separator + body


def respond(status: int, body: str, headers: Mapping[str, str] | None = None, *, kind: str = "text/plain",
            bare: bool = False) -> bytes:
    """Return an HTTP answer; ``bare`` leaves the body out, as HEAD wants it, and keeps its length."""
    content = body.encode()
    fields = {
        "Server": SERVER,
        "Content-Type": f"{kind}; charset=utf-8",
        "Content-Length": str(len(content)),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        "Referrer-Policy": "no-referrer",
        "Connection": "close",
        **(headers or {}),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} {_REASONS[status]}\r\n{head}\r\n".encode() + (b"" if bare else content)


def _read_fields(text: str) -> dict[str, str]:
    """Return the fields of a head that is in order, each behind CR and LF."""
    fields: dict[str, str] = {}
    for line in text.split("\r\n")[1:]:
        name, _, value = line.partition(":")
        name, value = name.lower(), value.strip(" \t")
        if name not in fields:
            fields[name] = value
        elif name in _ALONE:
            raise HttpRefused(400, "a header field that has to stand alone stands twice")
        else:
            fields[name] = f"{fields[name]}, {value}"
    if not _LENGTH.match(fields.get("content-length", "0")) or \
            fields.get("transfer-encoding", "chunked").lower() != "chunked":
        raise HttpRefused(400, "the request does not say where its body ends")
    return fields


def _says(head: Head, name: str, word: str) -> bool:
    """Return whether a field's list of words, in upper or lower case, has this one."""
    value = head.headers.get(name, "").lower()
    return value == word or word in [each.strip() for each in value.split(",")]


def _is_key(key: str) -> bool:
    try:
        return len(key) == 24 and len(binascii.a2b_base64(key.encode(), strict_mode=True)) == 16
    except (binascii.Error, UnicodeEncodeError):
        return False
