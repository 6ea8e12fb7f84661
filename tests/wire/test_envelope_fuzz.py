"""Changed envelopes: a good part still is one, and says the same again; all others are refused with a typed error.

Bytes without a beginning in what is valid never come past the first byte: here every case begins with an envelope.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

import pytest

from whisperd.errors import ChannelBroken, HandshakeTampered, WhisperdError
from whisperd.wire import envelope
from whisperd.wire.envelope import (
    ChannelFrame,
    Confirm,
    HandshakeAnswer,
    HandshakeExchange,
    Hello,
    Kind,
    SuiteOffer,
    Text,
)

CASES = 3_000
OFFERS = [SuiteOffer("x3dh-25519", 1, 1), SuiteOffer("pqxdh-25519-mlkem1024", 1, 2)]


class Codec(NamedTuple):
    """Two sides of one encoding, values to begin with, and what its decoder raises."""

    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    refusal: type[WhisperdError]
    values: list[Any]


CODECS = {
    "handshake": Codec(envelope.encode_message, envelope.decode_message, HandshakeTampered, [
        Hello(OFFERS, OFFERS, 2, bytes(32)), Confirm(bytes(range(32))),
        HandshakeAnswer(kex=OFFERS, ratchet=OFFERS, floor=1, nonce=bytes(32), seen=bytes(32), choice=("a", "b"),
                        bundle=bytes(400), offer=b"offer"),
        HandshakeExchange(seen=bytes(32), message=bytes(900), confirm=bytes(32))]),
    "padding": Codec(envelope.pad_message, envelope.unpad_message, HandshakeTampered, [b"", b"x" * 99, b"y" * 700]),
    "channel": Codec(ChannelFrame.encode, ChannelFrame.decode, ChannelBroken, [
        ChannelFrame(Kind.DATA, ack=7, seq=9, stream=1, payload=b"z" * 300), ChannelFrame(Kind.ACK, ack=2**40)]),
    "text": Codec(envelope.encode_chat, envelope.decode_chat, ChannelBroken, [Text("a word"), Text("\u00e9" * 90)]),
}


def changed(random: Random, seed: bytes) -> bytes:
    """Return an encoding with a byte changed, a part left out, doubled or put behind it, or as it is."""
    case, at = bytearray(seed), random.randrange(len(seed))
    change = random.randrange(8)
    if change < 4:
        case[at] ^= 1 << random.randrange(8)
    elif change == 4:
        del case[at:at + random.choice((1, 4, 40))]
    elif change == 5:
        case[at:at] = case[at:at + random.choice((1, 8))]
    elif change == 6:
        case += random.randbytes(random.choice((1, 256)))
    return bytes(case)


@pytest.mark.parametrize("name", CODECS)
def test_a_changed_envelope_says_the_same_again_or_is_refused_and_both_happen_often(name: str) -> None:
    codec, random, accepted = CODECS[name], Random(11), 0
    seeds = [codec.encode(value) for value in codec.values]
    assert [codec.decode(seed) for seed in seeds] == codec.values
    for _ in range(CASES):
        case = changed(random, random.choice(seeds))
        try:
            value = codec.decode(case)
        except codec.refusal:
            continue
        assert codec.decode(codec.encode(value)) == value, case.hex()
        assert case in seeds or value not in codec.values, case.hex()
        accepted += 1
    assert 0.15 <= accepted / CASES <= 0.9
