"""A user who only monitors: in the group of the system daemon's control socket, and without a daemon."""

from __future__ import annotations

import grp
import json
import os
import pwd
import subprocess
from pathlib import Path

import pytest

from tests.installed.kit import Company, Daemon
from tests.installed.kit.account import ids
from tests.waiting import PATIENCE
from whisperd.tor.testnet.ports import free_ports

#: A user of every Debian whose group is that of the user who runs the daemon here, and one with neither.
MONITOR, STRANGER = pwd.getpwnam("sync").pw_uid, 54_321

#: Has the folder "$0" stand at /run/whisperd, for the command that follows and for nothing else.
AS_THE_SYSTEMS = """
mount -t tmpfs none /run && mkdir -m 755 /run/whisperd && mount --bind "$0" /run/whisperd && exec "$@"
"""


def run_as(user: int, group: int, relay: Daemon, *words: str) -> subprocess.CompletedProcess[str]:
    """Run whisperctl as another user, where the daemon is the system's."""
    environment = {key: value for key, value in relay.environment.items() if key != "HOME"}
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", AS_THE_SYSTEMS, str(Path(relay.socket).parent), "setpriv",
         f"--reuid={user}", f"--regid={group}", "--clear-groups", relay.programs.whisperctl, *words],
        capture_output=True, text=True, timeout=PATIENCE, cwd="/", env=environment, check=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be several users")
def test_a_member_of_the_group_asks_the_system_daemon(company: Company) -> None:
    group = ids()[1]
    relay = company.daemon(
        "relay", f'[relay]\nlisten = ["tcp:{free_ports(1)[0]}:interface=127.0.0.1"]\n[peer]\nenabled = false\n',
        socket="run/control.sock", control=f'group = "{grp.getgrgid(group).gr_name}"\n')
    relay.start()
    Path(relay.socket).parent.chmod(0o755)  # as the unit's RuntimeDirectoryMode
    answer = run_as(MONITOR, group, relay, "--json", "status")
    assert json.loads(answer.stdout).get("pid") == relay.pid, answer.stdout + answer.stderr
    checked = run_as(MONITOR, group, relay, "status", "--check")
    assert checked.stdout.startswith("WHISPERD ") and "UNKNOWN" not in checked.stdout
    changed = run_as(MONITOR, group, relay, "--json", "stop")
    assert json.loads(changed.stdout)["error"]["code"] == "daemon-unreachable"
    stranger = run_as(STRANGER, STRANGER, relay, "--json", "status")
    assert json.loads(stranger.stdout)["error"]["code"] == "daemon-unreachable"
    assert f"/run/user/{STRANGER}/whisperd/control.sock" in stranger.stdout
