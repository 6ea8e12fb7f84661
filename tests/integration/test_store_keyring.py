"""A sealed store whose key is in the keyring: a real D-Bus, gnome-keyring and daemon, under confinement."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND as CTL
from tests.integration.processes import Process, call, refused, sealed
from tests.integration.session import Session
from whisperd.confine import landlock
from whisperd.errors import StoreKeyMissing, StoreLocked, UsageError
from whisperd.tor.testnet.ports import free_ports

MISSING, WRONG = 109, 101


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """The session in which every daemon of the test runs; nobody has logged in yet."""
    (tmp_path / "session").mkdir()
    made = Session(tmp_path / "session")
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND", raising=False)
    for name in ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, made.environment[name])
    yield made
    made.close()


@pytest.fixture
def config(tmp_path: Path) -> str:
    return sealed(tmp_path, free_ports(1)[0], 'unlock = "keyring"\n')


def ctl(daemon: Process, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*CTL, *words, "--socket", str(daemon.socket)], stdin=subprocess.DEVNULL, text=True,
                          capture_output=True)


def stop(daemon: Process) -> None:
    call(daemon, "stop")
    assert daemon.ended()[0] == 0


def said_by(daemon: Process, status: int) -> str:
    found, _, said = daemon.ended()
    assert found == status, said
    return said


def test_the_key_is_made_once_and_found_again_after_the_daemon_and_the_session_have_ended(start, session, config):
    session.log_in()
    daemon = start(config)
    status = daemon.serving()
    assert status["store"]["state"] == "open" and status["confinement"]["landlock"] == landlock.abi()
    chat = call(daemon, "chat.invite")["chat"]
    stop(daemon)
    session.log_out()
    assert session.files() and not any(re.search(rb"[0-9a-f]{64}", content) for content in session.files().values())
    session.log_in()
    daemon = start(config)
    assert daemon.serving()["store"]["state"] == "open"
    assert [row["chat"] for row in call(daemon, "chat.list")] == [chat]
    stop(daemon)


def test_a_store_that_was_locked_opens_by_the_keyring_and_nobody_is_asked(start, session, config):
    session.log_in()
    daemon = start(config)
    daemon.serving()
    call(daemon, "store.lock")
    session.lock()
    assert "'whisperctl store unlock'" in refused(daemon, "chat.list", StoreLocked).remedy
    assert "locked" in refused(daemon, "store.unlock", StoreKeyMissing, passphrase="").message
    session.log_out()
    session.log_in()
    opened = ctl(daemon, "store", "unlock")
    assert (opened.returncode, opened.stdout.splitlines()[0]) == (0, "sealed, open")
    changed = ctl(daemon, "store", "passphrase")
    assert changed.returncode == UsageError.exit_status and "is in the keyring" in changed.stderr
    assert call(daemon, "store.wipe")["state"] == "new"
    assert ctl(daemon, "store", "unlock").returncode == 0
    stop(daemon)
    daemon = start(config)
    assert daemon.serving()["store"]["state"] == "open"


def test_a_locked_keyring_or_none_at_all_ends_the_start_with_what_can_be_done(start, session, config, monkeypatch):
    assert "this session has no keyring. Start whisperd in a session" in said_by(start(config), MISSING)
    session.log_in()
    session.lock()
    assert "the keyring of this session is locked. Unlock it and restart" in said_by(start(config), MISSING)
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere/bus")
    assert "this session has no keyring" in said_by(start(config), MISSING)
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert "this session has no keyring" in said_by(start(config), MISSING)


def test_a_key_that_is_not_there_is_not_made_for_a_store_that_has_one_and_a_wrong_one_is_said_to_be(
        start, session, config, tmp_path):
    session.log_in()
    daemon = start(config)
    daemon.serving()
    stop(daemon)
    moved = tmp_path / "elsewhere"
    (tmp_path / "store").rename(moved)
    elsewhere = config.replace(f"{tmp_path}/store", str(moved))
    said = said_by(start(elsewhere), MISSING)
    assert f"the keyring contains no passphrase for the store {moved}/store.db" in said and "keyring set" in said
    subprocess.run([sys.executable, "-m", "keyring", "set", "whisperd store", f"{moved}/store.db"], check=True,
                   env=session.environment, input="a wrong passphrase", text=True, capture_output=True)
    said = said_by(start(elsewhere), WRONG)
    assert "the passphrase from the keyring does not open the store" in said and "a wrong passphrase" not in said
    moved.rename(tmp_path / "store")
    assert start(config).serving()["store"]["state"] == "open"


def test_a_passphrase_of_one_s_own_takes_the_place_of_the_one_in_the_keyring(start, session, config, tmp_path):
    """As whisperctl(1) says it."""
    session.log_in()
    daemon = start(config)
    daemon.serving()
    stop(daemon)
    shown = subprocess.run([sys.executable, "-m", "keyring", "get", "whisperd store", f"{tmp_path}/store/store.db"],
                           env=session.environment, check=True, text=True, capture_output=True).stdout.strip()
    daemon = start(config.replace('"keyring"', '"passphrase"'))
    daemon.serving()
    call(daemon, "store.unlock", passphrase=shown)
    call(daemon, "store.passphrase", old=shown, new="correct horse battery")
    call(daemon, "store.lock")
    assert call(daemon, "store.unlock", passphrase="correct horse battery")["state"] == "open"
