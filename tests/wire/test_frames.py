"""The relay's frames: both directions of whisperd.1, WH15P3R's dialect, and what is refused with which code."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperd.wire import frames, relay_client, wh15p3r

KEY = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789_-AAAAA"
VECTORS = json.loads((Path(__file__).parent.parent / "vectors/relay_frames.json").read_text())


def keys() -> st.SearchStrategy[str]:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return st.builds(lambda most, last: most + last, st.text(alphabet, min_size=42, max_size=42),
                     st.sampled_from("AEIMQUYcgkosw048"))


def join(room: str) -> bytes:
    return json.dumps({"type": "join", "room": room, "token": KEY}).encode()


def code_of(decode, data: bytes) -> str:
    with pytest.raises(frames.FrameError) as caught:
        decode(data)
    return caught.value.code


@given(keys(), keys())
def test_client_frames_come_back_as_they_were(room: str, token: str) -> None:
    for frame in (frames.Join(room, token), frames.Leave()):
        assert frames.decode_client(relay_client.encode_client(frame)) == frame


@given(st.one_of(
    st.builds(frames.Joined, st.sampled_from([0, 1]), st.booleans(),
              st.builds(frames.AnnouncedLimits, st.integers(0, 2**31), st.integers(0, 2**31))),
    st.just(frames.Ready()),
    st.builds(frames.PeerLeft, st.sampled_from(["left", "lost"])),
    st.sampled_from(sorted(frames.ERRORS)).map(frames.RelayError.of)))
def test_server_frames_come_back_as_they_were(frame: frames.ServerFrame) -> None:
    assert relay_client.decode_server(frames.encode_server(frame)) == frame


@pytest.mark.parametrize("vector", VECTORS["frames"], ids=lambda vector: vector["name"])
def test_frames_look_as_the_vectors_say(vector: dict) -> None:
    decode, encode = {
        "whisperd.1 client": (frames.decode_client, relay_client.encode_client),
        "whisperd.1 relay": (relay_client.decode_server, frames.encode_server),
        "WH15P3R client": (wh15p3r.decode_wh15p3r, None),
    }[vector["from"]]
    data = vector["text"].encode()
    frame = decode(data)
    assert type(frame).__name__ == vector["decoded"]
    if encode is not None:
        assert encode(frame) == data


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: vector["name"])
def test_frames_are_refused_as_the_vectors_say(vector: dict) -> None:
    data = bytes.fromhex(vector["hex"])
    assert code_of({"whisperd.1": frames.decode_client, "WH15P3R": wh15p3r.decode_wh15p3r}[vector["dialect"]],
                   data) == vector["code"]


def test_the_vectors_hold_every_error_with_its_close_code() -> None:
    expected = {code: {"message": kind.message, "close": kind.close, "retry_after": kind.retry_after}
                for code, kind in frames.ERRORS.items()}
    assert VECTORS["errors"] == expected


def test_errors_of_the_other_dialect_have_a_code_and_a_message_only() -> None:
    assert json.loads(wh15p3r.encode_wh15p3r_error("room-full")) == {
        "type": "error", "code": "room-full", "message": "both seats of this room are taken"}


def test_fields_that_are_not_known_are_ignored_in_both_directions() -> None:
    assert relay_client.decode_server(b'{"type":"ready","since":1}') == frames.Ready()
    assert frames.decode_client(b'{"type":"leave","why":[{}]}') == frames.Leave()


@pytest.mark.parametrize("room", [KEY[:-1], KEY + "A", KEY[:-1] + "B", KEY[:-1] + "=", KEY[:-1] + "\n", "", "é" * 43])
def test_a_room_is_32_bytes_in_their_one_spelling(room: str) -> None:
    assert frames.decode_client(join(KEY)) == frames.Join(KEY, KEY)
    assert code_of(frames.decode_client, join(room)) == "bad-frame"


def test_a_type_that_stands_twice_is_refused_and_of_other_fields_the_last_counts_as_in_a_browser() -> None:
    assert code_of(wh15p3r.decode_wh15p3r, b'{"type":"offer","sessionCode":"A","offer":1,"type":"join"}') == "bad-frame"
    text = b'{"type":"offer","sessionCode":"A","offer":1,"s\\u0065ssionCode":"B"}'
    assert wh15p3r.decode_wh15p3r(text).session_code == json.loads(text)["sessionCode"] == "B"


def test_a_token_does_not_show_when_a_join_is_printed() -> None:
    assert KEY not in repr(frames.Join(KEY, KEY))


@pytest.mark.parametrize("decode", [frames.decode_client, relay_client.decode_server, wh15p3r.decode_wh15p3r])
def test_nesting_without_end_is_bad_json_and_no_crash(decode) -> None:
    assert code_of(decode, b'{"type":"join","more":' + b"[" * 200_000) == "bad-json"


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_a_typed_error(data: bytes) -> None:
    for decode in (frames.decode_client, relay_client.decode_server, wh15p3r.decode_wh15p3r):
        try:
            decode(data)
        except frames.FrameError as error:
            assert error.code in frames.ERRORS


_JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
                     lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
                         st.sampled_from(["type", "room", "token", "sessionCode", "isInitiator", "offer", "answer",
                                          "candidate", "code", "seat"]), inner, max_size=5), max_leaves=12)


@given(_JSON, st.sampled_from(["join", "leave", "offer", "answer", "ice-candidate", "joined", "error", "?", None]))
def test_any_json_is_a_frame_or_a_typed_error_other_than_bad_json(value: object, kind: str | None) -> None:
    if kind is not None and isinstance(value, dict):
        value["type"] = kind
    data = msgspec.json.encode(value)
    for decode in (frames.decode_client, relay_client.decode_server, wh15p3r.decode_wh15p3r):
        try:
            decode(data)
        except frames.FrameError as error:
            assert error.code in ("bad-frame", "unknown-type")
