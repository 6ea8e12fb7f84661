"""The secret key of an onion service, made here [rend-spec-v3, 6; RFC 8032, 5.1.5]."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from nacl.bindings import crypto_scalarmult_ed25519_base_noclamp

from whisperd.tor.dial.onion_names import onion_name

_TYPE = "ED25519-V3:"


@dataclass(frozen=True)
class OnionKey:
    """An expanded Ed25519 secret key (64 bytes) as ADD_ONION takes it [control-spec, 3.27]: its type and base64."""

    text: str = field(repr=False)

    @property
    def address(self) -> str:
        """The onion name that belongs to it."""
        secret = base64.b64decode(self.text.removeprefix(_TYPE))
        return onion_name(crypto_scalarmult_ed25519_base_noclamp(secret[:32]))


def new_key(random: Callable[[int], bytes]) -> OnionKey:
    """Return a new key, expanded from a seed of 32 random bytes."""
    expanded = bytearray(hashlib.sha512(random(32)).digest())
    expanded[0] &= 248
    expanded[31] = (expanded[31] & 63) | 64
    return OnionKey(_TYPE + base64.b64encode(bytes(expanded)).decode())
