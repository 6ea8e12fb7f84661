"""The units of contrib/systemd: systemd takes them, and the system's is as closed as it is said to be."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import pages
from tests.house.pages import ROOT
from whisperd.config import load
from whisperd.control.commands import COMMANDS
from whisperd.errors import (
    ConfigError,
    DaemonRunning,
    StoreDamaged,
    StoreKeyMissing,
    StoreUnusable,
    UsageError,
    WrongPassphrase,
)

UNITS = ROOT / "contrib/systemd"
PATHS = {"system": UNITS / "whisperd.service", "user": UNITS / "user/whisperd.service"}
MAX_EXPOSURE = 1.5


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})


@pytest.mark.parametrize("kind", PATHS)
def test_systemd_finds_nothing_wrong(kind, tmp_path):
    """The programs are these of the tests, because nothing is installed in /usr/bin."""
    unit = tmp_path / "whisperd.service"
    unit.write_text(PATHS[kind].read_text().replace("/usr/bin/", f"{Path(sys.executable).parent}/"))
    found = run("systemd-analyze", "verify", "--man=no", f"--{kind}", str(unit), XDG_RUNTIME_DIR=str(tmp_path))
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_a_mistake_in_a_unit_is_found(tmp_path):
    unit = tmp_path / "whisperd.service"
    unit.write_text(PATHS["system"].read_text().replace("Type=notify", "Type=notfy"))
    assert "notfy" in run("systemd-analyze", "verify", "--man=no", str(unit)).stderr


def test_the_system_unit_is_closed():
    found = run("systemd-analyze", "security", "--offline=true", str(PATHS["system"]))
    exposure = re.search(r"Overall exposure level for whisperd.service: ([\d.]+)", found.stdout)
    assert exposure and float(exposure[1]) <= MAX_EXPOSURE, found


def test_its_examples_of_credentials_are_taken_too(tmp_path):
    """Each commented line, made good for a machine on which the files are there."""
    text, credentials = re.subn(r"^#(LoadCredential)", r"\1", PATHS["system"].read_text(), flags=re.M)
    assert credentials == 3
    unit = tmp_path / "whisperd.service"
    unit.write_text(text.replace("/usr/bin/", f"{Path(sys.executable).parent}/"))
    found = run("systemd-analyze", "verify", "--man=no", str(unit))
    assert (found.returncode, found.stderr) == (0, "")
    assert {line.partition(":")[0] for line in re.findall(r"LoadCredential\w*=(.*)", text)} == {
        "tor.password", load().store.credential, "tls.key"}


def test_the_socket_is_the_one_that_the_page_names(tmp_path):
    text = (UNITS / "whisperd.socket").read_text()
    for name, content in (("whisperd.socket", text), ("whisperd.service", PATHS["system"].read_text())):
        (tmp_path / name).write_text(content.replace("/usr/bin/", f"{Path(sys.executable).parent}/"))
    found = run("systemd-analyze", "verify", "--man=no", str(tmp_path / "whisperd.socket"))
    assert (found.returncode, found.stderr) == (0, "")
    listener = f"systemd:domain=INET:name={re.search(r'FileDescriptorName=(.*)', text)[1]}"
    assert listener in text and listener in pages.text("whisperd.toml.5")


@pytest.mark.parametrize("kind", PATHS)
def test_no_restart_after_what_a_restart_does_not_mend(kind):
    statuses = {int(word) for word in re.search(r"RestartPreventExitStatus=(.*)", PATHS[kind].read_text())[1].split()}
    assert statuses == {error.exit_status for error in (
        UsageError, ConfigError, DaemonRunning, WrongPassphrase, StoreDamaged, StoreUnusable, StoreKeyMissing)}


@pytest.mark.parametrize("kind", PATHS)
def test_what_a_unit_runs_there_is(kind):
    verb, = re.findall(r"ExecReload=/usr/bin/whisperctl (.*)", PATHS[kind].read_text())
    assert verb in {command.verb for command in COMMANDS}


def test_the_user_and_the_folder_are_as_systemd_has_them():
    users = (UNITS / "sysusers.d/whisperd.conf").read_text().splitlines()[-1].split()
    assert users[:2] == ["u", re.search(r"^User=(.*)$", PATHS["system"].read_text(), re.M)[1]]
    folder = (UNITS / "tmpfiles.d/whisperd.conf").read_text().splitlines()[-1].split()
    assert folder == ["d", "/etc/whisperd", "0755", "root", "root"]
