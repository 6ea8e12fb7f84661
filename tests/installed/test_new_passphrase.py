"""Somebody at a terminal chooses the passphrase of a new store, and mistypes it."""

from __future__ import annotations

from tests.cli.terminal import Terminal
from tests.installed.kit import Company
from tests.installed.kit.account import words_as_user

PASSPHRASE = "correct horse battery"


def test_a_short_one_and_two_that_differ_are_asked_for_again(company: Company) -> None:
    store = f'[store]\nkind = "sealed"\nfile = "{company.folder}/anna/store/store.db"\nargon2_memory = 64\n'
    anna = company.daemon("anna", f"[relay]\nenabled = false\n{store}")
    terminal = Terminal([*words_as_user(), anna.programs.whisperd, "--config", str(anna.path)], anna.environment)
    try:
        terminal.wait_for("New passphrase:")
        terminal.press("short\r")
        terminal.wait_for("at least 8 characters")
        terminal.wait_for("New passphrase:", times=2)
        terminal.press(f"{PASSPHRASE}\r")
        terminal.wait_for("again:")
        terminal.press("correct horse pottery\r")
        terminal.wait_for("are different")
        terminal.wait_for("New passphrase:", times=3)
        terminal.press(f"{PASSPHRASE}\r")
        terminal.wait_for("again:", times=2)
        terminal.press(f"{PASSPHRASE}\r")
        terminal.wait_for("daemon-started")
        assert anna.ask("store", "status")["state"] == "open"
        assert "short" not in terminal.raw.replace("too short", "") and PASSPHRASE not in terminal.raw
    finally:
        terminal.close()
