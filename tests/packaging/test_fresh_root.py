"""contrib/setup/fresh-root: what it refuses, what it shows of a failure, and that nothing of it stays behind.

What it does when nothing fails is shown by 'make fresh', which takes minutes and the network.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.house.pages import ROOT
from tests.waiting import PATIENCE, until

SETUP = ROOT / "contrib/setup"
#: Seconds that anything here may take on a machine that is busy with something else.
NOBODY = 65534

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty folder that everybody can read."""
    with tempfile.TemporaryDirectory(prefix="whisperd-test-") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.fixture
def environment(place: Path) -> Callable[[str], dict[str, str]]:
    """Returns variables that put a debootstrap of the test first, and the roots into the folder ``roots``."""
    (place / "roots").mkdir()
    (place / "bin").mkdir()

    def made(script: str) -> dict[str, str]:
        program = place / "bin/debootstrap"
        program.write_text(f"#!/bin/bash\n{script}\n")
        program.chmod(0o755)
        return {**os.environ, "PATH": f"{place / 'bin'}:{os.environ['PATH']}", "TMPDIR": str(place / "roots")}

    return made


def fresh_root(*arguments: str, **more) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(SETUP / "fresh-root"), *arguments], capture_output=True, text=True, timeout=PATIENCE,
                          stdin=subprocess.DEVNULL, **more)


def test_its_help_names_what_it_takes() -> None:
    done = fresh_root("--help")
    assert done.returncode == 0
    assert "fresh-root [RELEASE...] [make TARGET...]" in done.stdout and "set -eu" not in done.stdout


@pytest.mark.parametrize("arguments", [("11",), ("13", "demo"), ("--all",)])
def test_what_is_no_release_is_refused(arguments: tuple[str, ...]) -> None:
    done = fresh_root(*arguments)
    assert done.returncode == 2
    assert f"'{arguments[-1]}' is no release" in done.stderr


@as_root
def test_it_says_that_it_needs_root(place: Path) -> None:
    (place / "contrib").mkdir()
    (place / "contrib").chmod(0o755)  # whatever umask the run has
    shutil.copytree(SETUP, place / "contrib/setup")
    done = subprocess.run([str(place / "contrib/setup/fresh-root")], capture_output=True, text=True, user=NOBODY,
                          group=NOBODY, extra_groups=[], timeout=PATIENCE)
    assert done.returncode == 1
    assert "run it as root" in done.stderr


@as_root
def test_a_root_that_cannot_be_made_fails_and_the_end_of_its_log_is_shown(place: Path, environment) -> None:
    done = fresh_root("13", "make", "demo", env=environment("seq 1000 1059; echo no mirror today >&2; exit 7"))
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert "no mirror today" in lines and "1059" in lines and "1021" in lines and "1020" not in lines
    assert lines[-1].startswith("Debian 13: debootstrap: FAILED after ")
    assert not any((place / "roots").iterdir())


@as_root
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_stays_behind_when_it_is_ended(place: Path, environment, number: signal.Signals) -> None:
    """debootstrap has mounted something, and a process of its own runs, when the script is ended."""
    script = f'''mkdir "$4/proc" && mount -t proc proc "$4/proc" || exit
        (exec -a "of {place}" sleep {PATIENCE}) & echo > {place}/begun; wait'''
    command = ["env", "--default-signal=INT", str(SETUP / "fresh-root"), "13"]
    process = subprocess.Popen(command, env=environment(script), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        until((place / "begun").exists)
        assert uses(place) and any((place / "roots").iterdir())
        process.send_signal(number)
        assert process.wait(PATIENCE) != 0
    finally:
        process.kill()
        process.wait()
    until(lambda: not any((place / "roots").iterdir()))
    until(lambda: not uses(place))
    assert str(place) not in Path("/proc/mounts").read_text()


def uses(place: Path) -> list[str]:
    """Return the command lines of other processes in which the folder is named."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
        except OSError:  # it has ended
            continue
        if int(process.name) != os.getpid() and str(place).encode() in words:
            found.append(words.decode(errors="replace"))
    return found


@as_root
@pytest.mark.parametrize(("says", "problem"), [
    ("echo 'make: *** Error 1'; exit 2", "it does not show the address of its relay"),
    ("echo 'relay listens on tcp:127.0.0.1:9'; exit 0", "it does not show tor's progress"),
    ("""echo 'relay listens on tcp:127.0.0.1:9'; echo 'tor: Starting 0 %'
        echo 'whisperd still serves this machine,'; echo 'and continues to try. without internet: make demo'""",
     "its relay does not serve"),
])
def test_a_run_that_does_not_keep_a_promise_fails(place: Path, says: str, problem: str) -> None:
    for name, script in (("bin/make", says), (".venv/bin/whisperctl", "exit 0")):
        program = place / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    done = subprocess.run(["unshare", "--net", sys.executable, str(SETUP / "fresh_run.py")], cwd=place, text=True,
                          capture_output=True, timeout=PATIENCE, stdin=subprocess.DEVNULL,
                          env={**os.environ, "PATH": f"{place / 'bin'}:{os.environ['PATH']}"})
    assert done.returncode == 1
    assert problem in done.stderr
