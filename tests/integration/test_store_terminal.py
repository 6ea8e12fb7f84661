"""``whisperd`` on a terminal asks for the passphrase of its sealed store, and shows nothing of it."""

from __future__ import annotations

import os
import sys
import time

import pytest

from tests.cli.terminal import Terminal
from whisperd.control.client import Client

PASSPHRASE = "correct horse battery"


@pytest.fixture
def begin(tmp_path):
    path = tmp_path / "whisperd.toml"
    path.write_text(f'[control]\nsocket = "{tmp_path}/control.sock"\n[tor]\nmode = "off"\n'
                    f'[relay]\nlisten = ["tcp:0:interface=127.0.0.1"]\n'
                    f'[store]\nkind = "sealed"\nfile = "{tmp_path}/store/store.db"\nargon2_memory = 64\n')
    terminals = []

    def start() -> Terminal:
        terminals.append(Terminal([sys.executable, "-m", "whisperd", "--config", str(path)],
                                  {**os.environ, "HOME": str(tmp_path), "TERM": "xterm"}))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.close()


def stopped(terminal: Terminal, socket: str) -> None:
    with Client(socket) as client:
        assert client.call("store.status")["state"] == "open"
        client.call("stop")
    assert terminal.wait_for_end() == 0
    assert PASSPHRASE not in terminal.raw


def created(terminal: Terminal, socket: str) -> None:
    terminal.wait_for("New passphrase:")
    terminal.press(f"{PASSPHRASE}\r")
    terminal.wait_for("again:")
    terminal.press(f"{PASSPHRASE}\r")
    terminal.wait_for("daemon-started")
    stopped(terminal, socket)


def asked(terminal: Terminal, times: int) -> None:
    """Wait until it has asked so often: what is typed before that is lost."""
    while terminal.raw.count("Passphrase of the store:") < times:
        assert terminal._read(time.monotonic() + 60)


def test_a_new_store_gets_its_passphrase_and_a_mistyped_one_may_be_typed_again(begin, tmp_path):
    created(begin(), f"{tmp_path}/control.sock")
    terminal = begin()
    asked(terminal, 1)
    terminal.press("something else\r")
    asked(terminal, 2)
    assert "does not open the store" in terminal.raw
    terminal.press(f"{PASSPHRASE}\r")
    terminal.wait_for("daemon-started")
    stopped(terminal, f"{tmp_path}/control.sock")


def test_three_wrong_passphrases_are_enough(begin, tmp_path):
    created(begin(), f"{tmp_path}/control.sock")
    terminal = begin()
    for number in range(3):
        asked(terminal, number + 1)
        terminal.press("something else\r")
    assert terminal.wait_for_end() == 101


def test_who_interrupts_the_question_starts_nothing(begin, tmp_path):
    terminal = begin()
    terminal.wait_for("New passphrase:")
    terminal.press("\x03")
    assert terminal.wait_for_end() == 9
    assert not (tmp_path / "control.sock").exists()
