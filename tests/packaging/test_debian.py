"""The Debian package of contrib/debian: it is built, lintian finds no error, and what is in it runs.

tests/service/test_first_hour.py installs, starts and purges it under a systemd of its own.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.house.pages import ROOT
from whisperd import __version__

DEBIAN = ROOT / "contrib/debian"
PROGRAMS = ["whisperd", "whisperctl"]


def run(*command: str, **more) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, **more).stdout


@pytest.fixture(scope="module")
def package(debian_package: Path) -> Path:
    return debian_package


@pytest.fixture(scope="module")
def tree(package: Path, tmp_path_factory) -> Path:
    """What the package would put below /."""
    folder = tmp_path_factory.mktemp("package")
    run("dpkg-deb", "--extract", str(package), str(folder))
    return folder


def test_lintian_finds_no_error(package: Path) -> None:
    found = subprocess.run(["lintian", "--allow-root", "--fail-on=error", str(package)], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout


def test_it_has_the_version_of_the_program(package: Path) -> None:
    assert run("dpkg-deb", "--field", str(package), "Version").strip() == __version__


@pytest.mark.parametrize("program", PROGRAMS)
def test_its_programs_run_on_what_it_brings_alone(tree: Path, program: str) -> None:
    launcher = (tree / "usr/bin" / program).read_text()
    assert launcher.startswith("#!/usr/bin/python3 -I\n")
    moved = launcher.replace("/usr/lib/whisperd", f"{tree}/usr/lib/whisperd")
    assert run("/usr/bin/python3", "-I", "-c", moved, "--version", cwd="/").split()[-1] == __version__


def test_every_page_unit_and_completion_is_in_it(tree: Path) -> None:
    # Debian 12 puts units of the system below /lib, 13 below /usr/lib: one folder by two names
    there = {re.sub("^lib/", "usr/lib/", str(path.relative_to(tree))) for path in tree.rglob("*") if path.is_file()}
    pages = {f"usr/share/man/man{page.suffix[1:]}/{page.name}.gz" for page in (ROOT / "man").glob("*.[1-8]")}
    assert pages <= there
    assert {"usr/lib/systemd/system/whisperd.service", "usr/lib/systemd/user/whisperd.service",
            "usr/lib/sysusers.d/whisperd.conf", "usr/lib/tmpfiles.d/whisperd.conf", "etc/whisperd/whisperd.toml",
            "etc/apparmor.d/whisperd",
            *(f"usr/share/bash-completion/completions/{program}.bash" for program in PROGRAMS),
            *(f"usr/share/zsh/vendor-completions/_{program}" for program in PROGRAMS),
            *(f"usr/share/fish/vendor_completions.d/{program}.fish" for program in PROGRAMS)} <= there


def test_its_configuration_can_be_used_and_differs_from_the_defaults_as_it_says(tree: Path) -> None:
    shown = run("/usr/bin/python3", "-I", "-c", (tree / "usr/bin/whisperd").read_text().replace(
        "/usr/lib/whisperd", f"{tree}/usr/lib/whisperd"), "--config", f"{tree}/etc/whisperd/whisperd.toml",
        "config", "show")
    assert {'peer.enabled = false', 'onion.key = "persistent"', 'control.group = "whisperd"'} <= set(shown.splitlines())


def test_what_it_bundles_is_listed_and_is_what_setup_asks_for(tree: Path) -> None:
    listed = {re.split("[=@ ]", line)[0].lower().replace("_", "-")
              for line in (tree / "usr/share/doc/whisperd/bundled.txt").read_text().splitlines()}
    wanted = {re.split("[<>=]", each)[0].lower().replace("_", "-") for each in re.findall(
        r'"([^"]+)"', (ROOT / "setup.py").read_text().partition("REQUIRES = [")[2].partition("]")[0])}
    assert wanted and wanted <= listed


def test_the_installation_neither_starts_nor_enables_anything(package: Path, tmp_path: Path) -> None:
    run("dpkg-deb", "--control", str(package), str(tmp_path))
    script = (tmp_path / "postinst").read_text()
    enabling = [line for line in script.splitlines() if re.search(r"deb-systemd-helper.* enable", line)]
    assert len(enabling) == script.count("was-enabled"), "only what was enabled before an upgrade"


def test_a_purge_removes_what_the_daemon_kept() -> None:
    removed = re.search("purge.*rm -rf (.*?)\n", (DEBIAN / "whisperd.postrm").read_text(), re.S)
    assert removed and removed[1].split() == ["/var/lib/private/whisperd", "/var/lib/whisperd", "/run/whisperd"]


def test_apparmor_takes_the_profile(tmp_path: Path) -> None:
    profile = ROOT / "contrib/apparmor/whisperd"
    run("apparmor_parser", "--skip-kernel-load", "--skip-cache", str(profile))
    broken = tmp_path / "broken"
    broken.write_text(profile.read_text().replace("network unix stream,", "netwrok unix stream,"))
    assert subprocess.run(["apparmor_parser", "-Q", "-K", str(broken)], capture_output=True).returncode != 0


def test_the_unit_names_the_profile_and_the_profile_lets_in_what_the_unit_gives() -> None:
    unit = (ROOT / "contrib/systemd/whisperd.service").read_text()
    profile = (ROOT / "contrib/apparmor/whisperd").read_text()
    name = re.search(r"^AppArmorProfile=-(.*)$", unit, re.M)
    assert name and f"profile {name[1]} " in profile
    for kind, place in (("RuntimeDirectory", "run"), ("StateDirectory", "lib")):
        folder = re.search(rf"^{kind}=(.*)$", unit, re.M)
        assert folder and re.search(rf"owner \S*{place}/\S*{folder[1]}/\*\* rwk", profile)
