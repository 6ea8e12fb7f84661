"""Names of onion services, version 3 [rend-spec-v3, 6]."""

from __future__ import annotations

import base64
import binascii
import hashlib
from ipaddress import ip_address

from whisperd.errors import DialRefused

_VERSION = b"\x03"
_SUFFIX = ".onion"


def onion_name(public_key: bytes) -> str:
    """Return the name that belongs to an Ed25519 public key (32): 56 characters and ``.onion``."""
    return base64.b32encode(public_key + _checksum(public_key) + _VERSION).decode().lower() + _SUFFIX


def check_onion(host: str) -> str:
    """Return the onion name ``host`` in lower case; raises DialRefused when it is not one, or was misspelled."""
    name = host.lower()
    label = name.removesuffix(_SUFFIX)
    if label == name or len(label) != 56 or not label.isascii():
        raise DialRefused("this is not a version 3 onion address", remedy=_COPY)
    try:
        decoded = base64.b32decode(label.upper())
    except binascii.Error:
        raise DialRefused("the onion address contains an invalid character", remedy=_COPY) from None
    if decoded[34:] != _VERSION or decoded[32:34] != _checksum(decoded[:32]):
        raise DialRefused("the onion address is misspelled: its checksum is wrong", remedy=_COPY)
    return name


def is_onion(host: str) -> bool:
    """Tell whether ``host`` claims to be an onion name; ``check_onion`` tells whether it is a good one."""
    return host.lower().rstrip(".").endswith(_SUFFIX)


def loopback_literal(host: str) -> str | None:
    """Return the address that a name of this machine stands for, without asking any resolver, or None."""
    if host.lower() == "localhost":
        return "127.0.0.1"
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return None
    return str(address) if address.is_loopback else None


def _checksum(public_key: bytes) -> bytes:
    return hashlib.sha3_256(b".onion checksum" + public_key + _VERSION).digest()[:2]


_COPY = "Copy the whole address again."
