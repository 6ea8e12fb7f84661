"""Makes tests/vectors/pqxdh.json anew, as far as that is possible, and compares it with the one that is there.

Encapsulation draws its own randomness, so messages cannot be made again: they are recorded, and accepted again.
Run as a program it writes the file, with new messages: ``python -m tests.plugins.test_pqxdh_vectors``.
"""

from __future__ import annotations

from typing import Any

from whisperd_plugins.pqxdh import PqxdhMlkem1024

from tests.plugins.vectors import Draws, read, write
from whisperd.plugin.identity import MemoryIdentity

NAME = "pqxdh.json"
SEED = "whisperd/1 vectors pqxdh"
PLUGIN = PqxdhMlkem1024()
CASES = {"one-time": PLUGIN.prekeys, "last-resort": PLUGIN.last_resort_prekeys}


def shown(identity: MemoryIdentity, random: Draws) -> dict[str, Any]:
    return {"draws": random.noted(), **{kind: identity.public(kind).hex() for kind in PLUGIN.identity_kinds}}


def make_case(name: str, recorded: dict[str, Any] | None) -> dict[str, Any]:
    """Return one exchange; the message is made new, or taken from ``recorded`` and accepted."""
    random = Draws(f"{SEED} {name}")
    inviter = MemoryIdentity(PLUGIN.identity_kinds, random)
    case: dict[str, Any] = {"name": name, "inviter": shown(inviter, random)}
    joiner = MemoryIdentity(PLUGIN.identity_kinds, random)
    case["joiner"] = shown(joiner, random)
    bundle, private = CASES[name](inviter, random)
    case["bundle"] = {"draws": random.noted(), "public": bundle.hex()}
    message = bytes.fromhex(recorded["message"]) if recorded else PLUGIN.initiate(bundle, joiner, random)[0]
    case["message"] = message.hex()
    case["secret"] = PLUGIN.accept(message, private, inviter).hex()
    return case


def make(recorded: dict[str, Any] | None = None) -> dict[str, Any]:
    old = {case["name"]: case for case in recorded["cases"]} if recorded else {}
    return {
        "about": "pqxdh-25519-mlkem1024, version 1. 'draws' are the random bytes in order: Ed25519 seed and X25519 "
                 "private key of an identity; signed prekey, one-time prekey (where there is one) and ML-KEM seed of "
                 "a bundle. The message was recorded; accepting it gives the secret. All values in hexadecimal.",
        "cases": [make_case(name, old.get(name)) for name in CASES],
    }


def test_the_vectors_are_what_the_code_makes_and_accepts():
    vectors = read(NAME)
    assert make(vectors) == vectors


def test_the_joiners_public_keys_stand_in_the_recorded_messages():
    for case in read(NAME)["cases"]:
        for kind in PLUGIN.identity_kinds:
            assert case["joiner"][kind] in case["message"]


if __name__ == "__main__":
    write(NAME, make())
