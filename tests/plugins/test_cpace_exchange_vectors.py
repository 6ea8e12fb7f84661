"""Makes tests/vectors/cpace.json anew, as far as that is possible, and compares it with the one that is there.

Encapsulation draws its own randomness, so messages are recorded, and accepted again.
Run as a program it writes the file, with new messages: ``python -m tests.plugins.test_cpace_exchange_vectors``.
"""

from __future__ import annotations

from typing import Any

from whisperd_plugins.cpace_exchange import Cpace25519, normalised

from tests.plugins.vectors import Draws, read, write
from whisperd.plugin.identity import MemoryIdentity

NAME = "cpace.json"
CODES = ("7 crossover clockwork", "Käse, Straße & Nr. 12")


def make_case(code: str, recorded: dict[str, Any] | None) -> dict[str, Any]:
    """Return one exchange; the message is made new, or taken from ``recorded`` and accepted."""
    random, plugin = Draws(f"whisperd/1 vectors cpace {code}"), Cpace25519().for_code(code)
    case: dict[str, Any] = {"code": code, "normalised": normalised(code).decode()}
    identities = {}
    for role in ("inviter", "joiner"):
        identities[role] = MemoryIdentity(plugin.identity_kinds, random)
        case[role] = {"draws": random.noted()}
    bundle, private = plugin.prekeys(identities["inviter"], random)
    case["bundle"] = {"draws": random.noted(), "public": bundle.hex()}
    message = bytes.fromhex(recorded["message"]) if recorded else \
        Cpace25519().for_code(code).initiate(bundle, identities["joiner"], random)[0]
    case["message"] = message.hex()
    case["secret"] = plugin.accept(message, private, identities["inviter"]).hex()
    return case


def make(recorded: dict[str, Any] | None = None) -> dict[str, Any]:
    old = {case["code"]: case for case in recorded["cases"]} if recorded else {}
    return {
        "about": "cpace-25519, version 1. 'draws' are the random bytes in order: Ed25519 seed and X25519 private key "
                 "of an identity; signed prekey, one-time prekey, ML-KEM seed, session id and private share of a "
                 "bundle. The message was recorded; accepting it gives the secret. All values but codes in "
                 "hexadecimal.",
        "cases": [make_case(code, old.get(code)) for code in CODES],
    }


def test_the_vectors_are_what_the_code_makes_and_accepts():
    vectors = read(NAME)
    assert make(vectors) == vectors


if __name__ == "__main__":
    write(NAME, make())
