"""The wheel: installed in a virtual environment that knows nothing of the tree, it brings all that a user needs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.house.pages import PAGES, ROOT
from tests.installed.kit import Installation, installation
from whisperd import __version__

PROGRAMS = ["whisperd", "whisperctl"]


@pytest.fixture(scope="module")
def installed() -> Installation:
    return installation()


@pytest.fixture(scope="module")
def venv(installed: Installation) -> Path:
    return Path(installed.whisperd).parents[1]


def run(*words: str, **more) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True, cwd="/", timeout=120, **more).stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_program_runs_without_the_tree(installed: Installation, venv: Path, program: str) -> None:
    assert run(getattr(installed, program), "--version").split()[-1] == __version__
    assert "Usage:" in run(getattr(installed, program), "--help")
    place = run(installed.python, "-c", "import whisperd; print(whisperd.__file__)").strip()
    assert place.startswith(f"{venv}/")


def test_man_pages_are_where_man_looks(venv: Path) -> None:
    for page in PAGES:
        assert (venv / f"share/man/man{page[-1]}/{page}").read_text() == (ROOT / "man" / page).read_text()


def test_completions_are_where_the_shells_look(venv: Path) -> None:
    for program in PROGRAMS:
        for place in (f"bash-completion/completions/{program}.bash", f"zsh/site-functions/_{program}",
                      f"fish/vendor_completions.d/{program}.fish"):
            assert (venv / "share" / place).is_file()


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_installed_program_answers_a_shell(venv: Path, program: str) -> None:
    said = run(str(venv / "bin" / program), env={
        f"_{program.upper()}_COMPLETE": "bash_complete", "COMP_WORDS": f"{program} ", "COMP_CWORD": "1"})
    assert "plain,config" in said.splitlines()


def test_the_readme_installs_the_wheel_that_make_builds() -> None:
    readme = (ROOT / "README.md").read_text()
    assert re.search(r"make wheel\n.*from-lock .* install\n.*pip install --no-deps dist/whisperd-\*\.whl", readme)
    shown = run("make", "--dry-run", "-C", str(ROOT), "wheel")
    assert "pip wheel" in shown and "--wheel-dir dist" in shown
