"""A machine of its own for tests: this one's file system under a layer that is thrown away, with its own processes.

Everything below ``/`` is there as it is here; what is changed is changed in memory and gone at the end. The network is
this machine's. It needs root, and a kernel with overlay file systems.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

_SETUP = """
set -eu
mount -t tmpfs -o mode=755 machine {base}
cd /
mkdir {base}/changes {base}/work {base}/root
mount -t overlay -o lowerdir=/,upperdir={base}/changes,workdir={base}/work machine {base}/root
mount -t proc proc {base}/root/proc
mount --rbind /dev {base}/root/dev
mount -t tmpfs -o mode=755 run {base}/root/run
mount -t tmpfs -o mode=1777 tmp {base}/root/tmp
cat > {base}/root/run/script
exec chroot {base}/root /bin/bash /run/script
"""
_STEP = """
echo {mark}{number}
(cd {folder}; {command}
) 2>&1 </dev/null
status=$?
echo "{mark}status $status"
[ $status = 0 ] || exit 1
"""
_MARK = "-=#=- "
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Step:
    """What was typed, what it printed, and its exit status; -1 where it was not reached."""

    command: str
    printed: str = ""
    status: int = -1


def run(commands: list[str], folder: Path, place: Path, seconds: float) -> list[Step]:
    """Type ``commands`` one after the other, in ``folder``, until one fails; ``place`` is empty and used as scratch."""
    script = "".join(_STEP.format(mark=_MARK, number=number, command=command, folder=shlex.quote(str(folder)))
                     for number, command in enumerate(commands))
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "http", "SSL_"))}
    done = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--ipc", "sh", "-c", _SETUP.format(base=place)],
        input=script, capture_output=True, text=True, timeout=seconds,
        env={**kept, "PATH": _PATH, "HOME": "/root", "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"})
    assert not done.stderr, done.stderr
    steps = [Step(command) for command in commands]
    number = 0
    for part in done.stdout.split(_MARK)[1:]:
        head, _, rest = part.partition("\n")
        if head.startswith("status "):
            steps[number] = Step(commands[number], steps[number].printed, int(head.split()[1]))
        else:
            number = int(head)
            steps[number] = Step(commands[number], rest)
    return steps
