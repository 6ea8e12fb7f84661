"""A machine of its own for tests: this one's file system under a layer that is thrown away, and its own processes.

Everything below ``/`` is there as it is here; what is changed is changed in memory and gone at the end. Its network is
loopback only, with ports of its own, but for those of a private Tor network that are brought in. With ``systemd`` its
first process is a real systemd, which takes itself to be in a container: this kernel's settings, clock, modules and
audit are out of its reach. It needs root, and overlay file systems.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_SETUP = """
set -eu
{python} {forwarding} {network} {ports}
mount -t tmpfs -o mode=755 machine {base}
cd /
root={base}/root
mkdir {base}/changes {base}/work $root
mount -t overlay -o lowerdir=/,upperdir={base}/changes,workdir={base}/work machine $root
mount -t proc proc $root/proc
mount --bind $root/proc/sys $root/proc/sys
mount -o remount,ro,bind $root/proc/sys
mount -t sysfs -o ro sysfs $root/sys
mount -t cgroup2 cgroup2 $root/sys/fs/cgroup
mount -t tmpfs -o mode=755 dev $root/dev
mount -t tmpfs -o mode=755 run $root/run
mount -t tmpfs -o mode=1777 tmp $root/tmp
if ! [ -e $root{folder} ]; then
    mkdir -p $root{folder}
    mount --bind {folder} $root{folder}
    mount -o remount,ro,bind $root{folder}
fi
for device in null zero full random urandom tty; do
    touch $root/dev/$device; mount --bind /dev/$device $root/dev/$device
done
mkdir $root/dev/shm $root/dev/pts $root/machine
mount -t devpts -o newinstance,ptmxmode=0666 devpts $root/dev/pts
ln -s pts/ptmx $root/dev/ptmx
ln -s /proc/self/fd $root/dev/fd
mount --bind {shared} $root/machine
rm -rf $root/etc/systemd/system/*.wants $root/etc/systemd/system/*.requires
cp {shared}/typed.service $root/etc/systemd/system/
cd $root
mkdir before
pivot_root . before
umount -l /before
# as in any other container: a unit's credentials are mounted by a process beside systemd's own
mount --make-rshared /
"""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ENVIRONMENT = {"PATH": _PATH, "HOME": "/root", "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
_PLAIN = "exec /bin/bash /machine/script\n"
#: What a container's systemd has no business with.
_WITHOUT = "-sys_time,-sys_module,-sys_boot,-audit_control,-audit_read,-syslog,-mac_admin"
_BOOTED = f"""
exec env -i container=other PATH={_PATH} setpriv --bounding-set={_WITHOUT} \\
    /lib/systemd/systemd --system --unit=typed.service --show-status=0 --log-target=null
"""
_UNIT = f"""[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=/bin/bash /machine/script
ExecStopPost=/bin/systemctl exit 0 --force
StandardOutput=null
StandardError=null
Environment={" ".join(f"{name}={value}" for name, value in _ENVIRONMENT.items())}
"""
_STEP = """
echo {mark}{number}
(cd {folder}; {command}
) </dev/null
status=$?
echo "{mark}status $status"
[ $status = 0 ] || exit 1
"""
_MARK = "-=#=- "


@dataclass(frozen=True)
class Step:
    """What was typed, what it printed, and its exit status; -1 where it was not reached."""

    command: str
    printed: str = ""
    status: int = -1


def ports_of(network_file: Path) -> list[int]:
    """Return the ports of the private Tor network whose clients read this file."""
    return [int(port) for torrc in sorted(network_file.parent.glob("nodes/*/torrc"))
            for port in re.findall(r"^(?:OR|Dir)Port (?:127\.0\.0\.1:)?(\d+)", torrc.read_text(), re.M)]


def run(commands: list[str], folder: Path, place: Path, seconds: float, *, ports: list[int],
        systemd: bool = False) -> list[Step]:
    """Type ``commands`` one after the other, in ``folder``, until one fails.

    ``place`` is an empty folder; ``ports`` are those of this machine's loopback that are to be had there, too."""
    base, shared = place / "base", place / "shared"
    base.mkdir()
    shared.mkdir()
    typed = "".join(_STEP.format(mark=_MARK, number=number, command=command, folder=shlex.quote(str(folder)))
                    for number, command in enumerate(commands))
    (shared / "script").write_text(f"exec >/machine/printed 2>&1\n{typed}")
    (shared / "printed").touch()
    (shared / "typed.service").write_text(_UNIT)
    setup = (_SETUP + (_BOOTED if systemd else _PLAIN)).format(
        base=base, shared=shared, folder=shlex.quote(str(folder)), python=sys.executable,
        forwarding=Path(__file__).with_name("forwarding.py"), network=f"/proc/{os.getpid()}/ns/net",
        ports=" ".join(map(str, ports)))
    separate = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--ipc", "--uts", "--cgroup"]
    with (shared / "machine").open("wb") as said:
        subprocess.run([*separate, "sh", "-c", setup], stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                       timeout=seconds, env=_ENVIRONMENT)
    said_by_machine = (shared / "machine").read_text()
    assert not said_by_machine, said_by_machine
    return _steps(commands, (shared / "printed").read_text())


def _steps(commands: list[str], printed: str) -> list[Step]:
    steps = [Step(command) for command in commands]
    number = 0
    for part in printed.split(_MARK)[1:]:
        head, _, rest = part.partition("\n")
        if head.startswith("status "):
            steps[number] = Step(commands[number], steps[number].printed, int(head.split()[1]))
        else:
            number = int(head)
            steps[number] = Step(commands[number], rest)
    return steps
