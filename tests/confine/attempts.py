"""An ordinary daemon that tries what it must not be able to do: ``python -m tests.confine.attempts --config FILE``.

The method ``plugins`` answers with what became of each attempt, made in the daemon's own process: "done", or the name
of the error. In all else it is ``whisperd``.
"""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.threads import deferToThread

from whisperd.cli.daemon.main import main
from whisperd.control.api import Api


def outcome(attempt: Callable[[], object]) -> str:
    """Return "done", or the name of the error number that the kernel answered with."""
    try:
        attempt()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "done"


def attempts(outside: Path, inside: Path) -> dict[str, Callable[[], object]]:
    """Return everything that is tried: on files of ``outside``, on programs, and in ``inside``."""
    there = outside / "there"
    script = inside / "script"
    return {
        "make a file": lambda: (outside / "new").write_text("x"),
        "make a file in the temporary folder": lambda: Path("/tmp/whisperd-was-here").write_text("x"),
        "change a file": lambda: there.write_text("x"),
        "append to a file": lambda: there.open("a"),
        "cut a file short": lambda: os.truncate(there, 0),
        "remove a file": there.unlink,
        "rename a file": lambda: there.rename(outside / "elsewhere"),
        "make a link": lambda: (outside / "link").symlink_to(there),
        "make a folder": lambda: (outside / "folder").mkdir(),
        "make a socket": lambda: os.mknod(outside / "fifo", 0o600 | 0o010000),
        "move a file in": lambda: there.rename(inside / "there"),
        "run a shell": lambda: subprocess.run(["/bin/sh", "-c", "true"]),
        "run python": lambda: subprocess.run([sys.executable, "-c", ""]),
        "run what it wrote": lambda: (script.write_text("#!/bin/sh\n"), script.chmod(0o700), subprocess.run([script])),
        "make a file without a name": lambda: os.close(os.memfd_create("x")),
        "speak to the kernel's router": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close(),
        "become somebody": lambda: os.setgid(os.getgid()),
        "make a file set-id": lambda: there.chmod(0o4700),
        "signal another process": lambda: os.kill(os.getppid(), 0),
        "write where it may": lambda: (inside / "may").write_text("x"),
        "write to /dev/null": lambda: Path("/dev/null").write_text("x"),
        "read a file": there.read_text,
        "read random bytes": lambda: Path("/dev/urandom").open("rb").read(1),
    }


def all_outcomes() -> dict[str, str]:
    """Try everything, in the folders that the environment names."""
    places = Path(os.environ["TRY_OUTSIDE"]), Path(os.environ["TRY_INSIDE"])
    return {name: outcome(attempt) for name, attempt in attempts(*places).items()}


async def tried(api: Api) -> dict[str, Any]:
    """Answer the method ``plugins``."""
    return {"reactor": all_outcomes(), "thread": await deferToThread(all_outcomes)}


if __name__ == "__main__":
    Api.plugins = tried  # type: ignore[method-assign]
    main()
