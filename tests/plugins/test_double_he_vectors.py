"""Makes tests/vectors/double_he.json anew and compares it with the one that is there.

Run as a program it writes the file: ``python -m tests.plugins.test_double_he_vectors``.
"""

from __future__ import annotations

from typing import Any

from whisperd_plugins.double_he import DoubleHeaderEncrypted

from tests.plugins.vectors import Draws, read, write

NAME = "double_he.json"
SEED = "whisperd/1 vectors double-he"
PLUGIN = DoubleHeaderEncrypted()
#: Who encrypts what, and what is heard when: "i" and "r" encrypt, a number delivers that message to the other side.
SCRIPT = ("i", "i", "i", 0, "r", 3, 2, "i", "i", 5, "r", "r", 7, 1, 6, 4)
SIDES = {"i": "initiator", "r": "responder"}


def make() -> dict[str, Any]:
    random = Draws(SEED)
    offer, private = PLUGIN.offer(random)
    drawn_offer = random.noted()
    secret = random(32)
    random.noted()
    sides = {"i": PLUGIN.initiator(secret, offer, random), "r": PLUGIN.responder(secret, private, random)}
    vectors: dict[str, Any] = {
        "about": "double-he, version 1. 'draws' are the random bytes of each step in order; all values in hexadecimal.",
        "secret": secret.hex(),
        "offer": {"draws": drawn_offer, "public": offer.hex()},
        "initiator": {"draws": random.noted()},
        "steps": [],
    }
    messages: list[tuple[str, bytes, bytes]] = []
    for step in SCRIPT:
        if isinstance(step, str):
            plaintext, ad = b"message %d" % len(messages), b"ad %d" % (len(messages) % 2)
            messages.append((step, sides[step].encrypt(plaintext, ad), ad))
            vectors["steps"].append({"encrypt": SIDES[step], "plaintext": plaintext.hex(), "ad": ad.hex(),
                                     "draws": random.noted(), "message": messages[-1][1].hex()})
        else:
            sender, message, ad = messages[step]
            receiver = "r" if sender == "i" else "i"
            plaintext = sides[receiver].decrypt(message, ad)
            vectors["steps"].append({"decrypt": SIDES[receiver], "number": step, "plaintext": plaintext.hex(),
                                     "dump": sides[receiver].dump().hex()})
    return vectors


def test_the_vectors_are_what_the_code_makes():
    assert make() == read(NAME)


def test_every_dump_of_the_vectors_loads():
    dumps = [step["dump"] for step in read(NAME)["steps"] if "dump" in step]
    assert len(dumps) == 8
    for dump in dumps:
        assert PLUGIN.load(bytes.fromhex(dump), Draws(SEED)).dump().hex() == dump


if __name__ == "__main__":
    write(NAME, make())
