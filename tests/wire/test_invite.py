"""Invite links: every rule has its own error, and nothing else is ever raised."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from whisperd.cli.render import qr_text
from whisperd.errors import InviteExpired, InviteMalformed, InviteTruncated, InviteVersionUnknown
from whisperd.wire.invite import CLOCK_SKEW, MAX_RELAYS, Invite, RelayAddress, cleaned, parse

ONION = "a" * 55 + "d.onion"
NOW = 1_800_000_000
INVITE = Invite(RelayAddress(ONION), 2, NOW + 3600, bytes(range(32)))
OTHERS = (RelayAddress("b" * 55 + "d.onion", 8080), RelayAddress("127.0.0.1", 8787), RelayAddress("localhost", 1))
SEVERAL = Invite(RelayAddress(ONION), 2, NOW + 3600, bytes(range(32)), OTHERS)
ERRORS = (InviteExpired, InviteMalformed, InviteTruncated, InviteVersionUnknown)

hosts = st.one_of(st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=56, max_size=56).map("{}.onion".format),
                  st.sampled_from(["127.0.0.1", "localhost", "[::1]"]))
addresses = st.builds(RelayAddress, hosts, st.integers(1, 65_535))
invites = st.builds(Invite, addresses, st.integers(1, 3), st.integers(NOW, 2**32 - 1), st.binary(min_size=32,
                                                                                             max_size=32))
several = st.builds(lambda one, named: Invite(named[0], one.floor, one.expires, one.secret, tuple(named[1:])), invites,
                    st.lists(addresses, min_size=1, max_size=MAX_RELAYS, unique=True))


def with_payload(payload: bytes, authority: str = ONION) -> str:
    """Return a link with any payload; nothing is checked."""
    return f"http://{authority}/#" + base64.urlsafe_b64encode(payload).decode().rstrip("=")


def with_check(head: bytes, authority: str = ONION) -> str:
    """Return a link whose check is right, whatever it says; ``head`` is all that stands before the check."""
    digest = hashlib.sha256(b"whisperd/1 invite check" + authority.encode() + head).digest()
    return with_payload(head + digest[:4], authority)


def payload_of(link: str) -> bytes:
    fragment = link.partition("#")[2]
    return base64.urlsafe_b64decode(fragment + "=" * (-len(fragment) % 4))


@given(invites)
def test_a_link_says_what_went_into_it_and_is_short(invite):
    assert parse(invite.link(), NOW) == invite
    assert len(invite.link()) <= 200


@given(several)
def test_a_link_names_several_relays_in_their_order(invite):
    assert parse(invite.link(), NOW) == invite and parse(invite.link(), NOW).relays[0] == invite.relay


def test_a_link_of_one_relay_is_what_it_always_was():
    assert payload_of(INVITE.link())[0] == 1 and len(INVITE.link()) == 7 + 62 + 2 + 56


def test_a_link_of_the_most_relays_still_fits_into_a_terminal_as_a_qr_code():
    onions = [RelayAddress("%s.onion" % (letter * 56), 65_535) for letter in "abcdefg"[:MAX_RELAYS]]
    link = Invite(onions[0], 3, 2**32 - 1, bytes(32), tuple(onions[1:])).link()
    assert len(link) <= 200 + 51 * (MAX_RELAYS - 1)
    assert max(len(line) for line in qr_text(link).splitlines()) <= 80


@pytest.mark.parametrize("frame", [
    "<{}>", "({})", "[{}].", "\u201e{}\u201c,", "**{}**", "`{}`", "'{}'!", "{}...", "\ufeff{}\u200b", " {}\r\n",
    "{}?fbclid=IwAR0x-y_z", "{}&utm_source=a", "({}?fbclid=a).",
])
@pytest.mark.parametrize("invite", [INVITE, SEVERAL, Invite(RelayAddress("[::1]"), 1, NOW + 60, bytes(32))])
def test_what_is_pasted_around_a_link_does_not_matter(invite, frame):
    assert parse(frame.format(invite.link()), NOW) == invite


@given(invites, st.integers(1, 60), st.sampled_from(["\n", "\r\n", "\n  ", "\u00ad", " "]))
def test_a_link_may_be_broken_into_lines(invite, place, space):
    link = invite.link()
    assert parse(link[:place] + space + link[place:], NOW) == invite


def test_a_query_in_front_of_the_fragment_does_not_matter():
    assert parse(INVITE.link().replace("/#", "/?fbclid=IwAR0#"), NOW) == INVITE


@given(st.text(max_size=200))
def test_cleaning_takes_anything_and_changes_nothing_more_when_it_is_done_twice(text):
    assert cleaned(cleaned(text)) == cleaned(text)


def test_whitespace_around_and_capitals_in_the_host_do_not_matter():
    link = INVITE.link()
    assert parse(f"\n  {link}\t", NOW) == INVITE
    assert parse(link.replace(ONION, ONION.upper()).replace("http", "HTTP"), NOW) == INVITE


def test_a_port_that_is_written_out_is_covered_by_the_check():
    payload = payload_of(Invite(RelayAddress(ONION, 8080), 2, NOW, bytes(32)).link())
    assert parse(with_payload(payload, f"{ONION}:8080"), NOW).relay == RelayAddress(ONION, 8080)
    with pytest.raises(InviteMalformed):
        parse(with_payload(payload), NOW)


@pytest.mark.parametrize("link", [
    "", "hello", "https://" + INVITE.link()[7:], "ftp" + INVITE.link()[4:], INVITE.link()[7:],
    INVITE.link().replace("/#", "#"), INVITE.link() + "=", INVITE.link() + "\u00e9", INVITE.link().replace("/#", "/x#"),
    INVITE.link()[:100] + "/" + INVITE.link()[100:],
])
def test_what_is_no_link_is_malformed(link):
    with pytest.raises(InviteMalformed):
        parse(link, NOW)


@pytest.mark.parametrize("length", range(7, len(INVITE.link())))
def test_a_link_without_its_end_is_truncated(length):
    with pytest.raises(InviteTruncated):
        parse(INVITE.link()[:length], NOW)


def test_a_link_of_several_relays_without_its_end_is_truncated():
    for length in range(7, len(SEVERAL.link())):
        with pytest.raises(InviteTruncated):
            parse(SEVERAL.link()[:length], NOW)


@pytest.mark.parametrize("others", [
    b"\0", bytes([MAX_RELAYS]) + OTHERS[0].pack() * MAX_RELAYS, b"\1\0\0\0", b"\1\5\0\0", b"\1\3\0\0",
    b"\1\2\x08\x08\x08\x08\0\x50", b"\2" + OTHERS[1].pack() * 2, b"\1" + INVITE.relay.pack(),
    b"\1" + OTHERS[0].pack() + b"\0",
])
def test_further_relays_that_do_not_follow_the_page_are_malformed(others):
    with pytest.raises(InviteMalformed):
        parse(with_check(b"\2" + payload_of(INVITE.link())[1:38] + others), NOW)


def test_an_address_of_this_machine_that_is_none_is_malformed():
    for host in ("127.256.0.1", "127.0.0.01"):
        with pytest.raises(InviteMalformed):
            RelayAddress.parse(host)


@pytest.mark.parametrize("length", [1, 41, 42, 43])
def test_another_version_is_named_before_the_length_is_looked_at(length):
    with pytest.raises(InviteVersionUnknown):
        parse(with_payload(b"\x03".ljust(length, b"x")), NOW)


@pytest.mark.parametrize("surplus", ["A", "AA", "AAAA"])
def test_a_link_that_is_too_long_is_malformed(surplus):
    with pytest.raises(InviteMalformed):
        parse(INVITE.link() + surplus, NOW)


@given(st.sampled_from([INVITE, SEVERAL]), st.integers(0, len(SEVERAL.link()) - 1),
       st.sampled_from("abcdefghijklmnopqrstuvwxyzABC0123456789-_"))
def test_one_wrong_character_anywhere_is_noticed(invite, place, character):
    link = invite.link()
    place %= len(link)
    changed = link[:place] + character + link[place + 1:]
    if changed.lower() == link.lower() and place < link.index("#"):
        assert parse(changed, NOW) == invite
    elif changed != link:
        with pytest.raises((InviteMalformed, InviteTruncated, InviteVersionUnknown)):
            parse(changed, NOW)


@pytest.mark.parametrize("floor", [0, 4, 255])
def test_a_floor_that_does_not_exist_is_malformed(floor):
    with pytest.raises(InviteMalformed):
        parse(with_check(bytes([1, floor]) + payload_of(INVITE.link())[2:38]), NOW)


@pytest.mark.parametrize("authority", [
    "example.com", "10.0.0.1", "a.onion", "a" * 57 + ".onion", f"user@{ONION}", f"{ONION}:0", f"{ONION}:65536",
    f"{ONION}:", f"{ONION}:80:80", "127.0.0.1.example.com", "", f"{ONION}\n", "١٢٧.0.0.1",
])
def test_a_host_that_is_neither_an_onion_nor_this_machine_is_malformed(authority):
    with pytest.raises(InviteMalformed):
        parse(with_check(payload_of(INVITE.link())[:38], authority), NOW)


@pytest.mark.parametrize("authority", [f"{ONION}:80", "localhost:80", "[::1]:80", f"{ONION}:08080", "127.0.0.1:0080"])
def test_a_port_that_a_browser_would_spell_otherwise_is_malformed(authority):
    with pytest.raises(InviteMalformed, match="port"):
        parse(with_check(payload_of(INVITE.link())[:38], authority), NOW)


def test_an_invite_expires_two_minutes_after_its_time():
    late = INVITE.expires + CLOCK_SKEW
    assert parse(INVITE.link(), late) == INVITE
    with pytest.raises(InviteExpired):
        parse(INVITE.link(), late + 1)


@given(st.one_of(st.text(), st.text().map("http://{}".format), st.text().map(f"http://{ONION}/#{{}}".format),
                 st.binary(max_size=60).map(with_payload)))
@example("http://" + ONION + "/#" + "_" * 56)
def test_nothing_but_a_typed_error_is_ever_raised(link):
    with pytest.raises(ERRORS):
        parse(link, NOW)


def test_the_secret_is_not_shown():
    assert "secret" not in repr(INVITE) and "\\x1f" not in repr(INVITE)
