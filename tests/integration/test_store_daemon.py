"""The command ``whisperd`` with a sealed store: how it is opened, what a locked one serves, what it leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.integration.processes import COMMAND, Process, call, refused, sealed
from whisperd.errors import StoreAbsent, StoreLocked, StoreNotEmpty, WrongPassphrase
from whisperd.tor.testnet.ports import free_ports

PASSPHRASE = "correct horse battery"


@pytest.fixture
def port() -> int:
    return free_ports(1)[0]


def test_a_store_that_nobody_opened_leaves_the_relay_served_and_conversations_locked(start, tmp_path, port):
    daemon = start(sealed(tmp_path, port))
    status = daemon.serving()
    assert (status["store"]["state"], status["peer"]) == ("new", None)
    assert status["opt_in"] == ["peer.loopback", "store.kind"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health") as answer:
        assert json.load(answer)["status"] == "ok"
    for method in ("chat.list", "chat.invite"):
        assert "store unlock" in refused(daemon, method, StoreLocked).remedy
    made = call(daemon, "store.unlock", passphrase=PASSPHRASE)
    assert (made["state"], made["records"]) == ("open", 0)
    assert call(daemon, "chat.invite")["chat"] == "c1"
    call(daemon, "store.lock")
    refused(daemon, "chat.list", StoreLocked)
    refused(daemon, "store.unlock", WrongPassphrase, passphrase="something else")
    assert call(daemon, "store.unlock", passphrase=PASSPHRASE)["state"] == "open"
    assert [row["chat"] for row in call(daemon, "chat.list")] == ["c1"]
    call(daemon, "stop")
    assert daemon.ended()[0] == 0


def test_the_passphrase_comes_by_a_descriptor_and_stands_on_no_command_line(start, tmp_path, port):
    for _ in range(2):
        reading, writing = os.pipe()
        os.write(writing, f"{PASSPHRASE}\n".encode())
        os.close(writing)
        os.set_inheritable(reading, True)
        daemon = StartedWith(tmp_path, sealed(tmp_path, port), reading)
        os.close(reading)
        try:
            assert daemon.serving()["store"]["state"] == "open"
            assert PASSPHRASE not in Path(f"/proc/{daemon.process.pid}/cmdline").read_text()
            call(daemon, "stop")
            assert daemon.ended()[0] == 0
        finally:
            daemon.process.kill()
            daemon.process.communicate()


class StartedWith(Process):
    """A daemon that is given an open descriptor with its passphrase."""

    def __init__(self, folder: Path, config: str, descriptor: int) -> None:
        self.socket = folder / "control.sock"
        path = folder / "whisperd.toml"
        path.write_text(f'[control]\nsocket = "{self.socket}"\n{config}')
        self.process = subprocess.Popen(
            [*COMMAND, "--config", str(path), "run", "--passphrase-fd", str(descriptor)], pass_fds=[descriptor],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_credential_of_the_service_manager_opens_it(start, tmp_path, port, monkeypatch):
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    config = sealed(tmp_path, port, 'unlock = "credential"\n')
    missing = start(config)
    assert missing.ended()[0] == 109
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "whisperd-store").write_text(f"{PASSPHRASE}\n")
    daemon = start(config)
    assert daemon.serving()["store"]["state"] == "open"
    call(daemon, "stop")
    assert daemon.ended()[0] == 0
    (tmp_path / "credentials" / "whisperd-store").write_text("something else")
    status, _, said = start(config).ended()
    assert status == 101 and "wrong" not in said and PASSPHRASE not in said


def test_a_damaged_store_stops_the_daemon_with_its_cause(start, tmp_path, port):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "store.db").write_bytes(b"no database" * 1_000)
    (tmp_path / "store" / "store.db").chmod(0o600)
    status, _, said = start(sealed(tmp_path, port)).ended()
    assert status == 102 and "store wipe" in said


def test_what_was_exported_comes_into_a_fresh_daemon(start, tmp_path, port):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    daemon = start(sealed(first, port), folder=first)
    daemon.serving()
    call(daemon, "store.unlock", passphrase=PASSPHRASE)
    kept = call(daemon, "chat.invite")
    blob = tmp_path / "export"
    with blob.open("wb") as file:
        assert call(daemon, "store.export", file.fileno(), passphrase="for the export", move=True)["moved"]
    assert call(daemon, "chat.list") == []
    other = start(sealed(second, free_ports(1)[0]), folder=second)
    other.serving()
    call(other, "store.unlock", passphrase="another passphrase")
    with blob.open("rb") as file:
        refused(other, "store.import", WrongPassphrase, file=file.fileno(), passphrase="wrong wrong")
    with blob.open("rb") as file:
        call(other, "store.import", file.fileno(), passphrase="for the export")
    assert [row["chat"] for row in call(other, "chat.list")] == [kept["chat"]]
    with blob.open("rb") as file:
        refused(other, "store.import", StoreNotEmpty, file=file.fileno(), passphrase="for the export")


def test_wiping_ends_everything_and_leaves_a_new_store(start, tmp_path, port):
    daemon = start(sealed(tmp_path, port))
    daemon.serving()
    call(daemon, "store.unlock", passphrase=PASSPHRASE)
    call(daemon, "chat.invite")
    assert call(daemon, "store.wipe")["state"] == "new"
    refused(daemon, "chat.list", StoreLocked)
    call(daemon, "store.unlock", passphrase="a new beginning")
    assert call(daemon, "chat.list") == []
    call(daemon, "stop")
    assert daemon.ended()[0] == 0


def test_a_daemon_without_a_store_says_so_and_writes_nothing(start, tmp_path, port):
    config = f'[relay]\nlisten = ["tcp:{port}:interface=127.0.0.1"]\n[tor]\nmode = "off"\n'
    daemon = start(config)
    assert daemon.serving()["store"] == {"kind": "memory", "state": "open"}
    for method, params in (("store.unlock", {"passphrase": PASSPHRASE}), ("store.lock", {}), ("store.wipe", {})):
        assert "store.kind" in refused(daemon, method, StoreAbsent, **params).remedy
    call(daemon, "stop")
    assert daemon.ended()[0] == 0
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} <= {"whisperd.toml", "control.sock.lock"}


def test_a_relay_alone_does_not_load_what_seals():
    code = ("import sys\nfrom whisperd.cli.daemon import run\nfrom whisperd.daemon import Daemon\n"
            "print([name for name in sys.modules if name in ('argon2', 'sqlite3', 'nacl')])")
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"
