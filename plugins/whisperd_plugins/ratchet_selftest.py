"""What the self-tests of the bundled ratchets share: a conversation that has to come out the same everywhere."""

from __future__ import annotations

from typing import Any

from whisperd_plugins import selftest


def conversation(ratchet: Any, label: str) -> bytes:
    """Return the messages and end state of a conversation of three messages, one of them late.

    Its randomness comes from ``label``. Raises KnownAnswerWrong when one is not read as it was written."""
    random = selftest.stream(label)
    public, private = ratchet.offer(random)
    secret = random(32)
    one, other = ratchet.initiator(secret, public, random), ratchet.responder(secret, private, random)
    skipped, first = one.encrypt(b"skipped", b"known"), one.encrypt(b"first", b"known")
    heard = [other.decrypt(first, b"known")]
    answer = other.encrypt(b"answer", b"known")
    heard += [one.decrypt(answer, b"known"), other.decrypt(skipped, b"known")]
    if heard != [b"first", b"answer", b"skipped"]:
        raise selftest.KnownAnswerWrong("the two sides do not understand each other")
    dumps: bytes = one.dump() + other.dump()
    return bytes(skipped + first + answer) + dumps
