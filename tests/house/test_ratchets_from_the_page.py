"""Whoever implements the ratchets of whisperd-protocol(7) from the page reads what stands in the test vectors."""

from __future__ import annotations

from typing import Any

import pytest

from tests.house import ratchets_from_the_page as page
from tests.house.from_the_page import public_of
from tests.house.test_from_the_page import unhex, vectors


class ConversationView:
    """Two sides of ``triple`` that are told what the vectors drew and encapsulated."""

    def __init__(self, case: Any) -> None:
        secret, private = unhex(case["secret"]), unhex(case["offer"]["draws"])[0]
        self.sides = [page.Triple(secret, offer=public_of(private)), page.Triple(secret, own=private)]
        self.sides[0].start_sending(unhex(case["initiator"]["draws"])[0])
        self.encapsulations = iter(case["encapsulations"])

    def draw(self, sender: int, draws: list[str]) -> None:
        """Let a side make what it makes before it writes a message."""
        side = self.sides[sender]
        for drawn in unhex(draws):
            if len(drawn) == 32:
                side.start_sending(drawn)
            if len(drawn) == 64:
                side.sparse.begin(drawn)
        if not side.sparse.owner and len(side.sparse.have) == 32 and not side.sparse.encapsulated:
            side.sparse.encapsulate(**next(self.encapsulations))


def test_triple_through_a_round():
    case = vectors("triple.json")
    talk, sent = ConversationView(case), []
    for step in case["steps"]:
        if "encrypt" in step:
            sender = ("initiator", "responder").index(step["encrypt"])
            talk.draw(sender, step["draws"])
            sent.append((sender, step))
        else:
            sender, said = sent[step["number"]]
            read = talk.sides[1 - sender].decrypt(unhex(said["message"]), unhex(said["ad"]))
            assert read == unhex(step["plaintext"])
    for number, turn in enumerate(case["turns"]):
        talk.draw(number % 2, turn["draws"])
        assert talk.sides[1 - number % 2].decrypt(unhex(turn["message"]), b"") == b""
    assert [side.sparse.round for side in talk.sides] == [2, 2]


@pytest.mark.parametrize("name", ["double", "double_cascade"])
def test_double_and_the_envelope(name: str):
    case = vectors(f"{name}.json")
    step, (private,) = case["steps"][0], unhex(case["initiator"]["draws"])
    read = page.first_double(unhex(case["secret"]), private, unhex(case["offer"]["public"]), unhex(step["message"]),
                             unhex(step["ad"]), cascaded=name.endswith("cascade"))
    assert read == unhex(step["plaintext"])


def test_kem_every_turn():
    case = vectors("kem_every_turn.json")
    step = case["steps"][0]
    private, seed = unhex(case["offer"]["draws"])
    read = page.first_kem(unhex(case["secret"]), private, seed, unhex(step["message"]), unhex(step["ad"]))
    assert read == unhex(step["plaintext"])
