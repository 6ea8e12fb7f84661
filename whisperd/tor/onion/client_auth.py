"""What opens a private onion service: an x25519 key for one person and one address [rend-spec-v3, CLIENT-AUTH].

Written as tor's own ``.auth_private`` files have it: ``LABEL:descriptor:x25519:KEY``, with the address without its
``.onion`` and the key (32 bytes) in base32 (52 characters).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field

from nacl.bindings import crypto_scalarmult_base

from whisperd.errors import CredentialMalformed, DialRefused
from whisperd.tor.dial.onion_names import check_onion

_SIZE = 32
_SUFFIX = ".onion"


@dataclass(frozen=True)
class Credential:
    """The secret key (32) that opens ``address`` (with ``.onion``) to whoever holds it."""

    address: str
    secret: bytes = field(repr=False)

    @property
    def line(self) -> str:
        """The one line that its holder needs."""
        return f"{self.address.removesuffix(_SUFFIX)}:descriptor:x25519:{base32(self.secret)}"

    @property
    def public(self) -> str:
        """The public key as ADD_ONION takes it: 52 characters of base32."""
        return base32(crypto_scalarmult_base(self.secret))

    @property
    def command(self) -> str:
        """The control command that gives it to a tor [control-spec, 3.30]."""
        blob = base64.b64encode(self.secret).decode()
        return f"ONION_CLIENT_AUTH_ADD {self.address.removesuffix(_SUFFIX)} x25519:{blob}"


def new_credential(address: str, random: Callable[[int], bytes]) -> Credential:
    """Return a new credential for ``address``."""
    return Credential(address, random(_SIZE))


def parse(line: str) -> Credential:
    """Return the credential that ``line`` holds; raises CredentialMalformed."""
    words = line.strip().split(":")
    if len(words) != 4 or words[1:3] != ["descriptor", "x25519"]:
        raise CredentialMalformed
    label, _, _, key = words
    try:
        return Credential(check_onion(label.removesuffix(_SUFFIX) + _SUFFIX), unbase32(key))
    except DialRefused as reason:
        raise CredentialMalformed(f"in the credential, {reason.message}") from None


def base32(key: bytes) -> str:
    """Return 32 bytes as 52 characters, without padding."""
    return base64.b32encode(key).decode().rstrip("=")


def unbase32(text: str) -> bytes:
    """Return the 32 bytes of ``text``; raises CredentialMalformed."""
    try:
        key = base64.b32decode(text.upper() + "====")
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _SIZE:
        raise CredentialMalformed("the key in the credential is incomplete or misspelled")
    return key
