"""Bridge lines: what operators hand out is taken, and nothing that tor would read as anything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperd.config.bridges import MAX, TRANSPORTS, parse
from whisperd.errors import ConfigError

PRINT = "0123456789ABCDEF0123456789ABCDEF01234567"
CERT = "cert=" + "A" * 70
SNOWFLAKE = (f"snowflake 192.0.2.3:80 {PRINT} fingerprint={PRINT} url=https://broker.example/"
             " fronts=a.example,b.example ice=stun:stun.example:3478 utls-imitate=hellorandomizedalpn")


@pytest.mark.parametrize(("given_line", "transport", "line"), [
    ("192.0.2.1:443", None, "192.0.2.1:443"),
    (f"Bridge [2001:db8::1]:9001 {PRINT.lower()}", None, f"[2001:db8::1]:9001 {PRINT}"),
    (f"  bridge  obfs4 192.0.2.1:80 {PRINT} {CERT} iat-mode=0 ", "obfs4",
     f"obfs4 192.0.2.1:80 {PRINT} {CERT} iat-mode=0"),
    (f"obfs4 192.0.2.1:80 {CERT}", "obfs4", f"obfs4 192.0.2.1:80 {CERT}"),
    (SNOWFLAKE, "snowflake", SNOWFLAKE),
])
def test_lines_as_operators_hand_them_out_are_taken(given_line, transport, line):
    bridge = parse(given_line)
    assert (bridge.transport and bridge.transport.name, bridge.line) == (transport, line)


@pytest.mark.parametrize(("line", "complaint"), [
    ("", "the bridge's IP address"), ("Bridge", "the bridge's IP address"), ("obfs4", "the bridge's IP address"),
    ("bridge.example.org:443", "the bridge's IP address"), ("192.0.2.1", "transport '192.0.2.1'"),
    ("192.0.2.1:0", "address"), ("192.0.2.1:65536", "address"), ("2001:db8::1:443", "address"),
    (f"meek_lite 192.0.2.1:80 {PRINT}", "does not know the bridge transport 'meek_lite'"),
    (f"obfs4 192.0.2.1:80 {PRINT}", "must contain cert="), ("snowflake 192.0.2.1:80", "must contain url="),
    (f"192.0.2.1:80 {PRINT} {CERT}", "only an address and a fingerprint"),
    (f"obfs4 192.0.2.1:80 {PRINT} {PRINT} {CERT}", "neither a fingerprint nor"),
    (f"obfs4 192.0.2.1:80 {CERT} note", "neither a fingerprint nor"),
    (f"obfs4 192.0.2.1:80 {CERT} x={'y' * MAX}", "longer than"),
    ("192.0.2.1:80\nHiddenServiceDir /", "character '\\n'"), ("192.0.2.1:80 # a note", "character '#'"),
    ('"192.0.2.1:80"', "character"), ("192.0.2.1:80 \\", "character"), ("192.0.2.1:80\u00a0", "character"),
])
def test_a_line_that_is_none_is_refused_by_name(line, complaint):
    with pytest.raises(ConfigError) as caught:
        parse(line)
    assert complaint in caught.value.message


WORDS = st.sampled_from(["Bridge", "obfs4", "snowflake", "192.0.2.1:80", "[::1]:9", PRINT, CERT, "url=x", "\n", "#",
                         "\\"])


@given(st.one_of(st.text(), st.lists(WORDS, max_size=8).map(" ".join)))
def test_whatever_is_given_one_line_comes_out_that_says_the_same_again_or_nothing(text):
    try:
        bridge = parse(text)
    except ConfigError:
        return
    assert bridge.line.isascii() and bridge.line.isprintable() and not set(bridge.line) & set("#\"\\")
    assert parse(bridge.line) == bridge


def test_every_transport_names_its_programs_and_a_package():
    assert all(each.programs and each.package and each.patience > 1 for each in TRANSPORTS.values())
