"""whisperctl plugins check: the kit over one plug-in, in whisperctl's own process."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, ROOT, environment
from whisperd.cli.render import PLAIN
from whisperd.cli.verbs.plugins_check import Screen
from whisperd.plugin.conformance import Result

BROKEN = """
from whisperd_plugins.double_he import DoubleHeaderEncrypted

class Mine(DoubleHeaderEncrypted):
    id = "mine"

    def self_test(self):
        raise ArithmeticError("\\x1b[2Jtwo and two")
"""


def whisperctl(*words: str, path: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run it where no daemon is, with ``path`` among the places of plug-ins."""
    return subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=60,
                          env=environment("/nonexistent", PYTHONPATH=f"{ROOT}:{path}"))


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A folder with a distribution whose plug-in ``mine`` fails its self-test."""
    (tmp_path / "mine.py").write_text(BROKEN)
    info = tmp_path / "mine-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.5\n")
    (info / "entry_points.txt").write_text("[whisperd.ratchet]\nmine = mine:Mine\n")
    return tmp_path


def test_a_good_plugin_passes_without_a_daemon() -> None:
    done = whisperctl("plugins", "check", "double-he")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("ratchet double-he of whisperd ")
    negotiation = next(place for place, line in enumerate(lines) if line.startswith("negotiation with double-he of "))
    for checks, last in ((lines[1:negotiation - 1], lines[negotiation - 1]), (lines[negotiation + 1:-1], lines[-1])):
        assert {line.split()[0] for line in checks} == {"ok"}
        assert last.startswith(f"{len(checks)} of {len(checks)} checks passed, in ")


def test_what_does_not_apply_is_counted_apart() -> None:
    done = whisperctl("plugins", "check", "p256-simple")
    skipped = sum(line.startswith("skipped ") for line in done.stdout.splitlines())
    assert done.returncode == 0 and skipped > 0 and f" checks passed, {skipped} skipped, in " in done.stdout


def test_the_report_of_a_broken_one_names_what_it_breaks_and_the_status_is_an_error(broken: Path) -> None:
    done = whisperctl("plugins", "check", "mine", path=broken)
    assert done.returncode == 71
    assert "ratchet mine of mine 1.5" in done.stdout and "ok      ping-pong" in done.stdout
    assert "BROKEN  self-test: raised ArithmeticError" in done.stdout and "\x1b" not in done.stdout
    assert done.stderr.startswith("whisperctl: mine does not fulfil the plug-in contract: self-test\n")


def test_json_is_the_whole_report_and_then_the_error(broken: Path) -> None:
    report, error = map(json.loads, whisperctl("--json", "plugins", "check", "mine", path=broken).stdout.splitlines())
    assert (report["id"], report["distribution"], report["passed"]) == ("mine", "mine 1.5", False)
    outcomes = {result["name"]: result["outcome"] for result in report["results"]}
    assert outcomes["self-test"] == "BROKEN" and outcomes["reorder"] == "ok"
    assert error["error"]["code"] == "plugin-refused"


def test_what_cannot_be_imported_or_is_not_there_is_its_own_error(broken: Path) -> None:
    assert whisperctl("plugins", "check", "nobodys").returncode == 70
    (broken / "mine.py").write_text("1 / 0")
    done = whisperctl("plugins", "check", "mine", path=broken)
    assert done.returncode == 71 and "cannot be imported: division" in done.stderr


def test_a_bundled_plugin_is_not_shadowed_by_one_that_was_installed(broken: Path) -> None:
    (broken / "mine-1.5.dist-info/entry_points.txt").write_text("[whisperd.ratchet]\ndouble-he = mine:Mine\n")
    done = whisperctl("plugins", "check", "double-he", path=broken)
    assert done.returncode == 0 and done.stdout.startswith("ratchet double-he of whisperd ")


def test_on_a_terminal_the_running_check_is_shown_until_it_is_done(capsys) -> None:
    screen = Screen(PLAIN, on_terminal=True)
    screen.follow("reorder", None)
    assert capsys.readouterr().out == "        reorder ..."
    screen.follow("reorder", Result("reorder", "Demand.", None, 3.14))
    assert capsys.readouterr().out == "\r\x1b[Kok      reorder (3.1 s)\n"
    screen.follow("agreement", Result("agreement", "Demand.", None, 0.0, "nothing to test"))
    assert capsys.readouterr().out == "\r\x1b[Kskipped agreement: nothing to test\n"
