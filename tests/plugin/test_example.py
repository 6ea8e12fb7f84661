"""The example of a third party's plug-in: built, installed, loaded only when named, and talked over."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.house.pages import ROOT
from tests.integration.processes import Process, start
from whisperd.control.client import Client
from whisperd.tor.testnet.ports import free_ports

__all__ = ["start"]

PATIENCE = 60.0
SOURCE = ROOT / "plugins" / "example"
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-index", "--no-deps",
       "--no-build-isolation"]
NAMED = 'plugins = ["x448-signed"]\nkex = ["x448-signed"]\nfloor = "standard"\n'
REPORT = """
import json, sys
from whisperd.errors import WhisperdError
from whisperd.plugin.registry import Registry
kex, allowed = json.loads(sys.argv[1])
try:
    registry = Registry.load(kex, ["double-he"], allowed)
except WhisperdError as error:
    print(json.dumps({"error": error.code, "message": error.message}))
else:
    rows = [row for row in registry.table() if row["distribution"].startswith("whisperd-x448")]
    print(json.dumps({"rows": rows, "imported": "whisperd_x448" in sys.modules}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which pip, offline, has installed the example."""
    folder = tmp_path_factory.mktemp("example")
    shutil.copytree(SOURCE, folder / "source", ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    target = folder / "target"
    subprocess.run([*PIP, "--target", target, folder / "source"], check=True, timeout=120)
    return target


@pytest.fixture
def changed(installed: Path, tmp_path: Path):
    """Return a function that gives a copy of what was installed in which one text has become another."""

    def change(name: str, before: str, after: str) -> Path:
        shutil.copytree(installed, tmp_path / "changed")
        (path,) = (tmp_path / "changed").rglob(name)
        assert before in path.read_text()
        path.write_text(path.read_text().replace(before, after))
        return tmp_path / "changed"

    return change


def environment(target: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(target)}


def report(target: Path, kex: list[str], allowed: list[str]) -> dict:
    """Return what a registry says in a process that has ``target`` on its path."""
    done = subprocess.run([sys.executable, "-c", REPORT, json.dumps([kex, allowed])], env=environment(target),
                          capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


def test_its_own_tests_pass_against_what_was_installed(installed: Path):
    pytest_there = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull]
    done = subprocess.run([*pytest_there, "--rootdir", SOURCE / "tests", SOURCE / "tests"], cwd=installed,
                          env=environment(installed), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_is_listed_and_not_imported_unless_it_is_named(installed: Path):
    found = report(installed, ["pqxdh-25519-mlkem1024"], [])
    row, = found["rows"]
    assert (row["state"], row["distribution"], found["imported"]) == ("not-allowed", "whisperd-x448 1.0", False)
    assert report(installed, ["x448-signed"], [])["error"] == "plugin-unknown"
    assert not report(installed, ["pqxdh-25519-mlkem1024"], ["x448-signed"])["imported"]


def test_it_is_loaded_when_it_is_named(installed: Path):
    row, = report(installed, ["x448-signed"], ["x448-signed"])["rows"]
    assert (row["state"], row["level"], row["version"], len(row["sha256"])) == ("loaded", "standard", 1, 64)


@pytest.mark.parametrize(("before", "after", "why"), [
    ("def accept(self, message: bytes, private: Prekey, identity: Any)", "def accept(self, message)",
     "does not provide IKeyExchange"),
    ("    api = 1", "    api = 2", "was written for API version 2, but this is version 1"),
    ("bytes((number,)) * 32", "bytes((number,)) * 31 + b'!'", "failed its self-test"),
])
def test_one_that_does_not_keep_the_contract_is_refused_with_the_reason(changed, before, after, why):
    said = report(changed("whisperd_x448.py", before, after), ["x448-signed"], ["x448-signed"])
    assert said["error"] == "plugin-refused"
    assert "x448-signed of whisperd-x448 1.0" in said["message"] and why in said["message"]


def test_one_with_a_bundled_name_is_never_run_and_refused_when_it_is_allowed(changed):
    target = changed("entry_points.txt", "x448-signed", "pqxdh-25519-mlkem1024")
    found = report(target, ["pqxdh-25519-mlkem1024"], [])
    assert (found["rows"][0]["state"], found["imported"]) == ("shadows", False)
    said = report(target, ["pqxdh-25519-mlkem1024"], ["pqxdh-25519-mlkem1024"])
    assert said["error"] == "plugin-refused" and "the name of a bundled one" in said["message"]


def test_a_daemon_that_cannot_use_it_says_so_and_ends(changed, start, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(changed("whisperd_x448.py", "    api = 1", "    api = 2")))
    status, _, err = start(f'[tor]\nmode = "off"\n[relay]\nenabled = false\n[peer]\n{NAMED}').ended()
    assert status == 71 and "API version 2" in err and "whisperctl plugins check" in err
    assert "Traceback" not in err


def test_two_daemons_talk_over_it(installed: Path, start, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(installed))
    peer = f'[tor]\nmode = "off"\n[peer]\nloopback = true\n{NAMED}'
    for name in ("anna", "ben"):
        (tmp_path / name).mkdir()
    [port] = free_ports(1)
    anna = start(f'{peer}[relay]\nlisten = ["tcp:{port}:interface=127.0.0.1"]\n', folder=tmp_path / "anna")
    ben = start(f"{peer}[relay]\nenabled = false\n", folder=tmp_path / "ben")
    with serving(anna) as at_anna, serving(ben) as at_ben:
        invited = at_anna.call("chat.invite", {"floor": "standard"})
        at_ben.call("chat.join", {"link": invited["link"]})
        for client in (at_anna, at_ben):
            until(client, "chat-state", state="connected")
        chat, = at_ben.call("chat.list")
        assert (chat["suite"]["kex"], chat["level"]) == ("x448-signed", "standard")
        at_ben.call("chat.send", {"chat": chat["chat"], "text": "on another curve"})
        assert until(at_anna, "chat-message")["text"] == "on another curve"


def serving(daemon: Process) -> Client:
    """Return a client of a daemon that serves, which hears of every event from now on."""
    daemon.serving()
    client = Client(str(daemon.socket))
    client.subscribe()
    return client


def until(client: Client, name: str, **fields: str) -> dict:
    """Return the next event of this name with these fields."""
    deadline = time.monotonic() + PATIENCE
    while True:
        event = client.next_event(max(0.0, deadline - time.monotonic()))
        if event["event"] == name and fields.items() <= event.items():
            return event
