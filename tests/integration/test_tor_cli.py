"""'whisperd testnet' as people run it: other processes, signals and exit statuses."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

from whisperd.errors import Interrupted, TestnetFailed, UsageError

COMMAND = [sys.executable, "-m", "whisperd", "testnet"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=120, check=False)


def runs(pid: int) -> bool:
    """Tell whether a process has this number and is no zombie that its parent has not noticed yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_up_leaves_it_running_status_shows_it_and_down_leaves_nothing(tmp_path: Path) -> None:
    place = ["--dir", str(tmp_path / "net")]
    try:
        up = run("up", *place, "--clients", "1", "--json")
        assert up.returncode == 0, up.stderr
        assert "Making the authorities' keys" in up.stderr
        [client] = json.loads(up.stdout)["clients"]
        assert client["control"].startswith("unix:") and client["socks"].startswith("unix:")
        seen = json.loads(run("status", *place, "--json").stdout)
        assert seen["state"] == "up" and len(seen["nodes"]) == 8
        assert Path(seen["network_file"]).is_file()
        assert run("up", *place).returncode == TestnetFailed.exit_status
    finally:
        down = run("down", *place)
    assert down.returncode == 0 and not (tmp_path / "net").exists()
    assert not [node["name"] for node in seen["nodes"] if runs(node["pid"])]


def test_ctrl_c_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    starting = subprocess.Popen([*COMMAND, "up", "--dir", str(tmp_path / "net"), "--foreground"], text=True,
                                stderr=subprocess.PIPE)
    assert starting.stderr
    while "Starting authorities" not in starting.stderr.readline():
        assert starting.poll() is None
    starting.send_signal(signal.SIGINT)
    assert "interrupted" in starting.communicate(timeout=90)[1]
    assert starting.returncode == Interrupted.exit_status and not (tmp_path / "net").exists()


def test_mistakes_get_their_exit_status_and_one_line(tmp_path: Path) -> None:
    nothing = run("down", "--dir", str(tmp_path))
    assert nothing.returncode == TestnetFailed.exit_status and len(nothing.stderr.splitlines()) == 1
    assert run("up", "--dir", str(tmp_path / "missing" / "net")).returncode == TestnetFailed.exit_status
    assert run("up").returncode == UsageError.exit_status
