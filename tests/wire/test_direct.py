"""What is said of direct links, and the records of one: exactly the page, and nothing else."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperd.errors import ChannelBroken
from whisperd.wire.direct import (
    MAX_FRAME,
    PING,
    PONG,
    At,
    DirectKey,
    RecordKind,
    Records,
    decode_direct,
    encode_direct,
    record,
)

ONION = "a" * 55 + "d.onion"


def test_both_messages_come_out_as_they_went_in():
    for message in (DirectKey(bytes(range(32))), At(ONION)):
        assert decode_direct(encode_direct(message)) == message


@pytest.mark.parametrize("said", [
    {"t": "key", "key": bytes(31)}, {"t": "key", "key": "x" * 32}, {"t": "key"}, {"t": "at", "onion": ONION[1:]},
    {"t": "at", "onion": ONION + "\n"}, {"t": "at", "onion": "127.0.0.1"}, {"t": "at", "onion": ONION, "port": 80},
    {"t": "at", "onion": ONION.upper()}, {"t": "end"}, [], None,
])
def test_anything_else_is_refused(said):
    with pytest.raises(ChannelBroken):
        decode_direct(msgspec.msgpack.encode(said))


@given(st.lists(st.one_of(st.just(b""), st.binary(min_size=1, max_size=400)), max_size=8),
       st.lists(st.integers(1, 50), min_size=1, max_size=5))
def test_records_come_out_however_the_stream_is_cut(frames, cuts):
    stream = b"".join(record(frame) if frame else PING for frame in frames)
    records, found, place, turn = Records(), [], 0, 0
    while place < len(stream):
        size = cuts[turn % len(cuts)]
        found += records.feed(stream[place:place + size])
        place, turn = place + size, turn + 1
    assert found == [(RecordKind.FRAME, frame) if frame else (RecordKind.PING, b"") for frame in frames]


@pytest.mark.parametrize("data", [
    b"\x03\0\0", b"\0\0\1", b"\1\0\1x", b"\2\0\0", b"\2" + (MAX_FRAME + 1).to_bytes(2), b"GET / HTTP/1.1",
])
def test_a_record_that_does_not_follow_the_page_is_refused_by_its_head(data):
    with pytest.raises(ChannelBroken):
        list(Records().feed(PONG + data[:3]))


@given(st.binary(max_size=300))
def test_garbage_is_refused_or_waits_and_is_bounded(data):
    records = Records()
    try:
        list(records.feed(data))
    except ChannelBroken:
        return
    assert len(records._rest) <= MAX_FRAME + 3


@pytest.mark.parametrize("size", [0, MAX_FRAME + 1])
def test_no_record_is_made_of_a_frame_that_is_empty_or_too_large(size):
    with pytest.raises(ValueError, match="bytes"):
        record(bytes(size))
