"""The relay's HTTP: heads in, answers and upgrades out, without a socket."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperd.relay import web

UPGRADE = (b"GET /any/path HTTP/1.1\r\nHost: relay\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n")


def head(data: bytes) -> web.Head:
    found = web.read_head(data)
    assert found is not None
    return found


def parsed(response: bytes) -> tuple[int, dict[str, str], bytes]:
    top, _, body = response.partition(b"\r\n\r\n")
    status, *fields = top.decode().split("\r\n")
    return int(status.split()[1]), dict(field.split(": ", 1) for field in fields), body


def status_of(data: bytes) -> int:
    with pytest.raises(web.HttpRefused) as caught:
        found = web.read_head(data)
        assert found is not None
        web.upgrade(found)
    return caught.value.status


def test_a_head_is_waited_for_until_its_end() -> None:
    for length in range(len(UPGRADE) + 1):
        assert web.read_head(UPGRADE[:length]) is None
    assert head(UPGRADE + b"\r\nframes").rest == b"frames"


def test_any_path_upgrades_to_the_dialect_that_is_asked_for() -> None:
    assert web.upgrade(head(UPGRADE + b"\r\n")) == web.Upgrade("dGhlIHNhbXBsZSBub25jZQ==", None)
    ours = web.upgrade(head(UPGRADE + b"Sec-WebSocket-Protocol: chat, whisperd.1\r\n\r\n"))
    assert ours is not None
    assert ours.subprotocol == "whisperd.1"


@pytest.mark.parametrize("origin", [b"null", b"https://example.org", b"file://", b"chrome-extension://abc"])
def test_any_origin_upgrades(origin: bytes) -> None:
    assert web.upgrade(head(UPGRADE + b"Origin: " + origin + b"\r\n\r\n")) is not None


@pytest.mark.parametrize(("change", "status"), [
    ((b"Version: 13", b"Version: 8"), 426),
    ((b"dGhlIHNhbXBsZSBub25jZQ==", b"dGhlIHNhbXBsZQ=="), 400),
    ((b"dGhlIHNhbXBsZSBub25jZQ==", b"not base64, 24 chars !!!"), 400),
    ((b"Sec-WebSocket-Key", b"X-Key"), 400),
    ((b"keep-alive, Upgrade", b"keep-alive"), 400),
    ((b"HTTP/1.1", b"HTTP/1.0"), 400),
    ((b"GET", b"POST"), 400),
    ((b"Host: relay", b"Sec-WebSocket-Protocol: whisperd.2"), 400),
    ((b"Host: relay", b"Sec-WebSocket-Protocol:"), 400),
    ((b"Host: relay", b"Host: relay\r\nHost: other"), 400),
    ((b"Host: relay", b" folded"), 400),
    ((b"Host: relay", b"no colon"), 400),
    ((b"GET /any/path", b"GET  /any/path"), 400),
    ((b"GET /any/path HTTP/1.1", b"PRI * HTTP/2.0"), 505),
    ((b"GET", b"\x16\x03\x01"), 400),
])
def test_a_handshake_that_is_not_right_is_refused(change: tuple[bytes, bytes], status: int) -> None:
    assert change[0] in UPGRADE
    assert status_of(UPGRADE.replace(*change) + b"\r\n") == status


def test_a_head_of_more_than_8192_bytes_is_refused() -> None:
    assert status_of(b"GET / HTTP/1.1\r\nX: " + b"a" * web.MAX_HEAD) == 431


def test_health_and_the_short_text_are_answered_with_their_length() -> None:
    health = {"status": "ok", "sessions": 3}
    status, fields, body = parsed(web.answer(head(b"GET /health?x=1 HTTP/1.0\r\n\r\n"), health))
    assert (status, json.loads(body)) == (200, health)
    assert fields["Content-Length"] == str(len(body))
    status, fields, body = parsed(web.answer(head(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), {}))
    assert (status, fields["Content-Length"]) == (200, str(len(body)))


def test_head_requests_get_the_length_without_the_body() -> None:
    status, fields, body = parsed(web.answer(head(b"HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n"), {"status": "ok"}))
    assert (status, fields["Content-Length"], body) == (200, "15", b"")


def test_everything_else_is_not_there() -> None:
    assert parsed(web.answer(head(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), {}))[0] == 404
    assert parsed(web.answer(head(b"GET http://x/metrics HTTP/1.1\r\nHost: x\r\n\r\n"), {}))[0] == 404
    assert parsed(web.answer(head(b"GET http://x/health?y HTTP/1.1\r\nHost: x\r\n\r\n"), {}))[0] == 200
    assert parsed(web.answer(head(b"GET ftp://x/health HTTP/1.1\r\nHost: x\r\n\r\n"), {}))[0] == 404
    status, fields, _ = parsed(web.answer(head(b"POST /health HTTP/1.1\r\nHost: x\r\n\r\n"), {}))
    assert (status, fields["Allow"]) == (405, "GET, HEAD")


def test_no_answer_tells_a_version() -> None:
    for response in (web.denial(503, "draining"), web.refusal(web.HttpRefused(400, "no")), web.respond(200, "")):
        assert parsed(response)[1]["Server"] == "whisperd"


def test_a_relay_that_is_full_says_when_to_come_again() -> None:
    status, fields, body = parsed(web.denial(503, "too-many-connections"))
    assert (status, fields["Retry-After"], json.loads(body)["code"]) == (503, "30", "too-many-connections")


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_give_a_head_or_nothing_yet_or_a_refusal(data: bytes, ended: bool) -> None:
    try:
        found = web.read_head(data + (b"\r\n\r\n" if ended else b""))
        if found is not None:
            web.upgrade(found)
            web.answer(found, {})
    except web.HttpRefused as error:
        assert web.refusal(error).startswith(b"HTTP/1.1 ")


@given(st.lists(st.sampled_from([b"GET ", b"/ ", b"HTTP/1.1", b"\r\n", b"Upgrade: websocket", b"Connection: upgrade",
                                 b"Host: \xff", b": ", b"Sec-WebSocket-Key: ", b"\x00", b"Sec-WebSocket-Version: 13"])))
def test_any_mixture_of_parts_gives_a_head_or_nothing_yet_or_a_refusal(parts: list[bytes]) -> None:
    try:
        found = web.read_head(b"".join(parts) + b"\r\n\r\n")
        assert found is None or web.upgrade(found) is None or isinstance(web.upgrade(found), web.Upgrade)
    except web.HttpRefused as error:
        assert 400 <= error.status < 600
