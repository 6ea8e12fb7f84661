"""What the tests here run is what ships, and a run of tests leaves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.house.pages import ROOT
from tests.installed.kit import Company


def test_the_programs_are_those_of_the_wheel_and_need_nothing_of_this_tree(company: Company):
    python = company.programs.python
    daemon = company.daemon("relay", '[relay]\nlisten = ["tcp:0:interface=127.0.0.1"]\n')
    code = "import sys, whisperd, whisperd_plugins, twisted\nfor each in (whisperd, whisperd_plugins, twisted):\n" \
           "    print(each.__file__)\nprint(*sys.path, sep='\\n')"
    places = daemon.text_of([python, "-c", code]).stdout.splitlines()
    assert all(place.startswith(f"{company.programs.folder}/venv/") for place in places[:3])
    assert not any(Path(place).is_relative_to(ROOT) for place in places)
    assert not any(path.resolve().is_relative_to(ROOT) for path in company.programs.folder.rglob("*"))
    daemon.start()
    maps = Path(f"/proc/{daemon.pid}/maps").read_text()
    assert str(company.programs.folder) in maps and str(ROOT) not in maps


@contextmanager
def beginning(folder: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A run of tests that has begun, and its folder."""
    code = "from tests.scratch import Scratch, scratch\nkept = Scratch()\nprint(scratch(), flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          cwd=ROOT, env={**os.environ, "TMPDIR": str(folder)}) as process:
        assert process.stdout is not None
        try:
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def test_what_a_run_that_was_killed_has_left_goes_with_the_next_one_and_nothing_else(tmp_path):
    with beginning(tmp_path) as (killed, left), beginning(tmp_path) as (_, in_use):
        assert left.is_dir() and in_use.is_dir()
        killed.kill()
        killed.wait()
        with beginning(tmp_path) as (_, new):
            assert [path.exists() for path in (left, in_use, new)] == [False, True, True]
