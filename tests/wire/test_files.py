"""Payloads of the stream of files: exactly what the protocol says, or refused."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperd.errors import ChannelBroken
from whisperd.wire.envelope import MAX_PAYLOAD
from whisperd.wire.files import (
    CHUNK,
    MAX,
    Accept,
    Chunk,
    Done,
    FileOffer,
    FileRefuse,
    FileWithdraw,
    More,
    Pause,
    decode_file,
    encode_file,
)

MESSAGES = [FileOffer(1, "x", 0, bytes(32)), Accept(1, 0, 5), More(1, 9), Chunk(1, 0, b"x"), Pause(1), Done(1),
            FileRefuse(1, "refused"), FileWithdraw(1, "cancelled")]
OFFER = {"t": "offer", "id": 1, "name": "x", "size": 1, "hash": bytes(32)}


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_every_message_comes_back(message):
    assert decode_file(encode_file(message)) == message


def test_the_largest_chunk_fits_into_one_frame():
    assert len(encode_file(Chunk(MAX, MAX, bytes(CHUNK)))) <= MAX_PAYLOAD


@pytest.mark.parametrize("changed", [
    {"size": 2**63}, {"size": -1}, {"size": 1.5}, {"size": MAX + 1}, {"hash": bytes(31)}, {"id": 0},
    {"id": MAX + 1}, {"name": b"x"}, {"name": "x" * 256}, {"name": None}, {"more": 1}, {"t": "gossip"},
], ids=str)
def test_an_offer_that_is_not_as_it_should_be_is_refused(changed):
    with pytest.raises(ChannelBroken):
        decode_file(msgspec.msgpack.encode(OFFER | changed))


@pytest.mark.parametrize("payload", [
    b"", b"\x80", b"\xc0", msgspec.msgpack.encode({"t": "chunk", "id": 1, "offset": 0, "data": b""}),
    msgspec.msgpack.encode({"t": "chunk", "id": 1, "offset": 0, "data": bytes(CHUNK + 1)}),
    msgspec.msgpack.encode({"t": "refuse", "id": 1, "reason": "\x1b[2J"}),
    msgspec.msgpack.encode({"t": "accept", "id": 1, "offset": 2**63, "limit": 2**64 - 1}),
], ids=range(7))
def test_what_is_no_message_is_refused(payload):
    with pytest.raises(ChannelBroken):
        decode_file(payload)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_refused(payload):
    with contextlib.suppress(ChannelBroken):
        assert encode_file(decode_file(payload))
