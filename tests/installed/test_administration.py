"""An operator's verbs on an installed relay: limits, drain, access codes, log, configuration, plug-ins, metrics."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.installed.kit import Company, Daemon
from whisperd.tor.testnet.ports import free_ports


@pytest.fixture(scope="module")
def relay(shared: Company) -> Iterator[Daemon]:
    """A relay that wants access codes."""
    daemon, _ = shared.relay("relay", 'access = "code"\n')
    yield daemon


def test_access_codes_are_issued_listed_and_revoked(relay):
    issued = relay.ask("access", "issue", "--uses", "3")
    (row,) = relay.ask("access", "list")
    assert row["id"] == issued["id"] and issued["code"] not in str(row)
    relay.ask("access", "revoke", issued["id"])
    assert relay.ask("access", "list") == []


def test_too_many_uses_of_an_access_code_are_refused_in_digits(relay):
    done = relay.whisperctl("access", "issue", "--uses", "2000000")
    assert done.returncode == 2 and "1000000" in done.stderr and "e+" not in done.stderr


def test_a_relay_is_drained_and_resumed(relay):
    relay.ask("relay", "drain")
    assert relay.ask("status")["relay"]["draining"] is True
    relay.ask("relay", "resume")
    assert relay.ask("status")["relay"]["draining"] is False


def test_limits_and_metrics_are_shown(relay):
    assert any("rooms" in str(row) for row in relay.ask("relay", "limits"))
    metrics = relay.whisperctl("metrics")
    assert metrics.returncode == 0 and "# TYPE whisperd_" in metrics.stdout


def test_the_log_is_followed(relay):
    with relay.running("log", "follow") as following:
        following.until(b"daemon-started")
        os.kill(relay.pid, signal.SIGHUP)
        following.until(b"daemon-reloaded")
        following.interrupt()


def test_a_relay_that_can_never_be_reached_is_found_before_the_start(shared):
    person = shared.daemon("lost", f'[peer]\nrelay = "{"a" * 56}.onion"\n')
    done = person.whisperctl("config", "check", str(person.path))
    assert done.returncode == 6 and "peer.relay" in done.stderr and "http://HOST[:PORT]" in done.stderr


def test_a_changed_file_is_shown_and_put_into_force(shared):
    port = free_ports(1)[0]
    lines = (f'[relay]\nlisten = ["tcp:{port}:interface=127.0.0.1"]\nroom_expiry = %d\n'
             '[peer]\nenabled = false\n[tor]\nmode = "off"\n')
    relay = shared.daemon("changing", lines % 600)
    relay.configure(lines % 600)
    relay.start()
    assert relay.ask("config", "diff")["changes"] == []
    relay.configure(lines % 300)
    assert "relay.room_expiry" in str(relay.ask("config", "diff"))
    relay.ask("reload")
    assert relay.ask("config", "diff")["changes"] == []
    shown = relay.ask("config", "show")
    assert "300" in str(shown)
    checked = relay.whisperctl("config", "check", str(relay.path))
    assert checked.returncode == 0, checked.stderr


def test_plugins_are_listed_and_checked(shared):
    person = shared.person("person", "http://127.0.0.1:9")
    person.start()
    assert "pqxdh-25519-mlkem1024-mldsa87" in str(person.ask("plugins"))
    checked = person.whisperctl("plugins", "check", "double")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_doctor_says_that_tor_is_off(relay):
    done = relay.whisperctl("doctor", "--config", str(relay.path))
    assert "off" in done.stdout + done.stderr


def test_a_relay_without_onion_says_so_when_its_address_is_asked_for(relay):
    done = relay.whisperctl("address")
    assert done.returncode != 0 and done.stderr.startswith("whisperctl: ")
