"""A full run of two daemons on the private network: no socket leads anywhere but to tor and to themselves, and no name
is looked up."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest

from tests.house.pages import ROOT
from tests.waiting import until
from whisperd.demo.daemon_process import DaemonProcess
from whisperd.tor.testnet import Testnet
from whisperd.tor.testnet.ports import free_ports

WATCHED = "tests.integration.watched_daemon"


def follow(daemon: DaemonProcess, name: str, **fields: Any) -> None:
    daemon.wait(lambda event: event["event"] == name and fields.items() <= event.items(), 200, f"{name} {fields}")


def strays(daemon: DaemonProcess) -> list[str]:
    return [line for line in daemon.printed.decode().splitlines() if line.startswith("STRAY")]


def test_every_socket_of_both_daemons_is_tor_s_or_their_own_and_no_name_is_looked_up(
        testnet: Testnet, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    folder = tmp_path_factory.mktemp("n")
    port = free_ports(1)[0]
    anna = DaemonProcess("anna", folder, (
        f'[tor]\nnetwork = "{testnet.network_file}"\ndata_dir = "{folder}/anna-tor"\n[onion]\nkey = "persistent"\n'
        f'key_file = "{folder}/onion.key"\n[relay]\nlisten = ["tcp:{port}:interface=127.0.0.1"]\n'),
        module=WATCHED, may_write=True)
    ben = DaemonProcess("ben", folder, (
        f'[tor]\nmode = "attach"\ncontrol = "{testnet.clients[2].control}"\n[relay]\nenabled = false\n'),
        module=WATCHED)
    try:
        anna.start()
        ben.start()
        anna.call("address", wait=60)
        until(lambda: ben.call("status")["tor"]["state"] == "up")
        made = anna.call("chat.invite")
        chat = ben.call("chat.join", link=made["link"])["chat"]
        follow(anna, "chat-state", state="connected")
        for person, name in ((anna, made["chat"]), (ben, chat)):
            sent = person.call("chat.send", chat=name, text="hello")
            follow(person, "message-state", id=sent["id"], state="delivered")
        anna.call("onion.rotate", wait=60)
        ben.call("chat.end", chat=chat)
        follow(anna, "chat-state", state="ended")
    finally:
        ben.stop()
        anna.stop()
    assert strays(anna) + strays(ben) == []
    for daemon in (anna, ben):
        [looked] = re.findall(r"^LOOKED (\d+)$", daemon.printed.decode(), re.M)
        assert int(looked) >= 2  # once at the start and once at the end; what is dialled is seen when it is


def test_the_watch_itself_sees_a_name_a_stranger_and_a_datagram() -> None:
    code = ("import socket; from tests.integration import watched_daemon as w; w.forbid_names(); w.watch_dialling()\n"
            "far = socket.socket(); far.setblocking(False); far.connect_ex(('192.0.2.1', 9))\n"
            "near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); near.bind(('127.0.0.1', 0)); w.scan()\n"
            "try:\n    socket.getaddrinfo('example.org', 80)\nexcept OSError: pass\n")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True,
                          timeout=60)
    kinds = {line.split()[1] for line in done.stdout.splitlines()}
    assert {"connect_ex", "udp", "getaddrinfo"} <= kinds
