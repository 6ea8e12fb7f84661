"""The wheel of this tree in a virtual environment of its own, which needs nothing of the tree.

The tree may be in a folder that only its owner enters, and what is tried is what ships.
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

from tests.house.pages import ROOT
from tests.scratch import scratch

#: What is installed with it.
EXTRAS = ("keyring", "falcon")


class Installation:
    """Where the two programs are, and the Python that runs them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.whisperd = str(folder / "venv/bin/whisperd")
        self.whisperctl = str(folder / "venv/bin/whisperctl")
        self.python = str(folder / "venv/bin/python")

    def script(self, path: Path) -> list[str]:
        """Return the command that runs a program of the tests with the installed packages."""
        copied = self.folder / path.name
        shutil.copy(path, copied)
        copied.chmod(0o644)
        return [self.python, str(copied)]


def installation() -> Installation:
    """Return the programs of this run, installed by whoever asks first of all the processes that test side by side."""
    folder = scratch() / "installed"
    with (scratch() / "installing").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            _install(folder)
            (folder / "done").touch()
    return Installation(folder)


def _install(folder: Path) -> None:
    folder.chmod(0o755)
    tree = folder / "tree"
    for name in _sources():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tree / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    _run([*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder), str(tree)])
    (wheel,) = folder.glob("whisperd-*.whl")
    _run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")])
    python = folder / "venv/bin/python"
    site = Path(_run([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip())
    for name in _top_names():
        _copy(Path(sysconfig.get_path("purelib")) / name, site / name)
    _run([*pip, "--python", str(python), "install", "-q", "--no-deps", "--no-index", str(wheel)])
    shutil.rmtree(tree)


def _sources() -> list[str]:
    """Return the files of this tree that git tracks, and the new ones; all of them where there is no git."""
    if (ROOT / ".git").exists():
        listed = _run(["git", "-c", "safe.directory=*", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others",
                       "--exclude-standard"])
        return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    left_out = {".venv", "build", "dist"}
    return [str(path.relative_to(ROOT)) for path in ROOT.rglob("*")
            if path.is_file() and path.relative_to(ROOT).parts[0] not in left_out]


def _top_names() -> set[str]:
    """Return what lies at the top of site-packages of all that whisperd needs."""
    names: set[str] = set()
    for distribution in _needed("whisperd", EXTRAS, set()):
        for file in distribution.files or ():
            if file.parts[0] not in ("..", "__pycache__"):
                names.add(file.parts[0])
    return names


def _needed(name: str, extras: tuple[str, ...], seen: set[str]) -> Iterator[importlib.metadata.Distribution]:
    """Yield the distributions that one requires, and what those require."""
    for line in importlib.metadata.requires(name) or ():
        wanted = Requirement(line)
        key = str(wanted)
        if key in seen or not any(wanted.marker is None or wanted.marker.evaluate({"extra": extra})
                                  for extra in ("", *extras)):
            continue
        seen.add(key)
        yield importlib.metadata.distribution(wanted.name)
        yield from _needed(wanted.name, tuple(wanted.extras), seen)


def _copy(source: Path, target: Path) -> None:
    """Copy by links where both lie on one file system, with what is compiled: no user could write that there."""
    def link(one: str, other: str) -> str:
        try:
            os.link(one, other)
        except OSError:
            shutil.copy2(one, other)
        return other

    if source.is_dir():
        shutil.copytree(source, target, copy_function=link)
    else:
        link(str(source), str(target))


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
