"""The installed ``whisperd`` and ``whisperctl``, run by a user who has no rights, and without new executable memory.

Root starts them as a user of no name; whoever else runs the tests has no rights to begin with.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from whisperd.control.client import Client
from whisperd.errors import DaemonUnreachable

BIN = Path(sys.executable).parent
#: A user and a group that own nothing.
NOBODY = 65_534
DEADLINE = 60

#: Refuses what systemd's MemoryDenyWriteExecute does, and becomes a program. [PR_SET_MDWE(2const)]
_WITHOUT_NEW_CODE = """
import ctypes, os, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) != 0:  # a kernel before 6.3
    from whisperd.confine import process, seccomp
    process.harden()
    seccomp.ARGUMENTS = {"": seccomp.ARGUMENTS["memory to write and execute"]}
    seccomp.CLASSES = {}
    seccomp.restrict(seccomp.library())
os.execv(sys.argv[1], sys.argv[1:])
"""


def command(program: str | Path, *arguments: str, new_code: bool = True) -> list[str]:
    """Return how to run a program without rights; without ``new_code`` no memory becomes executable in it."""
    rights = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--bounding-set=-all",
              "--inh-caps=-all"] if os.geteuid() == 0 else []
    memory = [] if new_code else [sys.executable, "-c", _WITHOUT_NEW_CODE]
    return [*rights, *memory, str(program), *arguments]


def give(path: Path) -> Path:
    """Have a file or folder belong to the user without rights; return it."""
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)
    return path


@contextmanager
def home() -> Iterator[Path]:
    """A short-lived folder of that user, below one that everybody may enter."""
    path = Path(tempfile.mkdtemp(prefix="wd-"))
    try:
        yield give(path)
    finally:
        shutil.rmtree(path)


class Daemon:
    """One daemon of that user in ``folder``, by the installed command."""

    def __init__(self, folder: Path, config: str, name: str = "whisperd", *, new_code: bool = True) -> None:
        self.folder = folder
        self.socket = folder / f"{name}.sock"
        self.config = folder / f"{name}.toml"
        self.config.write_text(f'[control]\nsocket = "{self.socket}"\n{config}')
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}
        self._process = subprocess.Popen(
            command(BIN / "whisperd", "--config", str(self.config), new_code=new_code), env=self.environment,
            cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    @property
    def pid(self) -> int:
        return self._process.pid

    def call(self, method: str, **params: Any) -> Any:
        """Return what a control method answers, as soon as the daemon is there."""
        end = time.monotonic() + DEADLINE
        while True:
            try:
                with Client(str(self.socket)) as client:
                    return client.call(method, params, timeout=DEADLINE)
            except DaemonUnreachable:
                assert self._process.poll() is None, self._process.communicate()[0]
                assert time.monotonic() < end, "the daemon does not answer"
                time.sleep(0.05)

    def ctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Type a command of ``whisperctl`` as the same user."""
        return subprocess.run(command(BIN / "whisperctl", "--socket", str(self.socket), *words),
                              env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=DEADLINE)

    def ended(self) -> tuple[int, str]:
        """Return the exit status and all that was printed, once the daemon has ended by itself."""
        printed, _ = self._process.communicate(timeout=DEADLINE)
        return self._process.returncode, printed

    def stop(self) -> str:
        """End it in order, and return all that it printed."""
        self._process.terminate()
        try:
            return self._process.communicate(timeout=DEADLINE)[0]
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            raise
