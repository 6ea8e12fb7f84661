"""Credentials of private onion services: one line that is whole or refused, and the list of those who may."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperd.errors import CredentialMalformed, OnionKeyUnusable, UsageError
from whisperd.tor.dial.onion_names import onion_name
from whisperd.tor.onion.add_onion import add_onion
from whisperd.tor.onion.authorized_clients import MAX_CLIENTS, ClientList
from whisperd.tor.onion.client_auth import base32, new_credential, parse
from whisperd.tor.onion.key import new_key
from whisperd.tor.onion.publication import Publication

ADDRESS = onion_name(bytes(32))


@given(st.binary(min_size=32, max_size=32))
def test_a_line_brings_back_the_credential(secret: bytes) -> None:
    credential = new_credential(ADDRESS, lambda size: secret[:size])
    assert parse(f"  {credential.line}\n") == credential and len(credential.public) == 52
    assert credential.line.startswith(ADDRESS[:56] + ":descriptor:x25519:")
    assert base32(secret) not in repr(credential)


@pytest.mark.parametrize("change", [
    lambda line: line[:-1], lambda line: line + "A", lambda line: line.replace("x25519", "ed25519"),
    lambda line: "b" + line[1:], lambda line: "", lambda line: line.replace(":", " "), lambda line: line[:-2] + "1!",
])
def test_a_line_that_is_not_whole_is_refused(change) -> None:
    with pytest.raises(CredentialMalformed):
        parse(change(new_credential(ADDRESS, os.urandom).line))


@given(st.text(max_size=200))
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(CredentialMalformed):
        parse(text)


def test_clients_are_kept_for_the_owner_only_and_come_back_in_order(tmp_path) -> None:
    path = tmp_path / "state" / "onion.key.clients"
    keys = {name: base32(os.urandom(32)) for name in ("zoe", "anna")}
    for name, key in keys.items():
        ClientList(path).add(name, key)
    assert path.stat().st_mode & 0o777 == 0o600
    again = ClientList(path)
    assert again.names == ["zoe", "anna"] and again.keys == list(keys.values())
    again.remove("zoe")
    assert ClientList(path).names == ["anna"]


def test_clients_in_memory_leave_no_file_behind(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    clients = ClientList(None)
    clients.add("anna", base32(bytes(32)))
    assert clients.names == ["anna"] and not list(tmp_path.iterdir())


def test_names_are_checked() -> None:
    clients = ClientList(None)
    clients.add("anna", base32(bytes(32)))
    for name in ("anna", "", "a b", "a\nb", "x" * 33):
        with pytest.raises(UsageError):
            clients.add(name, base32(bytes(32)))
    with pytest.raises(UsageError):
        clients.remove("bert")


def test_there_is_a_most() -> None:
    clients = ClientList(None)
    for number in range(MAX_CLIENTS):
        clients.add(f"n{number}", base32(bytes(32)))
    with pytest.raises(UsageError, match="which is the maximum"):
        clients.add("one-more", base32(bytes(32)))


@pytest.mark.parametrize(("content", "mode"), [("anna nonsense\n", 0o600), ("anna " + "A" * 52 + "\n", 0o640)])
def test_a_file_that_others_read_or_that_is_damaged_lets_nobody_in(tmp_path, content: str, mode: int) -> None:
    path = tmp_path / "clients"
    path.write_text(content)
    path.chmod(mode)
    with pytest.raises(OnionKeyUnusable):
        ClientList(path).keys  # noqa: B018 - it is the reading that fails


def test_what_tor_is_asked_for() -> None:
    key = new_key(os.urandom)
    assert add_onion(Publication(key, 80, 1234)) == f"ADD_ONION {key.text} Port=80,127.0.0.1:1234"
    assert add_onion(Publication(key, 80, 1234, clients=["A", "B"], max_streams=9, pow=True)) == (
        f"ADD_ONION {key.text} Flags=V3Auth,MaxStreamsCloseCircuit MaxStreams=9 PoWDefensesEnabled=1 "
        "Port=80,127.0.0.1:1234 ClientAuthV3=A ClientAuthV3=B")
