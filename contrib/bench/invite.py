"""An invite link written and read again, beside the hash and the base64 that its format asks for."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable

from contrib.bench.harness import Row, interleave, per_call
from whisperd.wire.invite import Invite, RelayAddress, parse

CALLS, ROUNDS = 2000, 15


def round_trip() -> Callable[[], object]:
    """Return a call that writes a link and reads it."""
    invite = Invite(RelayAddress("a" * 56 + ".onion"), 2, 2**31, os.urandom(32))
    return lambda: parse(invite.link(), now=0)


def floor() -> Callable[[], object]:
    """Return a call of two checks, one base64 encoding and one decoding."""
    payload, domain = os.urandom(42), bytes(85)

    def primitives() -> None:
        hashlib.sha256(domain + payload[:38]).digest()
        text = base64.urlsafe_b64encode(payload)
        hashlib.sha256(domain + base64.urlsafe_b64decode(text)[:38]).digest()

    return primitives


def measure() -> list[Row]:
    """Measure writing and reading together."""
    found = interleave({"ours": per_call(round_trip(), CALLS), "floor": per_call(floor(), CALLS)}, ROUNDS)
    return [Row("invite link, write and read", "µs", found["ours"], "its hashes and base64", found["floor"])]
