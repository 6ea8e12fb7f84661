"""Bridges and options of a launched tor, as tor itself reads them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.config.test_bridges import CERT, PRINT, SNOWFLAKE
from whisperd.config import load
from whisperd.config.tor_options import OPTIONS, check_all
from whisperd.confine.rules import rules_for
from whisperd.errors import ConfigError, TransportNotInstalled
from whisperd.tor.process.transports import bridge_lines, patience

OBFS4 = f"obfs4 192.0.2.1:80 {PRINT} {CERT} iat-mode=0"
VANILLA = "192.0.2.2:443"


def verified(folder: Path, lines: list[str]) -> subprocess.CompletedProcess[str]:
    """Have tor judge a configuration with these lines."""
    text = "\n".join([f"DataDirectory {folder}", "SocksPort 0", *lines]) + "\n"
    return subprocess.run(["tor", "-f", "-", "--defaults-torrc", "/dev/null", "--verify-config"], input=text, text=True,
                          capture_output=True, check=False)


@pytest.mark.parametrize("lines", [[VANILLA], [OBFS4], [SNOWFLAKE], [VANILLA, OBFS4, SNOWFLAKE, OBFS4]])
def test_tor_takes_what_is_made_of_bridge_lines(tmp_path: Path, lines: list[str]) -> None:
    made = bridge_lines(lines)
    done = verified(tmp_path, made)
    assert "Configuration was valid" in done.stdout and "[warn] Unrecognized" not in done.stdout, done.stdout
    assert made[0] == "UseBridges 1" and len([line for line in made if line.startswith("Bridge ")]) == len(lines)
    assert len([line for line in made if line.startswith("ClientTransportPlugin obfs4 ")]) == (OBFS4 in lines)


def test_without_bridges_nothing_is_said_of_them() -> None:
    assert bridge_lines([]) == [] and patience(180, []) == 180


def test_a_start_may_take_longer_the_more_stands_in_its_way() -> None:
    assert patience(180, [VANILLA]) == 270 and patience(180, [VANILLA, OBFS4]) == 360
    assert patience(180, [OBFS4, SNOWFLAKE]) == 720


@pytest.mark.parametrize(("line", "package"), [(OBFS4, "obfs4proxy"), (SNOWFLAKE, "snowflake-client")])
def test_a_transport_that_is_not_there_is_named_with_its_package(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, package: str) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TransportNotInstalled) as caught:
        bridge_lines([VANILLA, line])
    assert caught.value.remedy == f"Install it ('apt install {package}')."


def test_lyrebird_does_for_obfs4_where_it_is_the_one_that_is_there(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lyrebird").write_text("#!/bin/sh\n")
    (tmp_path / "lyrebird").chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert f"ClientTransportPlugin obfs4 exec {tmp_path}/lyrebird" in bridge_lines([OBFS4])
    given = {"control.socket": str(tmp_path / "c"), "tor.data_dir": str(tmp_path / "d"), "tor.bridges": [OBFS4]}
    assert tmp_path / "lyrebird" in rules_for(load(None, given)).programs
    assert tmp_path / "lyrebird" not in rules_for(load(None, given | {"tor.mode": "off"})).programs


@pytest.mark.parametrize("option", OPTIONS.values(), ids=lambda option: option.name)
def test_tor_takes_every_option_that_is_allowed_in_the_shape_that_is_allowed(tmp_path: Path, option) -> None:
    [line] = check_all([f"{option.name.lower()}  {option.example}"])
    assert line == f"{option.name} {option.example}"
    assert "Configuration was valid" in verified(tmp_path, [line]).stdout


@pytest.mark.parametrize(("line", "complaint"), [
    ("SocksPort 9050", "'SocksPort'"), ("HiddenServiceNonAnonymousMode 1", "'Hidden"), ("Log debug file /x", "'Log'"),
    ("+ReachableAddresses *:80", "'\\+Reach"), ("%include /etc/passwd", "'%include'"), ("", "''"),
    ("NumCPUs 0", "NumCPUs.*1 to 64"), ("NumCPUs 1 # two", "NumCPUs"), ("NumCPUs", "NumCPUs"),
    ("HTTPSProxy proxy.example:80", "address in digits"), ("ReachableAddresses example.org:80", "networks with ports"),
    ("NumCPUs 1\nSocksPort 9050", "NumCPUs"), ("EntryNodes nickname", "fingerprints"), ("ClientUseIPv6 yes", "0 or 1"),
])
def test_anything_else_is_refused_with_what_is_allowed(line: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as caught:
        check_all(["NumCPUs 2", line] if not line.startswith("NumCPUs") else [line])
    assert caught.value.remedy


def test_what_is_refused_names_every_option_there_is() -> None:
    with pytest.raises(ConfigError) as caught:
        check_all(["ORPort 9001"])
    assert all(name in caught.value.remedy for name in OPTIONS)


def test_an_option_is_given_once() -> None:
    with pytest.raises(ConfigError, match="twice"):
        check_all(["NumCPUs 1", "numcpus 2"])


@pytest.mark.parametrize("values", [{"tor.bridges": ["nonsense"]}, {"tor.options": ["ORPort 1"]},
                                    {"tor.bridges": [VANILLA], "tor.mode": "attach"},
                                    {"tor.options": ["NumCPUs 1"], "tor.mode": "attach"}])
def test_the_configuration_is_checked_before_anything_starts(values: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        load(None, values)


def test_which_bridges_somebody_uses_is_not_shown() -> None:
    assert load(None, {"tor.bridges": [VANILLA]}).flat()["tor.bridges"] == "(set)"
