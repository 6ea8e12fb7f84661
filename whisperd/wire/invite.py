"""Invite links: a link <-> a typed invite. [whisperd-protocol(7), INVITE]

``http://HOST[:PORT]/#`` and, behind it, 56 characters of base64url without padding: 42 bytes of version (1),
floor (1), expiry (4, unix seconds), secret (32) and check (4). The check covers the host too, so that one mistyped
character anywhere is noticed before a connection is made.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
from dataclasses import dataclass, field

from whisperd.errors import InviteExpired, InviteMalformed, InviteTruncated, InviteVersionUnknown

VERSION = 1
SECRET_SIZE = 32
#: Seconds that two clocks may differ before an invite counts as expired.
CLOCK_SKEW = 120

_HEAD = struct.Struct(">BBI32s")
_CHECK_SIZE = 4
_PAYLOAD_SIZE = _HEAD.size + _CHECK_SIZE
_CHECK_DOMAIN = b"whisperd/1 invite check"
_SCHEME = "http://"
_ALPHABET = re.compile(r"[A-Za-z0-9_-]*\Z")
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

    @classmethod
    def parse(cls, authority: str) -> RelayAddress:
        """Return the address that ``HOST[:PORT]`` names; raises InviteMalformed for any other kind of host."""
        match = _HOST.match(authority.lower())
        port = int(match["port"] or 80) if match else 0
        if match is None or not 0 < port < 65_536:
            raise InviteMalformed("the invite names neither an onion address nor this machine")
        return cls(match["host"], port)


@dataclass(frozen=True)
class Invite:
    """What a link says. ``floor`` is the lowest Level accepted, ``expires`` unix seconds, ``secret`` 32 bytes."""

    relay: RelayAddress
    floor: int
    expires: int
    secret: bytes = field(repr=False)

    def link(self) -> str:
        """Return the link, at most 200 characters."""
        head = _HEAD.pack(VERSION, self.floor, self.expires, self.secret)
        payload = head + _check(str(self.relay), head)
        return f"{self.relay.url}/#{base64.urlsafe_b64encode(payload).decode()}"


def parse(link: str, now: float) -> Invite:
    """Return what ``link`` says; ``now`` is unix seconds and whitespace around the link does not matter.

    Raises InviteMalformed, InviteTruncated, InviteVersionUnknown or InviteExpired.
    """
    authority, fragment = _split(link.strip())
    payload = _payload(fragment)
    relay = RelayAddress.parse(authority)
    _, floor, expires, secret = _HEAD.unpack_from(payload)
    if not hmac.compare_digest(payload[_HEAD.size:], _check(authority.lower(), payload[:_HEAD.size])):
        raise InviteMalformed("a character of the invite link is wrong")
    if not 1 <= floor <= 3:
        raise InviteMalformed("the invite asks for a security level that does not exist")
    if now > expires + CLOCK_SKEW:
        raise InviteExpired
    return Invite(relay, floor, expires, secret)


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
    """Return the 42 bytes behind the '#', with the version checked before the length."""
    whole = fragment[:len(fragment) - (len(fragment) % 4 == 1)]
    payload = base64.urlsafe_b64decode(whole + "=" * (-len(whole) % 4))
    if payload and payload[0] != VERSION:
        raise InviteVersionUnknown
    if len(payload) < _PAYLOAD_SIZE:
        raise InviteTruncated
    if len(fragment) != len(whole) or len(payload) > _PAYLOAD_SIZE:
        raise InviteMalformed("there are too many characters in the invite link")
    return payload


def _check(authority: str, head: bytes) -> bytes:
    return hashlib.sha256(_CHECK_DOMAIN + authority.encode() + head).digest()[:_CHECK_SIZE]
