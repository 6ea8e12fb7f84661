"""What a program writes into the tree is what it would write now."""

from __future__ import annotations

import subprocess
from importlib.metadata import version

import pytest

from contrib.generated import completions
from contrib.generated.files import ROOT, files

FILES = files()


@pytest.mark.parametrize("name", FILES)
def test_a_generated_file_is_up_to_date(name: str) -> None:
    text = (ROOT / name).read_text()
    if "/completions/" in name and completions.maker(text) != version("click"):
        assert completions.maker(text)  # another click words them differently; those of any serve any
        return
    assert text == FILES[name], "run 'make generated'"


def test_what_is_written_is_the_same_again() -> None:
    assert files() == FILES


def test_make_writes_all_of_it() -> None:
    shown = subprocess.run(["make", "--dry-run", "generated"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "-m contrib.generated" in shown.stdout
