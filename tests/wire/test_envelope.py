"""What peers say to each other, as bytes: round trips, and a typed error for everything else."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import msgpack

from whisperd.errors import ChannelBroken, HandshakeTampered
from whisperd.wire import envelope
from whisperd.wire.envelope import (
    MAX_CLASS,
    MAX_PAYLOAD,
    MAX_TEXT,
    Abort,
    ChannelFrame,
    Confirm,
    End,
    HandshakeAnswer,
    HandshakeExchange,
    Hello,
    Kind,
    SealedFrame,
    SuiteOffer,
    Text,
)

ids = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=48)
digests = st.binary(min_size=32, max_size=32)
offer_lists = st.lists(st.builds(SuiteOffer, ids, st.integers(1, 255), st.integers(1, 3)), max_size=32)
levels = st.integers(1, 3)
material = st.binary(max_size=200)
messages = st.one_of(
    st.builds(Hello, kex=offer_lists, ratchet=offer_lists, floor=levels, nonce=digests),
    st.builds(HandshakeAnswer, kex=offer_lists, ratchet=offer_lists, floor=levels, nonce=digests, seen=digests,
              choice=st.tuples(ids, ids), bundle=material, offer=material),
    st.builds(HandshakeExchange, seen=digests, message=material, confirm=digests),
    st.builds(Confirm, confirm=digests),
    st.builds(Abort, code=st.sampled_from(["wrong-secret", "floor-not-met"])),
)
channel_frames = st.one_of(
    st.builds(ChannelFrame, st.just(Kind.DATA), ack=st.integers(0, 2**64 - 1), seq=st.integers(1, 2**64 - 1),
              stream=st.integers(0, 255), payload=st.binary(max_size=600)),
    st.builds(ChannelFrame, st.sampled_from([Kind.ACK, Kind.HELLO]), ack=st.integers(0, 2**64 - 1)),
)
HELLO = {"t": "hello", "kex": [["a", 1, 2]], "ratchet": [], "floor": 1, "nonce": bytes(32)}
ANSWER = {**HELLO, "t": "answer", "seen": bytes(32), "choice": ["a", "b"], "bundle": b"", "offer": b""}


@given(messages)
def test_handshake_messages_come_back_as_they_were(message):
    assert envelope.decode_message(envelope.encode_message(message)) == message


@given(st.binary(max_size=300))
def test_any_bytes_are_a_handshake_message_or_a_typed_error(data):
    with contextlib.suppress(HandshakeTampered):
        envelope.decode_message(data)


@given(messages, st.data())
def test_a_changed_handshake_message_is_another_one_or_a_typed_error(message, data):
    encoded = bytearray(envelope.encode_message(message))
    encoded[data.draw(st.integers(0, len(encoded) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(HandshakeTampered):
        assert envelope.decode_message(bytes(encoded)) != message


@pytest.mark.parametrize("changes", [
    {"t": "hullo"}, {"kex": [["a", 1]]}, {"kex": [["a", 1, 2, 3]]}, {"kex": [["", 1, 2]]}, {"kex": [["a" * 49, 1, 2]]},
    {"kex": [["A", 1, 2]]}, {"kex": [["a\n", 1, 2]]}, {"kex": [["a", 0, 2]]}, {"kex": [["a", 256, 2]]},
    {"kex": [["a", 1, 4]]}, {"kex": [["a", 1, 2]] * 33}, {"kex": {"a": 1}}, {"kex": None}, {"floor": 0}, {"floor": 4},
    {"floor": True}, {"floor": 1.0}, {"floor": "1"}, {"nonce": bytes(31)}, {"nonce": bytes(33)}, {"nonce": "x" * 32},
    {"surplus": 1}, {1: 1},
])
def test_a_hello_that_is_not_exactly_one_is_refused(changes):
    assert envelope.decode_message(msgpack.encode(HELLO))
    with pytest.raises(HandshakeTampered):
        envelope.decode_message(msgpack.encode({**HELLO, **changes}))


@pytest.mark.parametrize("key", HELLO)
def test_a_missing_key_is_refused(key):
    with pytest.raises(HandshakeTampered):
        envelope.decode_message(msgpack.encode({name: value for name, value in HELLO.items() if name != key}))


@pytest.mark.parametrize("changes", [{"choice": ["a"]}, {"choice": ["a", "b", "c"]}, {"bundle": bytes(16_385)},
                                     {"offer": bytes(4_097)}, {"seen": b""}])
def test_an_answer_that_is_not_exactly_one_is_refused(changes):
    assert envelope.decode_message(msgpack.encode(ANSWER))
    with pytest.raises(HandshakeTampered):
        envelope.decode_message(msgpack.encode({**ANSWER, **changes}))


def test_a_key_that_stands_twice_and_bytes_behind_the_map_are_refused():
    data = envelope.encode_message(Confirm(bytes(32)))
    twice = bytes([data[0] + 1]) + data[1:] + data[-42:]
    assert msgpack.decode(twice) == msgpack.decode(data)
    for wrong in (twice, data + b"\0"):
        with pytest.raises(HandshakeTampered):
            envelope.decode_message(wrong)


@given(st.binary(max_size=MAX_CLASS - 4))
def test_padding_hides_a_length_behind_few_classes(message):
    padded = envelope.pad_message(message)
    assert envelope.unpad_message(padded) == message
    assert len(padded) in {256 << power for power in range(8)} and len(padded) < max(257, 2 * (len(message) + 4))


@given(st.binary(max_size=1100))
def test_any_bytes_are_padded_or_a_typed_error(data):
    with contextlib.suppress(HandshakeTampered):
        assert envelope.pad_message(envelope.unpad_message(data)) == data


def test_padding_that_is_not_zero_or_too_much_is_refused():
    padded = envelope.pad_message(b"x")
    for wrong in (padded[:-1] + b"\1", padded + bytes(256), padded[:255], b"\xff" * 4 + padded[4:], bytes(65_536)):
        with pytest.raises(HandshakeTampered):
            envelope.unpad_message(wrong)


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=24, max_size=24), st.binary(min_size=1, max_size=99))
def test_sealed_frames_come_back_as_they_were(commitment, nonce, ciphertext):
    frame = SealedFrame(commitment, nonce, ciphertext)
    assert SealedFrame.decode(frame.encode()) == frame
    assert frame.encode().startswith(frame.head) and len(frame.head) == 17


@pytest.mark.parametrize("frame", [b"", b"\1", b"\1" + bytes(40), b"\2" + bytes(300)])
def test_what_is_no_sealed_frame_is_refused(frame):
    with pytest.raises(HandshakeTampered):
        SealedFrame.decode(frame)


@given(channel_frames)
def test_channel_frames_come_back_as_they_were(frame):
    assert ChannelFrame.decode(frame.encode()) == frame


@given(st.one_of(st.binary(max_size=600), channel_frames.map(ChannelFrame.encode)), st.data())
def test_any_bytes_are_a_channel_frame_or_a_typed_error(data, more):
    changed = bytearray(data)
    if changed:
        changed[more.draw(st.integers(0, min(len(changed), 30) - 1))] ^= more.draw(st.integers(0, 255))
    with contextlib.suppress(ChannelBroken):
        assert ChannelFrame.decode(bytes(changed)).encode() == bytes(changed)


@pytest.mark.parametrize("frame", [
    ChannelFrame(Kind.DATA, 0, seq=0), ChannelFrame(Kind.ACK, 0, seq=1), ChannelFrame(Kind.HELLO, 0, stream=1),
    ChannelFrame(Kind.ACK, 0, payload=b"x"), ChannelFrame(4, 0), ChannelFrame(0, 0),  # type: ignore[arg-type]
])
def test_a_channel_frame_that_contradicts_itself_is_refused(frame):
    with pytest.raises(ChannelBroken):
        ChannelFrame.decode(frame.encode())


def test_the_largest_payload_fits_and_one_byte_more_does_not():
    frame = ChannelFrame(Kind.DATA, 0, seq=1, payload=bytes(MAX_PAYLOAD))
    assert len(frame.encode()) == MAX_CLASS
    with pytest.raises(ValueError, match="do not fit"):
        ChannelFrame(Kind.DATA, 0, seq=1, payload=bytes(MAX_PAYLOAD + 1)).encode()


def test_payloads_come_back_as_they_were():
    assert envelope.decode_control(envelope.encode_control(End())) == End()
    longest = Text("\N{EURO SIGN}" * (MAX_TEXT // 3))
    assert envelope.decode_chat(envelope.encode_chat(longest)) == longest
    assert len(envelope.encode_chat(Text("x" * MAX_TEXT))) < MAX_PAYLOAD


@given(st.binary(max_size=100))
def test_any_payload_is_understood_or_a_typed_error(payload):
    for decode in (envelope.decode_control, envelope.decode_chat):
        with contextlib.suppress(ChannelBroken):
            decode(payload)


@pytest.mark.parametrize("payload", [
    msgpack.encode({"t": "text"}), msgpack.encode({"t": "text", "text": 1}), msgpack.encode({"t": "end"}),
    msgpack.encode({"t": "text", "text": "x", "more": 1}), msgpack.encode({"t": "text", "text": "x" * 16_001}),
    msgpack.encode({"t": "text", "text": "\N{EURO SIGN}" * 5_334}), b"\x82\xa1t\xa4text\xa4text\xa1\xff",
])
def test_a_text_that_is_none_is_refused(payload):
    with pytest.raises(ChannelBroken):
        envelope.decode_chat(payload)
