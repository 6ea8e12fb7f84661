"""The torrc lines of a private network: everything stays on loopback, and the vote is well timed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperd.errors import ConfigError
from whisperd.tor.process import torrc
from whisperd.tor.testnet import layout

PLAN = layout.plan(Path("/net/nodes"), 3, range(20_000, 20_100))
AUTHORITIES = [layout.Authority(node, "F" * 40, "A" * 40) for node in PLAN.authorities]


def lines(node: layout.Node) -> list[str]:
    return layout.node_lines(PLAN, node, AUTHORITIES, layout.Vote(1_000_000.0))


def test_there_are_three_authorities_four_relays_and_the_clients_asked_for() -> None:
    assert [len(PLAN.authorities), len(PLAN.relays), len(PLAN.clients)] == [3, 4, 3]


def test_no_two_nodes_share_a_port() -> None:
    ports = [port for node in PLAN.nodes for port in (node.or_port, node.dir_port) if port]
    assert len(ports) == len(set(ports)) == layout.ports_needed()


@pytest.mark.parametrize("node", PLAN.servers, ids=lambda node: node.name)
def test_servers_listen_and_lead_to_loopback_only(node: layout.Node) -> None:
    text = lines(node)
    assert all("127.0.0.1:" in line for line in text if line.startswith(("ORPort", "DirPort")))
    assert [line for line in text if line.startswith("ExitPolicy ")] == [
        "ExitPolicy accept 127.0.0.0/8:*", "ExitPolicy reject *:*"]
    assert "SocksPort 0" in text


@pytest.mark.parametrize("node", PLAN.clients, ids=lambda node: node.name)
def test_clients_open_unix_sockets_only(node: layout.Node) -> None:
    ports = [line for line in lines(node) if line.startswith(("SocksPort", "ControlPort"))]
    assert len(ports) == 2 and all(' unix:"/net/nodes/client' in line for line in ports)


def test_an_owned_network_ends_with_its_owner_and_a_detached_one_does_not() -> None:
    owned = layout.plan(Path("/net/nodes"), 1, range(20_000, 20_100), owner=77)
    vote = layout.Vote(0.0)
    assert all("__OwningControllerProcess 77" in layout.node_lines(owned, node, [], vote) for node in owned.nodes)
    assert not any("__Owning" in line for node in PLAN.nodes for line in lines(node))


@given(st.floats(0, 4e9), st.integers(1, 30))
def test_the_consensus_becomes_valid_after_the_upload_and_the_vote(start: float, upload: int) -> None:
    vote = layout.Vote(start, upload)
    valid = int(start) + vote.seconds
    assert valid % layout.FIRST_VOTE == vote.offset
    assert valid - layout.VOTE_DELAY - layout.DIST_DELAY - start >= upload


def test_a_launched_tor_takes_the_network_file(tmp_path: Path) -> None:
    file = tmp_path / "network.torrc"
    file.write_text("\n".join(layout.network_lines(AUTHORITIES)) + "\n")
    assert torrc.network_lines(file) == layout.network_lines(AUTHORITIES)


@pytest.mark.parametrize("line", ["ControlPort 9051", "%include /etc/passwd", "DirAuthority a \\", "Sandbox 0"])
def test_a_network_file_cannot_smuggle_in_other_options(tmp_path: Path, line: str) -> None:
    file = tmp_path / "network.torrc"
    file.write_text(f"TestingTorNetwork 1\n{line}\n")
    with pytest.raises(ConfigError):
        torrc.network_lines(file)


@pytest.mark.parametrize("path", ['/a"b', "/a\\b", "/a\nControlPort 9051"])
def test_a_path_that_tor_cannot_take_is_refused(path: str) -> None:
    with pytest.raises(ConfigError):
        torrc.quoted(path)
