"""A running daemon cannot write or run anything but what its configuration needs: it is told to try."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.confine.attempts import attempts
from whisperd.confine import landlock, seccomp
from whisperd.control.client import Client
from whisperd.errors import DaemonUnreachable

ALLOWED = {"write where it may", "write to /dev/null", "read a file", "read random bytes"}
NO_TOR = '[relay]\nlisten = ["tcp:0:interface=127.0.0.1"]\n[tor]\nmode = "off"\n'

needs_landlock = pytest.mark.skipif(landlock.abi() < 6, reason="the kernel's Landlock is older than what is tried here")


class Trying:
    """A daemon that tries what it must not, with its socket in ``run`` and a file to harm in ``outside``."""

    def __init__(self, folder: Path, config: str, module: str, control: str) -> None:
        self.socket = folder / "run" / "control.sock"
        self.outside = folder / "outside"
        self.outside.mkdir()
        (self.outside / "there").write_text("untouched")
        path = folder / "whisperd.toml"
        path.write_text(f'[control]\nsocket = "{self.socket}"\n{control}{config}')
        environment = {**os.environ, "HOME": str(folder), "XDG_STATE_HOME": str(folder / "state"),
                       "TRY_OUTSIDE": str(self.outside), "TRY_INSIDE": str(self.socket.parent)}
        self.process = subprocess.Popen([sys.executable, "-m", module, "--config", str(path)], env=environment,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def call(self, method: str) -> dict:
        """Return what the daemon answers, as soon as it does."""
        deadline = time.monotonic() + 120
        while True:
            try:
                with Client(str(self.socket)) as client:
                    return client.call(method)
            except DaemonUnreachable as error:
                assert self.process.poll() is None, self.process.communicate()
                assert time.monotonic() < deadline, error.message
                time.sleep(0.02)

    def until_tor_is(self, state: str, seconds: float = 60) -> None:
        """Wait for a state of tor."""
        end = time.monotonic() + seconds
        while (tor := self.call("status")["tor"])["state"] != state:
            assert time.monotonic() < end, tor
            time.sleep(0.05)

    @property
    def children(self) -> list[int]:
        """The processes that the daemon started."""
        pid = self.process.pid
        return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


@pytest.fixture
def start(tmp_path):
    running = []

    def begin(config: str, module: str = "tests.confine.attempts", control: str = "") -> Trying:
        running.append(Trying(tmp_path, config, module, control))
        return running[-1]

    yield begin
    for each in running:
        each.process.terminate()
        each.process.communicate(timeout=90)


@needs_landlock
def test_nothing_is_written_or_run_but_what_is_configured(start):
    daemon = start(NO_TOR)
    tried = daemon.call("plugins")
    for place in ("reactor", "thread"):
        done = {name for name, outcome in tried[place].items() if outcome == "done"}
        assert done == ALLOWED
        assert {tried[place][name] for name in tried[place].keys() - ALLOWED} <= {"EACCES", "EPERM", "EXDEV",
                                                                                  "EAFNOSUPPORT"}
    assert [path.name for path in daemon.outside.iterdir()] == ["there"]
    assert (daemon.outside / "there").read_text() == "untouched"


@needs_landlock
def test_status_says_what_is_in_force(start):
    daemon = start(NO_TOR)
    found = daemon.call("status")["confinement"]
    assert found["landlock"] == landlock.abi() and found["why"] == ""
    assert found["seccomp"] == list(seccomp.names())
    assert found["no_core_dump"] and found["no_tracing"] and found["no_new_privileges"]
    assert found["writable"] == ["/dev/null", str(daemon.socket.parent)] and found["programs"] == []


def test_the_same_attempts_succeed_where_it_is_off(start):
    """Or the test above would not show anything."""
    tried = start(f'[daemon]\nsandbox = "off"\n{NO_TOR}').call("plugins")["reactor"]
    assert {name for name, outcome in tried.items() if outcome == "done"} >= {
        "make a file", "change a file", "cut a file short", "remove a file", "run a shell", "run what it wrote",
        "make a file without a name", "speak to the kernel's router", "become somebody"}
    Path("/tmp/whisperd-was-here").unlink()


def test_off_is_shown(start):
    found = start(f'[daemon]\nsandbox = "off"\n{NO_TOR}').call("status")["confinement"]
    assert found["landlock"] == 0 and found["seccomp"] == [] and found["why"] == "daemon.sandbox is off"
    assert found["no_core_dump"]


@needs_landlock
def test_a_launched_tor_is_confined_too_and_is_started_again_when_it_dies(start, testnet, tmp_path):
    daemon = start(f'[tor]\nnetwork = "{testnet.network_file}"\ndata_dir = "{tmp_path}/data"\n'
                   '[relay]\nlisten = ["tcp:0:interface=127.0.0.1"]\n')
    daemon.until_tor_is("up")
    first, = daemon.children
    confined = Path(f"/proc/{first}/status").read_text()
    assert "NoNewPrivs:\t1" in confined
    tried = daemon.call("plugins")["reactor"]
    assert tried["run a shell"] == tried["run python"] == tried["make a file"] == "EACCES"
    os.kill(first, signal.SIGKILL)
    daemon.until_tor_is("lost")
    daemon.until_tor_is("up")
    second, = daemon.children
    assert second != first
    assert any("tor" in program for program in daemon.call("status")["confinement"]["programs"])


@needs_landlock
def test_the_audit_trail_can_be_written_and_made_anew_under_confinement(start, tmp_path):
    trail = tmp_path / "trail" / "audit.log"
    daemon = start(f'{NO_TOR}[daemon]\nsandbox = "require"\n', "whisperd", f'audit = "{trail}"\n')
    assert "control.audit" in daemon.call("status")["opt_in"]
    daemon.call("relay.drain")
    trail.rename(trail.with_suffix(".old"))
    daemon.call("reload")
    daemon.call("relay.resume")
    methods = {path: [json.loads(line)["method"] for line in path.read_text().splitlines()]
               for path in (trail, trail.with_suffix(".old"))}
    assert list(methods.values()) == [["reload", "relay.resume"], ["relay.drain"]]


def test_every_attempt_is_named_once():
    assert attempts(Path("/nowhere"), Path("/nowhere")).keys() > ALLOWED
