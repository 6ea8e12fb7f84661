"""Programs that a user without rights runs: with what environment, at which terminal, and what they say."""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tests.cli.terminal import Terminal
from tests.installed.kit.installation import Installation
from tests.waiting import PATIENCE, until

#: The user that everything runs as where the tests run as root.
USER = "nobody"

#: Refuses what systemd's MemoryDenyWriteExecute does, and becomes a program. [PR_SET_MDWE(2const)]
_WITHOUT_NEW_CODE = """
import ctypes, os, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) != 0:  # a kernel before 6.3
    from whisperd.confine import process, seccomp
    process.harden()
    seccomp.ARGUMENTS = {"": seccomp.ARGUMENTS["writable and executable memory"]}
    seccomp.CLASSES = {}
    seccomp.restrict(seccomp.library())
os.execv(sys.argv[1], sys.argv[1:])
"""


def as_user() -> dict[str, Any]:
    """Return what subprocess needs to start something as USER; nothing where the tests themselves are not root."""
    if os.getuid() != 0:
        return {}
    uid, gid = ids()
    return {"user": uid, "group": gid, "extra_groups": []}


def words_as_user() -> list[str]:
    """Return the words that stand before a command that runs as USER, for what is not started by subprocess."""
    if os.getuid() != 0:
        return []
    uid, gid = ids()
    return ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]


def ids() -> tuple[int, int]:
    """Return the user and the group that programs have."""
    if os.getuid() != 0:
        return os.getuid(), os.getgid()
    entry = pwd.getpwnam(USER)
    return entry.pw_uid, entry.pw_gid


def give(path: Path, mode: int | None = None) -> Path:
    """Give a file or folder to the user; return it."""
    if mode is not None:
        path.chmod(mode)
    if os.getuid() == 0:
        os.chown(path, *ids())
    return path


def without_new_code(programs: Installation) -> list[str]:
    """Return the words that stand before a command in which no memory becomes executable."""
    return [programs.python, "-c", _WITHOUT_NEW_CODE]


class Running:
    """A program whose outputs are read while it runs, as far as they are pipes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._outputs = [process.stdout, process.stderr]
        self._said = [bytearray(), bytearray()]
        for stream, said in zip(self._outputs, self._said, strict=True):
            if stream is not None:
                threading.Thread(target=self._read, args=(stream, said), daemon=True).start()

    @staticmethod
    def _read(stream: IO[bytes], said: bytearray) -> None:
        for line in stream:
            said += line

    @property
    def said(self) -> bytes:
        """All that came on its outputs, the errors last."""
        return bytes(self._said[0] + self._said[1])

    @property
    def lines(self) -> list[bytes]:
        """The lines of its standard output."""
        return bytes(self._said[0]).splitlines()

    def until(self, what: bytes) -> None:
        """Wait until it says this."""
        until(lambda: what in self.said, lambda: f"{what!r} is not in {self.said!r}")

    def ended(self) -> int:
        """Return its exit status, as soon as it has ended."""
        return self.process.wait(PATIENCE)

    def interrupt(self) -> int:
        """Press Ctrl-C; return its exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.ended()


class Account:
    """A folder that belongs to USER, with what programs of this user get as their environment."""

    def __init__(self, programs: Installation, folder: Path, *, socket: str = "control.sock") -> None:
        self.programs = programs
        self.folder = folder
        self.socket = str(folder / socket)
        folder.mkdir(parents=True)
        self.own(folder)
        self.environment = {"PATH": f"{programs.folder}/venv/bin:/usr/bin:/bin:/usr/sbin", "HOME": str(folder),
                            "LANG": "C.UTF-8", "TERM": "xterm"}

    def own(self, path: Path) -> Path:
        """Give a file or folder to the user, and to nobody else; return it."""
        return give(path, 0o700 if path.is_dir() else 0o600)

    def write(self, name: str, text: str) -> Path:
        """Write a file of the user's."""
        path = self.folder / name
        path.write_text(text)
        return self.own(path)

    def make(self, name: str) -> Path:
        """Make a folder of the user's."""
        path = self.folder / name
        path.mkdir()
        return self.own(path)

    def words(self, *words: str) -> list[str]:
        """Return the command that runs whisperctl on this socket."""
        return [self.programs.whisperctl, "--socket", self.socket, *words]

    def spawn(self, command: Sequence[str], *, environment: Mapping[str, str] | None = None,
              before: Sequence[str] = (), **how: Any) -> subprocess.Popen[bytes]:
        """Start a program as the user, behind the words of ``before``."""
        how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": self.folder,
               **how}
        return subprocess.Popen([*before, *command], env={**self.environment, **(environment or {})}, **as_user(),
                                **how)

    def run(self, command: Sequence[str], input: bytes = b"", **how: Any) -> subprocess.CompletedProcess[bytes]:
        """Run a program to its end as the user."""
        process = self.spawn(command, **{"stdin": subprocess.PIPE, **how})
        try:
            out, err = process.communicate(input, timeout=PATIENCE)
        except BaseException:
            process.kill()
            process.communicate()
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, out or b"", err or b"")

    def text_of(self, command: Sequence[str], input: str = "", **how: Any) -> subprocess.CompletedProcess[str]:
        """Run a program to its end as the user; what it writes is text."""
        done = self.run(command, input.encode(), **how)
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    def whisperctl(self, *words: str, input: str = "", **how: Any) -> subprocess.CompletedProcess[str]:
        """Run whisperctl to its end as the user, on this daemon's socket."""
        return self.text_of(self.words(*words), input, **how)

    def ask(self, *words: str) -> Any:
        """Return what ``whisperctl --json`` answers; it has to succeed."""
        done = self.whisperctl("--json", *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    @contextmanager
    def running(self, *words: str, **how: Any) -> Iterator[Running]:
        """Run whisperctl in the meantime."""
        running = Running(self.spawn(self.words(*words), **how))
        try:
            yield running
        finally:
            running.process.kill()
            running.process.wait()

    @contextmanager
    def terminal(self, *words: str, environment: Mapping[str, str] | None = None) -> Iterator[Terminal]:
        """Run whisperctl at a terminal in the meantime."""
        terminal = Terminal([*words_as_user(), *self.words(*words)], {**self.environment, **(environment or {})})
        try:
            yield terminal
        finally:
            terminal.close()
