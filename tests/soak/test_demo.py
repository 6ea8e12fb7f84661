"""'whisperd demo' shows the whole job, and everything that it shows holds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.soak
TYPED = "whisperd demo"


def test_everything_that_the_demo_shows_holds(tmp_path: Path) -> None:
    program, *words = TYPED.split()
    report = tmp_path / "figures.json"
    done = subprocess.run([Path(sys.executable).with_name(program), *words, "--json", str(report)],
                          capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done
    assert json.loads(report.read_text())
