"""The published vectors are what this implementation does, and what the protocol's formulas say."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest

from tests.peer.vectors import FOLDER, MAKERS, render
from whisperd.peer.handshake.keys import expand, extract
from whisperd.wire import invite


@pytest.mark.parametrize("name", MAKERS)
def test_vectors_come_out_the_same_again(name):
    assert (FOLDER / f"{name}.json").read_text(encoding="utf-8") == render(name)


def test_hkdf_is_that_of_the_standard():
    """[RFC 5869] has no vectors for SHA-512: an independent implementation is asked."""
    from cryptography.hazmat.primitives.hashes import SHA512
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    for size in (1, 32, 64, 65, 200):
        own = expand(extract(b"salt", b"material"), b"info", size)
        assert own == HKDF(SHA512(), size, b"salt", b"info").derive(b"material")


def test_links_in_the_vectors_are_understood():
    for vector in json.loads((FOLDER / "invite.json").read_text(encoding="utf-8")):
        parsed = invite.parse(vector["link"], 0)
        assert (str(parsed.relay), parsed.floor, parsed.expires, parsed.secret.hex()) == (
            vector["host"], vector["floor"], vector["expires"], vector["secret"])


def test_the_session_of_the_vectors_follows_from_the_formulas_alone():
    vector = json.loads((FOLDER / "handshake.json").read_text(encoding="utf-8"))
    m1, m2, m3 = (bytes.fromhex(message) for message in vector["messages"])
    message = m3[m3.index(b"\xa7message\xc4\x20") + 10:][:32]
    hashed = b"whisperd/1 transcript" + bytes([1, 1])
    for part in (m1, m2, message):
        hashed += len(part).to_bytes(4, "big") + part
    digest = hashlib.sha512(hashed).digest()
    psk = expand(extract(b"whisperd/1 invite", bytes.fromhex(vector["invite_secret"])), b"psk", 32)
    key = hmac.digest(digest, bytes.fromhex(vector["key_exchange_secret"]) + psk, "sha512")
    assert digest.hex() == vector["transcript"]
    for name in ("confirm joiner", "confirm inviter", "verification", "associated data"):
        assert hmac.digest(key, name.encode() + b"\1", "sha512")[:32].hex() == vector[name.replace(" ", "_")]
