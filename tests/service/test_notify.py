"""A service manager is told when the daemon is ready, that it lives, and that it stops."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.request

import pytest

from tests.waiting import until
from whisperd.notify import ServiceManager

NO_TOR = '[relay]\nlisten = ["tcp:0:interface=127.0.0.1"]\n[tor]\nmode = "off"\n'
NO_ONION_YET = '[relay]\nlisten = ["tcp:0:interface=127.0.0.1"]\n[tor]\nbinary = "tor-that-is-not-there"\n'


def test_ready_comes_with_the_listeners_where_no_onion_is_to_be_published(manager):
    manager.start(NO_TOR)
    assert "STATUS=listeners open" in manager.hear("READY=1")
    assert manager.status()["relay"]["listeners"]


def test_ready_does_not_come_before_the_onion(manager):
    manager.start(NO_ONION_YET)
    while manager.status()["tor"]["error"] is None:
        pass
    manager.stop()
    manager.hear("STOPPING=1")
    assert not any("READY=1" in told for told in manager.told)


def test_ready_comes_with_the_listeners_where_the_configuration_says_so(manager):
    manager.start(f'[daemon]\nready = "listeners"\n{NO_ONION_YET}')
    manager.hear("READY=1")
    assert manager.status()["tor"]["onion"]["state"] != "up"


def test_ready_comes_when_the_onion_is_published(manager, testnet):
    manager.start(f'[tor]\nnetwork = "{testnet.network_file}"\ndata_dir = "{manager.folder}/data"\n'
                  '[relay]\nlisten = ["tcp:0:interface=127.0.0.1"]\n')
    ready = manager.hear("READY=1", 90)
    assert ready == "READY=1\nSTATUS=onion service published"
    assert manager.status()["tor"]["onion"]["state"] == "up"
    assert not any(".onion" in told for told in manager.told)


def test_a_watchdog_hears_that_it_lives_until_it_stops(manager):
    manager.start(NO_TOR, WATCHDOG_USEC="200000")
    for _ in range(3):
        manager.hear("WATCHDOG=1", 10)
    log = manager.stop()
    manager.hear("STOPPING=1")
    assert manager.told[-1] == "STOPPING=1" and "unexpected" not in log


def test_without_a_watchdog_nothing_is_said_of_living(manager):
    manager.start(NO_TOR)
    manager.hear("READY=1")
    manager.stop()
    manager.hear("STOPPING=1")
    assert "WATCHDOG=1" not in manager.told


def test_lines_have_their_priority_where_standard_error_is_the_journal(tmp_path):
    path, journal = tmp_path / "whisperd.toml", tmp_path / "journal"
    path.write_text(f'[control]\nsocket = "{tmp_path}/control.sock"\n{NO_TOR}')
    with journal.open("wb") as stream:
        status = os.fstat(stream.fileno())
        given = {**os.environ, "HOME": str(tmp_path), "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        process = subprocess.Popen([sys.executable, "-m", "whisperd", "--config", str(path)], env=given, stderr=stream)
    until(lambda: process.poll() is not None or b"daemon-started" in journal.read_bytes())
    assert process.poll() is None
    process.terminate()
    process.wait(60)
    lines = journal.read_text().splitlines()
    assert lines and all(line.startswith("<6>info ") for line in lines)


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "/nowhere/notify"}, {"NOTIFY_SOCKET": "@nobody"},
                                         {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "soon"}])
def test_a_manager_that_does_not_listen_is_no_fault(environment):
    ServiceManager(None, environment).stopping()


def test_sockets_of_the_manager_are_listened_on(manager):
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        opened.listen()
        manager.start('[relay]\nlisten = ["systemd:domain=INET:name=relay"]\n[tor]\nmode = "off"\n', sockets=(opened,),
                      LISTEN_FDNAMES="relay")
        manager.hear("READY=1")
        host, port = opened.getsockname()
        assert manager.status()["relay"]["listeners"] == [f"tcp:{host}:{port}"]
        with urllib.request.urlopen(f"http://{host}:{port}/health") as answer:
            assert answer.status == 200
