"""The command ``whisperd`` as a process: it starts, serves, refuses what it must, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.integration.processes import COMMAND
from tests.waiting import until
from whisperd.control.client import Client
from whisperd.errors import RoleDisabled
from whisperd.tor.testnet.ports import free_ports


def relay_only(port: int) -> str:
    return f'[relay]\nlisten = ["tcp:{port}:interface=127.0.0.1"]\n[tor]\nmode = "off"\n'


def test_a_relay_without_tor_serves_and_stops_on_request(start, tmp_path):
    port = free_ports(1)[0]
    daemon = start(relay_only(port))
    status = daemon.serving()
    assert status["roles"] == {"relay": True, "peer": True} and status["tor"]["state"] == "off"
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health") as answer:
        assert json.load(answer) == {"status": "ok", "sessions": 0}
    with Client(str(daemon.socket)) as client:
        assert client.call("stop") == {"stopping": True}
    assert daemon.ended()[0] == 0
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} <= {"whisperd.toml", "control.sock.lock"}
    assert not daemon.socket.exists()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_in_order(start, name):
    daemon = start(relay_only(free_ports(1)[0]))
    daemon.serving()
    daemon.process.send_signal(getattr(signal, name))
    status, _, err = daemon.ended()
    assert status == 0 and "Traceback" not in err
    assert not daemon.socket.exists()


def test_whoever_waits_for_the_address_may_ask_before_the_daemon_is_there(start, tmp_path):
    command = [Path(sys.executable).with_name("whisperctl"), "--json", "--socket", str(tmp_path / "control.sock"),
               "address", "--wait", "30"]
    asking = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    daemon = start(relay_only(free_ports(1)[0]))
    assert str(daemon.socket) == command[3]
    assert json.loads(asking.communicate(timeout=60)[0])["error"]["code"] == RoleDisabled.code


def test_a_hang_up_has_the_configuration_read_again(start, tmp_path):
    daemon = start(relay_only(free_ports(1)[0]))
    daemon.serving()
    path = next(tmp_path.rglob("whisperd.toml"))
    for text in ("[relay]\nmax_rooms = 7\n[tor]\nmode = 'off'\n", "[relay]\nnonsense = 1\n"):
        path.write_text(text)
        daemon.process.send_signal(signal.SIGHUP)
        with Client(str(daemon.socket)) as client:
            heard = client.call("status")
            while heard["relay"]["max_rooms"] != 7:
                heard = client.call("status")
    daemon.process.terminate()
    status, _, err = daemon.ended()
    assert status == 0
    codes = [line.split("code=")[1] for line in err.splitlines() if "daemon-reloaded" in line]
    assert codes == ["none", "config-invalid"]


def test_a_terminal_that_goes_away_ends_it_in_order(tmp_path):
    """Its controlling terminal is one of ours, which is closed."""
    outer, inner = os.openpty()
    config, log = tmp_path / "whisperd.toml", tmp_path / "log"
    config.write_text(f'[control]\nsocket = "{tmp_path}/c"\n{relay_only(free_ports(1)[0])}')
    with log.open("wb") as file:
        process = subprocess.Popen(["setsid", "--ctty", "--wait", *COMMAND, "--config", str(config)], stdin=inner,
                                   stderr=file)
    os.close(inner)
    until(lambda: process.poll() is not None or b"daemon-started" in log.read_bytes())
    assert process.poll() is None
    os.close(outer)
    assert process.wait(90) == 0
    assert b"daemon-stopping" in log.read_bytes() and not (tmp_path / "c").exists()


def test_a_second_daemon_on_the_same_socket_is_refused_and_the_first_goes_on(start):
    first = start(relay_only(free_ports(1)[0]))
    first.serving()
    second = start(relay_only(free_ports(1)[0]))
    status, _, err = second.ended()
    assert status == 7 and "another daemon" in err
    assert first.serving()["pid"] == first.process.pid


def test_a_port_in_use_is_named_with_its_remedy(start):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, _, err = start(relay_only(port)).ended()
    said = [line for line in err.splitlines() if line.startswith("whisperd: ")]
    assert status == 8 and len(said) == 1 and str(port) in said[0] and "Choose another port" in said[0]


@pytest.mark.parametrize(("config", "named"), [
    ("[relay]\nlisen = []\n", "relay.lisen"),
    ("[relay]\nmax_frame = 1\n", "relay.max_frame"),
    ('[relay]\nlisten = ["carrier-pigeon:1"]\n[tor]\nmode = "off"\n', "carrier-pigeon"),
    ('[peer]\nkex = ["rot13"]\n[tor]\nmode = "off"\n', "rot13"),
])
def test_a_mistake_in_the_configuration_is_one_line_that_names_it(start, config, named):
    status, _, err = start(config).ended()
    said = [line for line in err.splitlines() if line.startswith("whisperd: ")]
    assert status in (6, 70) and len(said) == 1 and named in said[0]
    assert "Traceback" not in err


def test_the_configuration_is_checked_and_shown_without_starting(tmp_path):
    path = tmp_path / "whisperd.toml"
    path.write_text('[tor]\npassword = "hunter2"\n')
    checked = subprocess.run([*COMMAND, "--config", str(path), "config", "check"], capture_output=True, text=True)
    assert (checked.returncode, checked.stdout) == (0, f"{path}: ok\n")
    show = [*COMMAND, "--config", str(path), "config", "show", "--json"]
    shown = subprocess.run(show, capture_output=True, text=True)
    assert json.loads(shown.stdout)["tor.password"] == "(set)" and "hunter2" not in shown.stdout


def test_no_core_is_dumped_and_nobody_of_the_same_user_attaches(start):
    daemon = start(relay_only(free_ports(1)[0]))
    daemon.serving()
    limits = Path(f"/proc/{daemon.process.pid}/limits").read_text()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status


def test_without_tor_on_the_machine_it_says_what_to_install_and_goes_on_serving(start):
    port = free_ports(1)[0]
    daemon = start(f'[relay]\nlisten = ["tcp:{port}:interface=127.0.0.1"]\n[tor]\nbinary = "tor-that-is-not-there"\n')
    error = until(lambda: daemon.serving()["tor"]["error"])
    assert error["code"] == "tor-not-installed" and "apt install tor" in error["remedy"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health") as answer:
        assert json.load(answer)["status"] == "ok"
