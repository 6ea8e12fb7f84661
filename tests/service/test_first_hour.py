"""FIRST HOUR of whisperd(8), typed as it stands, on a machine of its own that runs a real systemd.

One thing cannot be had here and is put in place beforehand: the public Tor network; the daemon is told of the private
one. Package lists are not fetched anew, and the package is built once for the whole run, by the command of the page.
What else needs an installed package and a systemd is typed after it: ``public_tls``, ``handed_over``, ``system_tor``.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.house import pages
from tests.service import handed_over, machine, public_tls, system_tor
from tests.service.machine import Step
from whisperd.errors import ConfigError

PAGE = "whisperd.8"
#: What is typed after it, to see what there is.
STATUS, LOG = "whisperctl status --json", "journalctl --no-pager -o cat -u whisperd"
PRIORITIES = "journalctl --no-pager -o cat -u whisperd -p warning"
USER, COPY = "ps -o user= -p $(systemctl show -p MainPID --value whisperd)", "stat -c '%a %u' /root/onion.key"
UNIT = "systemctl show -p ActiveState,StatusText,NRestarts,UnitFileState whisperd"
LOOKS = [STATUS, USER, COPY, UNIT]
#: And at the end, with the daemon running: what a purge leaves.
PURGE = "apt-get purge -y whisperd"
LEFT = ("ls -d /usr/lib/whisperd /usr/bin/whisper* /var/lib/whisperd /var/lib/private/whisperd /run/whisperd "
        "/etc/apparmor.d/whisperd /etc/whisperd/whisperd.toml /lib/systemd/system/whisperd.service "
        "/lib/systemd/system/whisperd.socket /etc/systemd/system/*/whisperd.s* 2>/dev/null; pgrep -u whisperd; true")
BUILD, INSTALL = "contrib/debian/build", "apt-get install -y ./build/deb/whisperd_*.deb"
#: What is not typed here, and what is typed instead.
INSTEAD = {"apt-get update": "true", BUILD: "test -e build/deb/whisperd_*.deb"}

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="installing a package needs root")


def commands() -> list[str]:
    """Return what FIRST HOUR has a person type, in order; a line that ends in a backslash goes on."""
    body = re.search(r"^\.Sh FIRST HOUR\n(.*?)(?=^\.Sh )", pages.source(PAGE), re.M | re.S)
    assert body is not None
    shown = "\n".join(pages.literals(body[1]))
    return [line[2:] for line in shown.replace("\\\n", "").splitlines() if line.startswith(("# ", "$ "))]


def test_all_that_is_shown_is_a_command():
    """Or something would stand in the page that no test types."""
    body = re.search(r"^\.Sh FIRST HOUR\n(.*?)(?=^\.Sh )", pages.source(PAGE), re.M | re.S)
    assert body is not None
    lines = "".join(pages.literals(body[1])).replace("\\\n", "").splitlines()
    assert len(lines) == len(commands()) >= 12
    assert set(INSTEAD) < set(commands()) and {BUILD, INSTALL} < set(commands())


@pytest.fixture(scope="module")
def hour(testnet, debian_package, tmp_path_factory) -> dict[str, Step]:
    place = tmp_path_factory.mktemp("machine")
    network = Path(testnet.network_file).read_text()
    typed: list[str] = [
        # what other daemons of this machine left is not on a fresh one
        "rm -rf /etc/whisperd /var/lib/whisperd",
        # nor what forbids packages to start and stop services, as in many a container
        "rm -f /usr/sbin/policy-rc.d",
        # a tor and tools that are here already are not upgraded
        "echo 'APT::Get::Upgrade \"false\";' >/etc/apt/apt.conf.d/99first-hour",
    ]
    for command in commands():
        typed.append(INSTEAD.get(command, command))
        if command == INSTALL:
            typed += [f"cat >/etc/whisperd/network <<'END'\n{network}\nEND",
                      "printf '[tor]\\nnetwork = \"/etc/whisperd/network\"\\n' >>/etc/whisperd/whisperd.toml"]
    typed += [*LOOKS, "systemctl restart whisperd", LOG, PRIORITIES, *public_tls.commands(),
              *handed_over.commands(), *system_tor.commands(network), PURGE, LEFT]
    steps = machine.run(typed, pages.ROOT, place, 280, systemd=True, ports=machine.ports_of(Path(testnet.network_file)))
    return {step.command: step for step in steps}


def test_every_command_of_the_first_hour_succeeds(hour: dict[str, Step]):
    assert [step for step in hour.values() if step.status != 0] == []


def test_there_is_a_relay_with_an_onion_address_that_is_not_root(hour: dict[str, Step]):
    address = hour["whisperctl address"].printed.strip()
    assert re.fullmatch(r"[a-z2-7]{56}\.onion", address)
    status = json.loads(hour[STATUS].printed)
    assert status["roles"] == {"relay": True, "peer": False}
    assert status["tor"]["onion"]["address"] == address and status["tor"]["onion"]["state"] == "up"
    assert hour[USER].printed.strip() == "whisperd"


def test_it_is_confined_and_says_so(hour: dict[str, Step]):
    found = json.loads(hour[STATUS].printed)["confinement"]
    assert found["landlock"] and found["seccomp"] and found["why"] == ""
    assert found["no_core_dump"] and found["no_tracing"] and found["no_new_privileges"]
    assert "no core dump, no tracing, no new privileges" in hour["whisperctl status"].printed


def test_what_judges_it_finds_nothing_wrong(hour: dict[str, Step]):
    assert hour["whisperctl status --check"].printed.startswith("WHISPERD OK: ")
    assert "failed" not in hour["whisperctl doctor"].printed


def test_the_copy_of_the_key_is_its_owner_s_alone(hour: dict[str, Step]):
    assert hour[COPY].printed.split() == ["600", "0"]


def test_the_change_was_announced_and_reloaded(hour: dict[str, Step]):
    announced = hour["whisperctl config diff"].printed.splitlines()
    assert [line.split() for line in announced[1:]] == [["log.level", '"info"', '"warning"', "reload"]]
    assert "applied now: log.level\n" in hour[LOG].printed


def test_its_log_is_in_the_journal_by_priority_and_names_nobody(hour: dict[str, Step]):
    lines = hour[LOG].printed
    assert "info daemon-started" in lines and "<6>" not in lines and ".onion" not in lines
    assert "info " not in hour[PRIORITIES].printed


def test_it_is_the_unit_of_the_package_that_systemd_runs(hour: dict[str, Step]):
    shown = dict(line.split("=", 1) for line in hour[UNIT].printed.splitlines())
    assert shown == {"ActiveState": "active", "StatusText": "onion service published", "NRestarts": "0",
                     "UnitFileState": "enabled"}


def test_tls_is_served_by_the_unit_where_no_memory_becomes_executable(hour: dict[str, Step]):
    shown = dict(line.split("=", 1) for line in hour[public_tls.FORBIDDEN].printed.splitlines())
    assert shown == {"MemoryDenyWriteExecute": "yes", "NRestarts": "0", "ActiveState": "active"}
    status = json.loads(hour[public_tls.LISTENS].printed)
    assert f"tls:tcp:127.0.0.1:{public_tls.PORT}" in status["relay"]["listeners"]
    assert status["confinement"]["why"] == ""
    met = json.loads(hour[public_tls.MET].printed)
    assert (met["relayed"], met["group"], met["version"]) == (True, "X25519MLKEM768", "TLSv1.3")
    assert json.loads(hour[public_tls.MET_CLASSICAL].printed) == {"refused": True}


def test_a_wrong_key_ends_the_start_and_systemd_does_not_try_again(hour: dict[str, Step]):
    shown = dict(line.split("=", 1) for line in hour[public_tls.WRONG].printed.splitlines())
    assert shown == {"NRestarts": "0", "ActiveState": "failed", "ExecMainStatus": str(ConfigError.exit_status)}
    assert "does not belong to the certificate in" in hour[public_tls.WHY].printed


def test_the_first_connection_starts_the_daemon_and_is_answered(hour: dict[str, Step]):
    assert hour[handed_over.BEFORE].printed.split() == ["inactive", "active"]
    assert hour[handed_over.KNOCK].printed == hour[handed_over.KNOCK_AGAIN].printed == "200\n"
    assert hour[handed_over.CHECK].printed.splitlines()[0] == "/etc/whisperd/whisperd.toml: ok"


def test_the_socket_unit_s_port_is_the_relay_s_listener(hour: dict[str, Step]):
    for step in (hour[handed_over.FOUND], hour[handed_over.FOUND_AGAIN]):
        assert json.loads(step.printed)["relay"]["listeners"] == ["tcp:127.0.0.1:8787"]


def test_the_credential_makes_the_store_and_opens_it_again(hour: dict[str, Step]):
    for step in (hour[handed_over.FOUND], hour[handed_over.FOUND_AGAIN]):
        status = json.loads(step.printed)
        assert status["store"]["kind"] == "sealed" and status["store"]["state"] == "open"
        assert status["roles"] == {"relay": True, "peer": True} and status["confinement"]["why"] == ""


def test_a_person_s_daemon_attaches_to_the_tor_of_the_machine(hour: dict[str, Step]):
    said = hour[system_tor.ATTACHED].printed
    assert re.search(r"^[a-z2-7]{56}\.onion$", said, re.M) and "failed" not in said
    status = json.loads(next(line for line in said.splitlines() if line.startswith("{")))
    assert (status["tor"]["mode"], status["tor"]["onion"]["state"]) == ("attach", "up")


def test_the_onion_service_of_the_machine_s_torrc_leads_to_the_relay(hour: dict[str, Step]):
    said = hour[system_tor.DOCTOR].printed
    assert re.search(r"^ok +reachable ", said, re.M) and "failed" not in said
    status = json.loads(hour[system_tor.SEEN].printed)
    assert (status["tor"]["mode"], status["tor"]["onion"]["circuits"]) == ("managed", True)


def test_a_purge_stops_the_daemon_and_leaves_nothing_of_it(hour: dict[str, Step]):
    assert hour[PURGE].status == 0
    assert hour[LEFT].printed == ""
