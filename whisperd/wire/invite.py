"""Invite links: a link <-> a typed invite. [whisperd-protocol(7), INVITE]

``http://HOST[:PORT]/#`` and, behind it, base64url without padding: version (1), floor (1), expiry (4, unix seconds),
secret (32), in version 2 the further relays, and check (4). With one relay that is version 1: 42 bytes, 56 characters.
The check covers the host too, so that one mistyped character anywhere is noticed before a connection is made.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from whisperd.errors import InviteExpired, InviteMalformed, InviteTruncated, InviteVersionUnknown

#: Of a link that names one relay, and of one that names several.
VERSION, MULTIPATH_VERSION = 1, 2
#: Most relays of one invite: its QR code still fits into a terminal of 80 columns.
MAX_RELAYS = 4
SECRET_SIZE = 32
#: Seconds that two clocks may differ before an invite counts as expired.
CLOCK_SKEW = 120

_HEAD = struct.Struct(">BBI32s")
_CHECK_SIZE = 4
#: The first byte of a further relay says of what kind it is -> how many bytes its host has.
_ONION, _IPV4, _IPV6, _LOCALHOST = range(1, 5)
_HOST_SIZES = {_ONION: 35, _IPV4: 4, _IPV6: 0, _LOCALHOST: 0}
_ONION_SUFFIX = ".onion"
_CHECK_DOMAIN = b"whisperd/1 invite check"
_SCHEME = "http://"
_ALPHABET = re.compile(r"[A-Za-z0-9_-]*\Z")
#: What is no part of a link: space, and what cannot be seen; brackets, quotes and punctuation around it; and a query in
#: front of the '#' or behind it, such as ``?fbclid=…``.
_SPACE = re.compile(r"[\s\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff]+")
_QUOTES = r"<>()\[\]{}\"'`*\u00ab\u00bb\u2018-\u201f\u2039\u203a"
_WRAPPING = re.compile(rf"\A[{_QUOTES}]+|[{_QUOTES}.,;:!?\u2026]+\Z")
_ADDED_BEFORE = re.compile(r"(\A[^#?]*/)\?[^#]*(?=#)")
_ADDED_BEHIND = re.compile(r"(?<=#)([A-Za-z0-9_-]+)[?&].*\Z", re.DOTALL)
_HOST = re.compile(
    r"(?P<host>[a-z2-7]{56}\.onion|localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::(?P<port>[0-9]{1,5}))?\Z")


@dataclass(frozen=True)
class RelayAddress:
    """Where a relay is: a v3 onion name, or a loopback address of this machine; ``port`` is 80 unless named."""

    host: str
    port: int = 80

    def __str__(self) -> str:
        """Return ``HOST[:PORT]`` as a link names it."""
        return self.host if self.port == 80 else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{_SCHEME}{self}"

    @property
    def dialled(self) -> str:
        """The host without the brackets that IPv6 wears in a URL."""
        return self.host.strip("[]")

    def pack(self) -> bytes:
        """Return the bytes of a further relay: kind (1), host (35, 4 or none), port (2)."""
        if self.host.endswith(_ONION_SUFFIX):
            kind, host = _ONION, base64.b32decode(self.host.removesuffix(_ONION_SUFFIX).upper())
        elif self.host[0].isdigit():
            kind, host = _IPV4, bytes(map(int, self.host.split(".")))
        else:
            kind, host = (_IPV6 if self.host.startswith("[") else _LOCALHOST), b""
        return bytes([kind]) + host + self.port.to_bytes(2)

    @classmethod
    def unpack(cls, kind: int, packed: bytes) -> RelayAddress:
        """Return the address of a further relay; raises InviteMalformed."""
        host, port = packed[:-2], int.from_bytes(packed[-2:])
        if kind == _ONION:
            return cls.parse(f"{base64.b32encode(host).decode()}{_ONION_SUFFIX}:{port}")
        return cls.parse(f"{str(IPv4Address(host)) if kind == _IPV4 else _BARE[kind]}:{port}")

    @classmethod
    def parse(cls, authority: str) -> RelayAddress:
        """Return the address that ``HOST[:PORT]`` names; raises InviteMalformed for any other kind of host."""
        match = _HOST.match(authority.lower())
        port = int(match["port"] or 80) if match else 0
        if match is None or not 0 < port < 65_536 or (match["host"][0].isdigit() and not _is_ipv4(match["host"])):
            raise InviteMalformed("the invite names neither an onion address nor this machine")
        return cls(match["host"], port)


_BARE = {_IPV6: "[::1]", _LOCALHOST: "localhost"}


@dataclass(frozen=True)
class Invite:
    """What a link says. ``floor`` is the lowest Level accepted, ``expires`` unix seconds, ``secret`` 32 bytes.

    ``others`` are further relays, at most three, in the order in which they are to be tried."""

    relay: RelayAddress
    floor: int
    expires: int
    secret: bytes = field(repr=False)
    others: tuple[RelayAddress, ...] = ()

    @property
    def relays(self) -> tuple[RelayAddress, ...]:
        """All relays, the first one first."""
        return self.relay, *self.others

    def link(self) -> str:
        """Return the link: at most 200 characters for one relay, and 51 for each further one."""
        head = _HEAD.pack(MULTIPATH_VERSION if self.others else VERSION, self.floor, self.expires, self.secret)
        if self.others:
            head += bytes([len(self.others)]) + b"".join(relay.pack() for relay in self.others)
        return f"{self.relay.url}/#{_encode(head + _check(str(self.relay), head))}"


def cleaned(pasted: str) -> str:
    """Return the link in what somebody has pasted: without brackets and quotes around it, punctuation behind it, line
    breaks and other space in it, and what web sites add to links."""
    link = _WRAPPING.sub("", _SPACE.sub("", pasted))
    return _ADDED_BEHIND.sub(r"\1", _ADDED_BEFORE.sub(r"\1", link))


def parse(link: str, now: float) -> Invite:
    """Return what ``link`` says, as it was pasted; ``now`` is unix seconds.

    Raises InviteMalformed, InviteTruncated, InviteVersionUnknown or InviteExpired.
    """
    authority, fragment = _split(cleaned(link))
    payload = _payload(fragment)
    relay, others = RelayAddress.parse(authority), _others(payload, fragment)
    if authority.lower() != str(relay):
        raise InviteMalformed("the invite names its port in a way that browsers change; a link for port 80 names none")
    _, floor, expires, secret = _HEAD.unpack_from(payload)
    if not hmac.compare_digest(payload[-_CHECK_SIZE:], _check(authority.lower(), payload[:-_CHECK_SIZE])):
        raise InviteMalformed("a character of the invite link is wrong")
    if not 1 <= floor <= 3:
        raise InviteMalformed("the invite requires a security level that does not exist")
    if len({relay, *others}) != 1 + len(others):
        raise InviteMalformed("the invite names the same relay twice")
    if now > expires + CLOCK_SKEW:
        raise InviteExpired
    return Invite(relay, floor, expires, secret, others)


def _split(link: str) -> tuple[str, str]:
    if link[:len(_SCHEME)].lower() != _SCHEME:
        raise InviteMalformed
    address, _, fragment = link[len(_SCHEME):].partition("#")
    if not fragment:
        raise InviteTruncated
    if not _ALPHABET.match(fragment) or not address.endswith("/"):
        raise InviteMalformed
    return address[:-1], fragment


def _payload(fragment: str) -> bytes:
    """Return the bytes behind the '#', with the version checked before the length."""
    whole = fragment[:len(fragment) - (len(fragment) % 4 == 1)]
    payload = base64.urlsafe_b64decode(whole + "=" * (-len(whole) % 4))
    if payload and payload[0] not in (VERSION, MULTIPATH_VERSION):
        raise InviteVersionUnknown
    if len(payload) < _HEAD.size + _CHECK_SIZE:
        raise InviteTruncated
    return payload


def _others(payload: bytes, fragment: str) -> tuple[RelayAddress, ...]:
    """Return the further relays of a payload, which has to end behind its check and to be spelled as it should."""
    relays: list[RelayAddress] = []
    place = _HEAD.size
    if payload[0] == MULTIPATH_VERSION:
        count, place = payload[place], place + 1
        if not 1 <= count < MAX_RELAYS:
            raise InviteMalformed(f"the invite names {1 + count} relays, but its version is for 2 to {MAX_RELAYS}")
        for _ in range(count):
            relay, place = _relay_at(payload, place)
            relays.append(relay)
    if len(payload) < place + _CHECK_SIZE:
        raise InviteTruncated
    if len(payload) > place + _CHECK_SIZE or _encode(payload) != fragment:
        raise InviteMalformed("there are wrong characters at the end of the invite link")
    return tuple(relays)


def _relay_at(payload: bytes, place: int) -> tuple[RelayAddress, int]:
    """Return the further relay that begins at ``place``, and where it ends."""
    kind = payload[place] if place < len(payload) else _ONION
    if kind not in _HOST_SIZES:
        raise InviteMalformed("the invite names a relay of a kind that does not exist")
    end = place + 1 + _HOST_SIZES[kind] + 2
    if end > len(payload):
        raise InviteTruncated
    return RelayAddress.unpack(kind, payload[place + 1:end]), end


def _is_ipv4(host: str) -> bool:
    try:
        return bool(IPv4Address(host))
    except ValueError:
        return host.endswith(_ONION_SUFFIX)


def _encode(payload: bytes) -> str:
    return base64.urlsafe_b64encode(payload).decode().rstrip("=")


def _check(authority: str, head: bytes) -> bytes:
    return hashlib.sha256(_CHECK_DOMAIN + authority.encode() + head).digest()[:_CHECK_SIZE]
