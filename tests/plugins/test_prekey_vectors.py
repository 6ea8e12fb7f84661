"""Makes the vectors of X3DH and PQXDH anew, as far as that is possible, and compares them with those that are there.

Encapsulation and hedged signatures draw their own randomness, so what they are part of cannot be made again: such
bundles and all messages are recorded, and accepted again.
Run as a program it writes the files, with new messages: ``python -m tests.plugins.test_prekey_vectors [FILE...]``.
"""

from __future__ import annotations

import sys
from typing import Any

import pytest
from whisperd_plugins.pqxdh import PqxdhMlkem1024
from whisperd_plugins.pqxdh_falcon1024 import PqxdhMlkem1024Falcon1024
from whisperd_plugins.pqxdh_mldsa87 import PqxdhMlkem1024Mldsa87
from whisperd_plugins.prekey_exchange import PrekeyExchange
from whisperd_plugins.x3dh import X3dh

from tests.plugins.vectors import Draws, read, write
from whisperd.plugin.identity import MemoryIdentity

PLUGINS: dict[str, PrekeyExchange] = {
    "pqxdh": PqxdhMlkem1024(),
    "pqxdh_mldsa87": PqxdhMlkem1024Mldsa87(),
    "pqxdh_falcon1024": PqxdhMlkem1024Falcon1024(),
    "x3dh": X3dh(),
}
CASES = {"one-time": "prekeys", "last-resort": "last_resort_prekeys"}
FALCON = "falcon1024"
KEYS = {"ed25519": "Ed25519 seed", "x25519": "X25519 private key", "mldsa87": "ML-DSA-87 seed"}


def shown(plugin: PrekeyExchange, identity: MemoryIdentity, random: Draws) -> dict[str, Any]:
    keys = {"draws": random.noted(), **{kind: identity.public(kind).hex() for kind in plugin.identity_kinds}}
    if FALCON in plugin.identity_kinds:
        keys["falcon1024 private key"] = identity._keys[FALCON].private.hex()
    return keys


def made_identity(plugin: PrekeyExchange, random: Draws, recorded: dict[str, Any] | None) -> MemoryIdentity:
    """Return the identity of these draws; with the Falcon key that was recorded, as none can be made again."""
    identity = MemoryIdentity(plugin.identity_kinds, random)
    if recorded and FALCON in plugin.identity_kinds:
        identity._keys[FALCON].public = bytes.fromhex(recorded[FALCON])
        identity._keys[FALCON].private = bytearray.fromhex(recorded["falcon1024 private key"])
    return identity


def same_but_for_signatures(plugin: PrekeyExchange, one: bytes, other: bytes) -> bool:
    size = plugin.suite.one_time.size - plugin.suite.one_time.head_size
    return len(one) == len(other) and one[:-size] == other[:-size]


def make_case(file: str, name: str, recorded: dict[str, Any] | None) -> dict[str, Any]:
    """Return one exchange; the message is made new, or taken from ``recorded`` and accepted."""
    plugin, random = PLUGINS[file], Draws(f"whisperd/1 vectors {file} {name}")
    inviter = made_identity(plugin, random, recorded and recorded["inviter"])
    case: dict[str, Any] = {"name": name, "inviter": shown(plugin, inviter, random)}
    joiner = made_identity(plugin, random, recorded and recorded["joiner"])
    case["joiner"] = shown(plugin, joiner, random)
    bundle, private = getattr(plugin, CASES[name])(inviter, random)
    if recorded:
        old = bytes.fromhex(recorded["bundle"]["public"])
        assert same_but_for_signatures(plugin, bundle, old)
        if len(plugin.suite.signers) > 1:
            private.bundle = bundle = old
    case["bundle"] = {"draws": random.noted(), "public": bundle.hex()}
    message = bytes.fromhex(recorded["message"]) if recorded else plugin.initiate(bundle, joiner, random)[0]
    case["message"] = message.hex()
    case["secret"] = plugin.accept(message, private, inviter).hex()
    return case


def make(file: str, recorded: dict[str, Any] | None = None) -> dict[str, Any]:
    old = {case["name"]: case for case in recorded["cases"]} if recorded else {}
    plugin = PLUGINS[file]
    keys = " and ".join(KEYS[kind] for kind in plugin.identity_kinds if kind != FALCON)
    kem = " and ML-KEM seed" if plugin.suite.kem else ""
    return {
        "about": f"{plugin.id}, version {plugin.version}. 'draws' are the random bytes in order: {keys} of an "
                 f"identity; signed prekey, one-time prekey (where there is one){kem} of a bundle. The message "
                 "was recorded; accepting it gives the secret. All values in hexadecimal.",
        "cases": [make_case(file, name, old.get(name)) for name in CASES],
    }


@pytest.mark.parametrize("file", PLUGINS)
def test_the_vectors_are_what_the_code_makes_and_accepts(file: str):
    vectors = read(f"{file}.json")
    assert make(file, vectors) == vectors


@pytest.mark.parametrize("file", PLUGINS)
def test_the_joiners_public_keys_stand_in_the_recorded_messages(file: str):
    for case in read(f"{file}.json")["cases"]:
        for kind in PLUGINS[file].identity_kinds:
            assert case["joiner"][kind] in case["message"]


@pytest.mark.parametrize("file", PLUGINS)
def test_the_joiner_would_take_the_recorded_bundles(file: str):
    plugin = PLUGINS[file]
    for case in read(f"{file}.json")["cases"]:
        joiner = MemoryIdentity(plugin.identity_kinds, Draws("another joiner"))
        assert len(plugin.initiate(bytes.fromhex(case["bundle"]["public"]), joiner, Draws("ephemeral"))[1]) == 32


if __name__ == "__main__":
    for chosen in sys.argv[1:] or PLUGINS:
        write(f"{chosen}.json", make(chosen))
