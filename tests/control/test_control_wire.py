"""The control socket's lines: what goes in comes out, and whatever is wrong has a typed fault."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperd.errors import ConversationUnknown, UsageError, WhisperdError, catalogue
from whisperd.wire import control
from whisperd.wire.control import Fault, Lines, LineTooLong, Response

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=64)
IDS = st.none() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXTS
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4))
FIELDS = st.dictionaries(TEXTS.filter(lambda name: name != "event"), VALUES, max_size=5)


@given(IDS, TEXTS, FIELDS)
def test_a_request_survives_the_line(request_id, method, params) -> None:
    line = control.encode_request(request_id, method, params)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    request = control.decode_request(line[:-1])
    assert (request.id, request.method, request.params) == (request_id, method, params)


@given(IDS, VALUES)
def test_a_result_survives_the_line(request_id, result) -> None:
    assert control.decode_incoming(control.encode_result(request_id, result)) == Response(request_id, result)


@given(TEXTS, FIELDS)
def test_an_event_survives_the_line(name, fields) -> None:
    event = {"event": name, **fields}
    assert control.decode_incoming(control.encode_event(event)) == event


@pytest.mark.parametrize("kind", catalogue().values(), ids=lambda kind: kind.code)
def test_every_error_is_of_the_same_class_on_the_other_side(kind: type[WhisperdError]) -> None:
    fault = Fault.of(kind("what happened", remedy="what to do"), 7)
    assert fault.number == -32000 - kind.exit_status
    answer = control.decode_incoming(control.encode_fault(fault))
    assert isinstance(answer, Response) and answer.id == 7
    assert type(answer.error) is kind
    assert (answer.error.message, answer.error.remedy) == ("what happened", "what to do")


def test_an_error_of_an_unknown_code_keeps_its_message() -> None:
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "error": {"code": -32123, "message": "from the future",
                                                            "data": {"code": "time-travel", "remedy": "Go back."}}})
    answer = control.decode_incoming(line.encode())
    assert isinstance(answer, Response) and type(answer.error) is WhisperdError
    assert (answer.error.message, answer.error.remedy) == ("from the future", "Go back.")


@given(st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_no_line_does_anything_but_parse_or_fault(line: bytes) -> None:
    try:
        control.decode_request(line)
    except Fault as fault:
        assert fault.number in {control.PARSE_ERROR, control.INVALID_REQUEST, control.INVALID_PARAMS}
        assert json.loads(control.encode_fault(fault))["error"]["data"]["code"] == "usage"


@pytest.mark.parametrize(("line", "number"), [
    (b"", control.PARSE_ERROR),
    (b"{", control.PARSE_ERROR),
    (b'"\xff"', control.PARSE_ERROR),
    (b"[" * 100_000, control.PARSE_ERROR),
    (b'{"jsonrpc":"2.0","id":1,"method":"\\ud800"}', control.PARSE_ERROR),
    (b"3", control.INVALID_REQUEST),
    (b'{"id":1,"method":"status"}', control.INVALID_REQUEST),
    (b'{"jsonrpc":"1.0","id":1,"method":"status"}', control.INVALID_REQUEST),
    (b'{"jsonrpc":"2.0","id":1}', control.INVALID_REQUEST),
    (b'{"jsonrpc":"2.0","id":1.5,"method":"status"}', control.INVALID_REQUEST),
    (b'{"jsonrpc":"2.0","id":true,"method":"status"}', control.INVALID_REQUEST),
    (b'{"jsonrpc":"2.0","id":1,"method":"status","params":[1]}', control.INVALID_PARAMS),
])
def test_each_kind_of_nonsense_has_its_number(line: bytes, number: int) -> None:
    with pytest.raises(Fault) as caught:
        control.decode_request(line)
    assert caught.value.number == number


def test_a_batch_is_refused_by_name() -> None:
    with pytest.raises(Fault, match="batches are not supported") as caught:
        control.decode_request(b'[{"jsonrpc":"2.0","id":1,"method":"status"}]')
    assert caught.value.number == control.INVALID_REQUEST


def test_an_invalid_request_is_answered_to_its_id_if_that_can_be_read() -> None:
    with pytest.raises(Fault) as caught:
        control.decode_request(b'{"jsonrpc":"2.0","id":7,"method":3}')
    assert caught.value.request == 7


def test_a_request_without_id_differs_from_one_with_null() -> None:
    assert control.decode_request(b'{"jsonrpc":"2.0","method":"status"}').id is msgspec.UNSET
    assert control.decode_request(b'{"jsonrpc":"2.0","method":"status","id":null}').id is None


def test_a_client_refuses_lines_that_are_no_answer() -> None:
    for line in (b"", b"[]", b'{"jsonrpc":"2.0","method":"other"}', b'{"jsonrpc":"2.0","error":3}'):
        with pytest.raises(msgspec.DecodeError):
            control.decode_incoming(line)


@given(st.lists(st.binary(max_size=50).map(lambda line: line.replace(b"\n", b"")), max_size=10), st.data())
def test_lines_come_out_whole_however_the_stream_is_cut(lines: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(line + b"\n" for line in lines) + b"rest"
    splitter, found = Lines(), []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        found += splitter.feed(stream[:cut])
        stream = stream[cut:]
    assert found == lines


def test_the_longest_line_passes_and_one_byte_more_does_not() -> None:
    longest = b"x" * (control.MAX_LINE - 1)
    assert list(Lines().feed(longest + b"\n")) == [longest]
    for too_long in (longest + b"x\n", longest + b"x"):
        with pytest.raises(LineTooLong):
            list(Lines().feed(too_long))


def test_lines_before_one_that_is_too_long_are_still_read() -> None:
    found = []
    with pytest.raises(LineTooLong):
        for line in Lines().feed(b"good\n" + b"x" * control.MAX_LINE):
            found.append(line)
    assert found == [b"good"]


def test_a_stream_byte_by_byte_does_not_cost_the_square_of_its_length() -> None:
    splitter = Lines()
    for _ in range(200_000):
        assert list(splitter.feed(b"x")) == []
    assert list(splitter.feed(b"\n")) == [b"x" * 200_000]


def test_what_does_not_fit_into_a_line_is_not_encoded() -> None:
    for encode in (lambda text: control.encode_result(1, text), lambda text: control.encode_event({"event": text}),
                   lambda text: control.encode_request(1, "m", {"text": text})):
        with pytest.raises(LineTooLong):
            encode("x" * control.MAX_LINE)


def test_a_fault_of_a_usage_error_names_the_number_of_its_class() -> None:
    assert (Fault.of(UsageError()).number, Fault.of(ConversationUnknown()).number) == (-32002, -32055)
