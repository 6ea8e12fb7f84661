"""A file moves between two confined daemons, as people do it, and lands in the one folder that is configured."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from whisperd.demo.daemon_process import DaemonProcess
from whisperd.tor.testnet.ports import free_ports

CTL = [sys.executable, "-c", "from whisperd.cli.ctl import main; raise SystemExit(main())"]


@pytest.fixture
def people(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("f"), free_ports(1)[0]
    off = '[tor]\nmode = "off"\n[daemon]\nsandbox = "require"\n'
    peer = f'[peer]\nloopback = true\nrelay = "http://127.0.0.1:{port}"\n'
    anna = DaemonProcess("anna", folder, f'{off}[relay]\nlisten = ["tcp:{port}:interface=127.0.0.1"]\n{peer}')
    (folder / "received").mkdir()
    ben = DaemonProcess("ben", folder, f'{off}[relay]\nenabled = false\n{peer}downloads = "{folder}/received"\n',
                        may_write=True)
    try:
        anna.start()
        ben.start()
        yield folder, anna, ben
    finally:
        ben.stop()
        anna.stop()


def ctl(folder, name: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*CTL, "--socket", str(folder / f"{name}.sock"), *words], capture_output=True, text=True,
                          timeout=120, check=True)


def test_a_file_is_offered_accepted_and_written_under_confinement(people):
    folder, anna, ben = people
    content = os.urandom(300_000)
    (folder / "photo.jpg").write_bytes(content)
    link = anna.call("chat.invite")["link"]
    ctl(folder, "ben", "chat", "join", link, "--wait", "60")
    anna.wait(lambda event: event["event"] == "chat-state" and event["state"] == "connected", 60, "a conversation")
    ctl(folder, "anna", "chat", "send-file", "c1", str(folder / "photo.jpg"))
    offer = ben.wait(lambda event: event["event"] == "file-state", 60, "the offer")
    ctl(folder, "ben", "chat", "accept", "c1", offer["file"], "--wait", "60")
    assert (folder / "received" / "photo.jpg").read_bytes() == content
    assert [path.name for path in (folder / "received").iterdir()] == ["photo.jpg"]
