"""Makes tests/vectors/p256_simple.json anew and compares: ``python -m tests.plugins.test_p256_simple_vectors``."""

from __future__ import annotations

from typing import Any

from whisperd_plugins.p256_simple import P256Simple

from tests.plugins.vectors import Draws, read, write
from whisperd.plugin.identity import MemoryIdentity

NAME = "p256_simple.json"
PLUGIN = P256Simple()


def make_case(name: str) -> dict[str, Any]:
    """Return one exchange; its signatures are those of RFC 6979, so all of it can be made again."""
    random = Draws(f"whisperd/1 vectors p256-simple {name}")
    case: dict[str, Any] = {"name": name}
    identities = {}
    for role in ("inviter", "joiner"):
        identities[role] = MemoryIdentity(PLUGIN.identity_kinds, random)
        case[role] = {"draws": random.noted(), "p256": identities[role].public("p256").hex()}
    bundle, private = PLUGIN.prekeys(identities["inviter"], random)
    case["bundle"] = {"draws": random.noted(), "public": bundle.hex()}
    message, secret = PLUGIN.initiate(bundle, identities["joiner"], random)
    case["message"] = {"draws": random.noted(), "public": message.hex()}
    case["secret"] = secret.hex()
    assert PLUGIN.accept(message, private, identities["inviter"]) == secret
    return case


def make() -> dict[str, Any]:
    return {
        "about": "p256-simple, version 1. 'draws' are the random bytes, 48 for each key. All values in hexadecimal.",
        "cases": [make_case(name) for name in ("first", "second")],
    }


def test_the_vectors_are_what_the_code_makes():
    assert make() == read(NAME)


if __name__ == "__main__":
    write(NAME, make())
