"""The relay's HTTP beside h11, on the same bytes: what it takes h11 takes and reads alike; what h11 refuses it refuses.

It is stricter on purpose, as nothing that speaks to it needs more: methods of at most 16 capital letters, HTTP/1.0 and
1.1 only, CR and LF at the end of each line, no folded lines, no control characters but tabs, heads of at most 8,192
bytes, and no field twice that has to stand alone. It is more lenient in one thing: an empty line in front of a request
is forgiven, as RFC 9112 asks in 2.2.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.relay.fuzz import corpus, mutate
from whisperd.relay import web

CASES = 3_000
TAKEN, STRICTER, REFUSED, WAITING = "both take it", "ours refuses", "both refuse", "ours waits"
FORGIVEN = "ours forgives"

CRLF = b"\r\n"
HEADS = {
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n": TAKEN,
    b"GET /a?b=c HTTP/1.0\r\n\r\n": TAKEN,
    b"GET / HTTP/1.1\r\nhost:a\r\nX:  \t \r\nx: 1 \r\n\r\n": TAKEN,
    b"GET / HTTP/1.1\r\nHost: a\r\nX: a\tb \xe9\r\n\r\n": TAKEN,
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde": TAKEN,
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n": TAKEN,
    b"GET http://a/b?c HTTP/1.1\r\nHost: a\r\n\r\n": TAKEN,
    b"GET HTTPS://a HTTP/1.1\r\nHost: a\r\n\r\n": TAKEN,
    b"GET / HTTP/1.1\r\n\r\n": REFUSED,
    b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n": FORGIVEN,
    b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n": REFUSED,
    b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x01b\r\n\r\n": STRICTER,
    b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n": STRICTER,
    b"get / HTTP/1.1\r\nHost: a\r\n\r\n": STRICTER,
    b"GET / HTTP/1.1\nHost: a\n\n": WAITING,
    b"GET / HTTP/1.1\r\nHost: a\r\nOrigin: a\r\nOrigin: b\r\n\r\n": STRICTER,
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n": REFUSED,
    b"GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n": REFUSED,
    b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x0bb\r\n\r\n": REFUSED,
    b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n": REFUSED,
    b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n": REFUSED,
    b"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n": REFUSED,
    b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n": REFUSED,
    b"GET /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n": REFUSED,
    b"GET / HTTP/11\r\nHost: a\r\n\r\n": REFUSED,
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n": REFUSED,
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n": REFUSED,
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n": REFUSED,
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n": REFUSED,
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n": REFUSED,
}


def read_by_h11(data: bytes) -> h11.Request | None:
    """Return the request that ``data`` begins with, None while its head is not whole; raises RemoteProtocolError."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    event = connection.next_event()
    return event if isinstance(event, h11.Request) else None


def compared(data: bytes) -> str:
    """Return how the two agree on ``data``; asserts that they do."""
    try:
        ours, refused = web.read_head(data), False
    except web.HttpRefused:
        ours, refused = None, True
    try:
        theirs = read_by_h11(data)
    except h11.RemoteProtocolError as error:
        if ours is not None:
            assert data.startswith(CRLF) and compared(data.removeprefix(CRLF)) == TAKEN, (data, error)
            return FORGIVEN
        return REFUSED if refused else WAITING
    if ours is None:
        return STRICTER if refused else WAITING
    assert theirs is not None, data
    fields: dict[str, str] = {}
    for name, value in theirs.headers:
        text = value.decode("latin-1")
        fields[name.decode()] = f"{fields[name.decode()]}, {text}" if name.decode() in fields else text
    major, minor = ours.version
    path = theirs.target.decode().partition("?")[0]
    if path.lower().startswith(("http://", "https://")) and path.split("/")[2]:  # h11 leaves it absolute
        path = "/" + "/".join(path.split("/")[3:])
    assert (ours.method, ours.path, f"{major}.{minor}") == (theirs.method.decode(), path, theirs.http_version.decode())
    assert {name: value.lower() if name == "transfer-encoding" else value for name, value in ours.headers.items()} == \
        fields, "h11 writes that one in lower case"
    return TAKEN


@pytest.mark.parametrize("head", HEADS, ids=range(len(HEADS)))
def test_both_read_these_heads_as_they_are_meant(head: bytes) -> None:
    assert compared(head) == HEADS[head]


def test_both_agree_on_what_the_fuzzer_makes_and_it_makes_some_of_each() -> None:
    random, seeds = Random(13), [*corpus("http"), *HEADS]
    found = Counter(compared(mutate(random, seeds)) for _ in range(CASES))
    assert found[TAKEN] > CASES / 10 and found[REFUSED] > CASES / 10 and found[STRICTER] > CASES / 50, found


names = st.sampled_from([b"Host", b"host", b"X", b"Content-Length", b"Transfer-Encoding", b"Connection", b"Origin",
                         b"X y"])
values = st.one_of(st.sampled_from([b"a", b" a\t", b"5", b"chunked", b"close", b"", b"a, b"]), st.binary(max_size=6))
lines = st.builds(lambda name, space, value: name + b":" + space + value, names, st.sampled_from([b"", b" ", b"\t "]),
                  values)


@settings(max_examples=600, deadline=None)
@given(st.sampled_from([b"GET", b"POST", b"HEAD", b"get", b"G-T"]),
       st.sampled_from([b"/", b"/a?b", b"*", b"", b"/\xe9"]),
       st.sampled_from([b"1.1", b"1.1", b"1.0", b"2.0", b"1"]), st.lists(lines, max_size=5))
def test_both_agree_on_heads_of_any_lines(method: bytes, target: bytes, version: bytes, fields: list[bytes]) -> None:
    head = CRLF.join([b"%b %b HTTP/%b" % (method, target, version), *fields])
    compared(head + CRLF + CRLF)
    compared(head + CRLF + b"Host: a" + CRLF + CRLF)
