"""What is built of the same tree is the same, byte for byte, wherever and by whomever it is built."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def tree(folder: Path, mode: int, moment: float) -> Path:
    """Return a copy of the sources, with other modes and times of its files."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            check=True, capture_output=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
            os.chmod(folder / name, mode | (ROOT / name).stat().st_mode & 0o100)
            os.utime(folder / name, (moment, moment))
    return folder


def wheel(folder: Path, **environment: str) -> str:
    """Return the hash of the wheel of a tree, which is built as make does it."""
    subprocess.run(["contrib/setup/reproducible", sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps",
                    "--no-index", "--no-build-isolation", "--wheel-dir", "dist", "."], cwd=folder, check=True,
                   env=os.environ | environment)
    (built,) = (folder / "dist").glob("*.whl")
    return hashlib.sha256(built.read_bytes()).hexdigest()


def test_two_wheels_are_the_same(tmp_path: Path) -> None:
    one = tree(tmp_path / "one", 0o644, 1_000_000_000)
    other = tree(tmp_path / "another folder", 0o600, 1_700_000_000)
    assert wheel(one, TZ="UTC", LC_ALL="C") == wheel(other, TZ="Asia/Tokyo", LC_ALL="C.UTF-8")


def test_two_packages_are_the_same(debian_package: Path, tmp_path: Path) -> None:
    other = tree(tmp_path / "elsewhere", 0o600, 1_000_000_000)  # debhelper takes no folder with a space
    for words in (["git", "init", "--quiet"], ["contrib/setup/reproducible", "contrib/debian/build"]):
        subprocess.run(words, cwd=other, check=True, capture_output=True,
                       env=os.environ | {"TZ": "Asia/Tokyo", "LC_ALL": "C"})
    built = other / "build/deb" / debian_package.name
    assert hashlib.sha256(built.read_bytes()).digest() == hashlib.sha256(debian_package.read_bytes()).digest()


def test_make_builds_the_wheel_and_the_package_like_that() -> None:
    for target in ("wheel", "deb"):
        shown = subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True, text=True)
        assert "contrib/setup/reproducible" in shown.stdout
