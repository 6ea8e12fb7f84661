"""The verbs of the sealed store, as a process against a real control socket; passphrases come by standard input."""

from __future__ import annotations

import json
import stat

import pytest
import pytest_twisted

from tests.cli.conftest import COMMAND, Ctl, environment
from tests.cli.terminal import Terminal
from tests.control.hands import in_thread
from tests.control.sample import PASSPHRASE, Serving
from whisperd.cli.passphrase import TRIES

in_the_reactor = pytest_twisted.ensureDeferred


@in_the_reactor
async def test_status_says_what_is_kept_and_what_it_costs(serving: Serving, ctl: Ctl) -> None:
    done = await ctl("store", "status")
    assert done.stdout == (
        "sealed, open\n/var/lib/whisperd/store/store.db, 41.0 kB, 12 records\n"
        "message history is stored for 30 days; the disk shows the sizes and times of what is stored\n"
        "one guess at the passphrase takes 256 MiB of memory and 3 passes\n")
    serving.api.store = "locked"
    assert "To open it, run 'whisperctl store unlock'" in (await ctl("store", "status")).stdout
    assert "sealed, locked" in (await ctl("status")).stdout


@in_the_reactor
async def test_a_passphrase_is_a_line_of_standard_input_where_there_is_no_terminal(serving: Serving, ctl: Ctl) -> None:
    serving.api.store = "locked"
    wrong = await ctl("store", "unlock", "--json", stdin="wrong passphrase\n")
    assert (wrong.returncode, json.loads(wrong.stdout)["error"]["code"]) == (101, "wrong-passphrase")
    nothing = await ctl("store", "unlock", "--json", stdin="")
    assert (nothing.returncode, json.loads(nothing.stdout)["error"]["code"]) == (109, "store-key-missing")
    right = await ctl("store", "unlock", stdin=f"{PASSPHRASE}\n")
    assert right.returncode == 0 and right.stdout.startswith("sealed, open\n")
    assert [given["passphrase"] for _, given in serving.api.calls] == ["wrong passphrase", PASSPHRASE]


@in_the_reactor
async def test_an_open_store_asks_for_no_passphrase(serving: Serving, ctl: Ctl) -> None:
    assert (await ctl("store", "unlock")).returncode == 0 and serving.api.calls == []


@in_the_reactor
async def test_a_passphrase_that_is_too_short_is_not_taken(serving: Serving, ctl: Ctl) -> None:
    done = await ctl("store", "passphrase", "--json", stdin=f"{PASSPHRASE}\nshort\n")
    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (2, "usage")
    done = await ctl("store", "passphrase", stdin=f"{PASSPHRASE}\nlonger than that\n")
    assert done.returncode == 0
    assert serving.api.calls == [("store.passphrase", {"old": PASSPHRASE, "new": "longer than that"})]


@in_the_reactor
async def test_an_export_is_a_new_file_for_its_user_only(serving: Serving, ctl: Ctl, tmp_path) -> None:
    path = tmp_path / "export"
    done = await ctl("store", "export", str(path), "--move", stdin="for the export\n")
    assert (done.returncode, done.stdout, path.read_bytes()) == (0, "12 records, 6 B\n", b"sealed")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert serving.api.calls == [("store.export", {"passphrase": "for the export", "move": True})]
    again = await ctl("store", "export", str(path), "--json", stdin="for the export\n")
    assert (again.returncode, json.loads(again.stdout)["error"]["code"]) == (69, "file-failed")
    taken = await ctl("store", "import", str(path), stdin="for the export\n")
    assert (taken.returncode, taken.stdout, serving.api.contents) == (0, "12 records imported\n", [b"sealed"])
    missing = await ctl("store", "import", str(tmp_path / "nowhere"), stdin="for the export\n")
    assert missing.returncode == 69


@in_the_reactor
async def test_wiping_wants_to_be_confirmed(serving: Serving, ctl: Ctl) -> None:
    assert (await ctl("store", "wipe")).returncode == 2 and serving.api.store == "open"
    done = await ctl("store", "wipe", "--yes")
    assert (done.returncode, done.stdout, serving.api.store) == (0, "the store is destroyed\n", "new")


@in_the_reactor
async def test_locking_says_what_is_served_then(serving: Serving, ctl: Ctl) -> None:
    assert "sealed, locked: only the relay role works" in (await ctl("store", "lock")).stdout


@in_the_reactor
async def test_at_a_terminal_the_passphrase_is_asked_for_and_not_shown(serving: Serving) -> None:
    serving.api.store = "locked"
    program = Terminal([*COMMAND, "store", "unlock"], environment(serving.path))
    try:
        await in_thread(program.wait_for, "Passphrase of the store:")
        program.press(f"{PASSPHRASE}\r")
        shown = await in_thread(program.wait_for, "sealed, open")
        assert PASSPHRASE not in shown
        assert await in_thread(program.wait_for_end) == 0
    finally:
        program.close()


@in_the_reactor
async def test_a_new_store_s_passphrase_is_typed_twice(serving: Serving) -> None:
    serving.api.store = "new"
    program = Terminal([*COMMAND, "store", "unlock"], environment(serving.path))
    try:
        for number in range(1, TRIES + 1):
            await in_thread(program.wait_for, "New passphrase:", times=number)
            program.press(f"{PASSPHRASE}\r")
            await in_thread(program.wait_for, "again:", times=number)
            program.press("something else\r")
            await in_thread(program.wait_for, "are different", times=number)
        assert await in_thread(program.wait_for_end) == 2
    finally:
        program.close()
    assert serving.api.calls == []


@pytest.mark.parametrize("verb", ["unlock", "passphrase", "export FILE", "import FILE"])
def test_no_verb_takes_a_passphrase_as_a_word(verb) -> None:
    from click.testing import CliRunner

    from whisperd.cli.ctl import build

    shown = CliRunner().invoke(build(), ["store", *verb.split(), "--help"]).output
    assert "passphrase" in shown and "--passphrase" not in shown and "PASSPHRASE" not in shown
