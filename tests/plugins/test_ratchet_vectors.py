"""Makes the vectors of the ratchets anew and compares them with those that are there.

Run as a program it writes the files: ``python -m tests.plugins.test_ratchet_vectors``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from whisperd_plugins import mlkem
from whisperd_plugins.cascade import DoubleCascade, DoubleHeaderEncryptedCascade, TripleCascade
from whisperd_plugins.double import Double
from whisperd_plugins.double_he import DoubleHeaderEncrypted
from whisperd_plugins.kem_every_turn import KemEveryTurn
from whisperd_plugins.triple import Triple

from tests.plugins.vectors import FOLDER, Draws, read, write

PLUGINS = {plugin.id: plugin for plugin in (
    Triple(), KemEveryTurn(), DoubleHeaderEncrypted(), Double(), TripleCascade(), DoubleHeaderEncryptedCascade(),
    DoubleCascade())}
#: Who encrypts what, and what is heard when: "i" and "r" encrypt, a number delivers that message to the other side.
SCRIPT = ("i", "i", "i", 0, "r", 3, 2, "i", "i", 5, "r", "r", 7, 1, 6, 4)
#: How often both sides speak in turn after that, in ``triple``: beyond the first round.
TURNS = 70
SIDES = {"i": "initiator", "r": "responder"}


def name(plugin_id: str) -> str:
    return plugin_id.replace("-", "_") + ".json"


class ConversationView:
    """Two sides with one random source, and what they say written down."""

    def __init__(self, plugin: Any, random: Draws, opening: dict[str, Any]) -> None:
        self.random = random
        offer, private = plugin.offer(random)
        opening["offer"] = {"draws": random.noted(), "public": offer.hex()}
        secret = random(32)
        random.noted()
        self.sides = {"i": plugin.initiator(secret, offer, random), "r": plugin.responder(secret, private, random)}
        opening |= {"secret": secret.hex(), "initiator": {"draws": random.noted()}}
        self.messages: list[tuple[str, bytes, bytes]] = []

    def encrypt(self, sender: str) -> dict[str, Any]:
        """Return the step in which a side encrypts the next message."""
        plaintext, ad = b"message %d" % len(self.messages), b"ad %d" % (len(self.messages) % 2)
        message = self.sides[sender].encrypt(plaintext, ad)
        self.messages.append((sender, message, ad))
        return {"encrypt": SIDES[sender], "plaintext": plaintext.hex(), "ad": ad.hex(),
                "draws": self.random.noted(), "message": message.hex()}

    def decrypt(self, number: int) -> dict[str, Any]:
        """Return the step in which the other side decrypts a message, with its state after it."""
        sender, message, ad = self.messages[number]
        receiver = "r" if sender == "i" else "i"
        plaintext = self.sides[receiver].decrypt(message, ad)
        return {"decrypt": SIDES[receiver], "number": number, "plaintext": plaintext.hex(),
                "dump": self.sides[receiver].dump().hex()}

    def turn(self, sender: str) -> dict[str, Any]:
        """Return an empty message that is heard at once."""
        message = self.sides[sender].encrypt(b"", b"")
        assert self.sides["r" if sender == "i" else "i"].decrypt(message, b"") == b""
        return {"draws": self.random.noted(), "message": message.hex()}


def make(plugin: Any, encapsulations: Any = None) -> dict[str, Any]:
    """Return the vectors; ``encapsulations`` of earlier ones come again, as OpenSSL draws their randomness itself."""
    vectors: dict[str, Any] = {"about": f"{plugin.id}, version {plugin.version}. 'draws' are the random bytes of each "
                                        "step in order; all values in hexadecimal."}
    noted: list[dict[str, str]] = []
    with patch.object(mlkem, "encapsulate", noting(noted, mlkem.encapsulate, encapsulations)):
        talk = ConversationView(plugin, Draws(f"whisperd/1 vectors {plugin.id}"), vectors)
        vectors["steps"] = [talk.encrypt(step) if isinstance(step, str) else talk.decrypt(step) for step in SCRIPT]
        if plugin.id == "triple":
            vectors["turns"] = [talk.turn(sender) for _ in range(TURNS) for sender in ("i", "r")]
            vectors["dumps"] = [side.dump().hex() for side in talk.sides.values()]
    if noted:
        vectors["encapsulations"] = noted
    return vectors


def noting(noted: list[dict[str, str]], encapsulate: Callable[[bytes], tuple[bytes, bytes]], earlier: Any) -> Any:
    """Return an ``encapsulate`` that writes down what it gives, and gives what ``earlier`` has where there is some."""

    def replacement(public: bytes) -> tuple[bytes, bytes]:
        if earlier is None:
            ciphertext, secret = encapsulate(public)
        else:
            ciphertext, secret = (bytes.fromhex(earlier[len(noted)][name]) for name in ("ciphertext", "secret"))
        noted.append({"ciphertext": ciphertext.hex(), "secret": secret.hex()})
        return ciphertext, secret

    return replacement


@pytest.mark.parametrize("plugin", PLUGINS.values(), ids=PLUGINS)
def test_the_vectors_are_what_the_code_makes(plugin):
    vectors = read(name(plugin.id))
    assert make(plugin, vectors.get("encapsulations")) == vectors


@pytest.mark.parametrize("plugin", PLUGINS.values(), ids=PLUGINS)
def test_every_dump_of_the_vectors_loads(plugin):
    vectors = read(name(plugin.id))
    dumps = [step["dump"] for step in vectors["steps"] if "dump" in step] + vectors.get("dumps", [])
    assert len(dumps) >= 8
    for dump in dumps:
        assert plugin.load(bytes.fromhex(dump), Draws("unused")).dump().hex() == dump


if __name__ == "__main__":
    for each in PLUGINS.values():
        there = read(name(each.id)) if (FOLDER / name(each.id)).is_file() else {}
        write(name(each.id), make(each, there.get("encapsulations")))
