"""What is installed is what the lock files list, from wherever it comes: the same versions, and the same bytes."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "contrib/lock"
LOCKS = ("install", "test", "update")
#: Files in which packages of Python are brought in.
BRINGING = ("Makefile", ".ci/run", "contrib/setup/from-lock", "contrib/setup/update", "contrib/setup/virtualenv",
            "contrib/debian/build", "contrib/debian/rules", "contrib/container/Containerfile")


def entries(name: str) -> list[tuple[Requirement, list[str]]]:
    """Return what a lock file lists, each with its hashes."""
    text = (LOCK / f"{name}.txt").read_text().replace("\\\n", " ")
    found = []
    for line in text.splitlines():
        requirement, *hashes = re.split(r"\s+--hash=", line.strip())
        found.append((Requirement(requirement), hashes))
    return found


def asked_for(*extras: str) -> list[Requirement]:
    """Return what the installed whisperd asks for."""
    wanted = [Requirement(each) for each in metadata.requires("whisperd") or []]
    return [each for each in wanted if each.marker is None
            or any(each.marker.evaluate({"extra": extra}) for extra in extras)]


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_has_one_version_and_hashes_and_nothing_says_where_it_comes_from(name: str) -> None:
    assert len(entries(name)) > 20
    for requirement, hashes in entries(name):
        (pin,) = requirement.specifier
        assert pin.operator == "==" and "*" not in pin.version
        assert hashes and all(re.fullmatch("sha256:[0-9a-f]{64}", each) for each in hashes), requirement
    assert not re.search(r"://|index|find-links", (LOCK / f"{name}.txt").read_text())


@pytest.mark.parametrize("folder", ["", "libsignal", "noble"])
def test_npm_s_packages_have_a_version_and_a_hash_and_no_place(folder: str) -> None:
    place = ROOT / "contrib/bench/node" / folder
    lock, asked = (json.loads((place / name).read_text()) for name in ("package-lock.json", "package.json"))
    packages = {name: value for name, value in lock["packages"].items() if name}
    assert all(value["version"] and value["integrity"] and "resolved" not in value for value in packages.values())
    assert lock["packages"][""]["dependencies"] == asked["dependencies"]


@pytest.mark.parametrize(("name", "extras"), [("install", [""]), ("test", ["", "test", "falcon", "keyring"])])
def test_all_that_setup_asks_for_is_locked_at_a_version_that_it_allows(name: str, extras: list[str]) -> None:
    versions: dict[str, set[str]] = {}
    for requirement, _ in entries(name):
        versions.setdefault(canonicalize_name(requirement.name), set()).add(next(iter(requirement.specifier)).version)
    for wanted in [*asked_for(*extras), *built_with()]:
        assert all(wanted.specifier.contains(version) for version in versions[canonicalize_name(wanted.name)])


def built_with() -> list[Requirement]:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return [Requirement(each) for each in pyproject["build-system"]["requires"]]


def test_what_builds_whisperd_is_locked_too() -> None:
    assert [Requirement(line) for line in (LOCK / "build.in").read_text().split()] == built_with()


def test_this_environment_has_what_the_lock_lists() -> None:
    for requirement, _ in entries("test"):
        if requirement.marker is None or requirement.marker.evaluate():
            assert requirement.specifier.contains(metadata.version(requirement.name)), requirement


@pytest.mark.parametrize("name", BRINGING)
def test_nothing_is_brought_in_past_the_lock(name: str) -> None:
    text = (ROOT / name).read_text().replace("\\\n", " ")
    calls = re.findall(r"pip (?:install|wheel|download) .*", text)
    assert all("--no-index" in call or "--require-hashes" in call for call in calls), calls
    assert not re.search(r"npm (install|i) ", text)


def test_make_sbom_lists_every_package_with_its_version(tmp_path: Path) -> None:
    subprocess.run(["make", "--no-print-directory", "sbom"], cwd=ROOT, check=True, capture_output=True)
    written = json.loads((ROOT / "build/whisperd.cdx.json").read_text())
    assert written["bomFormat"] == "CycloneDX"
    listed = {(canonicalize_name(each["name"]), each["version"]) for each in written["components"]}
    assert listed == {(canonicalize_name(requirement.name), next(iter(requirement.specifier)).version)
                      for requirement, _ in entries("install")}
