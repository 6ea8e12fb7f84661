"""The demo ends with exit status 0 only if everything held."""

from __future__ import annotations

import io
import json

from rich.console import Console

from whisperd.demo.figures import DemoReport


def test_a_report_without_checks_does_not_hold():
    assert not DemoReport().held


def test_one_failed_check_is_enough():
    report = DemoReport()
    report.check("this", True)
    assert report.held
    report.check("that", False, "3 of 4")
    assert not report.held


def test_the_table_and_the_file_show_figures_and_checks(tmp_path):
    report = DemoReport()
    report.figure("round trip, median", 16.21875, "ms")
    report.check("nothing lost", False, "3 of 4")
    screen = io.StringIO()
    report.show(Console(file=screen, width=100))
    assert "16.219 ms" in screen.getvalue() and "FAILED" in screen.getvalue() and "3 of 4" in screen.getvalue()
    report.write(tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text()) == {
        "held": False,
        "figures": {"round trip, median": {"value": 16.219, "unit": "ms"}},
        "checks": {"nothing lost": {"held": False, "seen": "3 of 4"}},
    }
