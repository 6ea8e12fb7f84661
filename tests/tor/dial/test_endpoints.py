"""Addresses of tor's sockets never need a resolver."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperd.errors import ConfigError
from whisperd.tor.dial.endpoints import LocalAddress, parse


@pytest.mark.parametrize("text", ["unix:/run/tor/control", "unix:/a b", "tcp:127.0.0.1:9051", "tcp:10.152.152.10:9050"])
def test_a_place_reads_back_as_it_was_written(text: str) -> None:
    assert str(parse(text)) == text


def test_localhost_is_an_address_here() -> None:
    assert parse("tcp:localhost:9050") == LocalAddress(host="127.0.0.1", port=9050)


@pytest.mark.parametrize("text", ["tcp:tor.example.org:9051", "tcp:127.0.0.1", "tcp:127.0.0.1:0", "unix:relative",
                                  "127.0.0.1:9051", "tcp:127.0.0.1:65536", ""])
def test_a_place_that_is_wrong_or_needs_a_resolver_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse(text)


@given(st.text())
def test_no_text_gets_more_than_a_typed_error(text: str) -> None:
    for candidate in (text, f"tcp:{text}", f"tcp:127.0.0.1:{text}"):
        try:
            parse(candidate)
        except ConfigError:
            continue
