"""Standard streams that fail a daemon, each in its own way, and daemons of a user without rights that have them."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.integration.processes import COMMAND
from whisperd.control.client import Client
from whisperd.errors import DaemonUnreachable, TimedOut

NOBODY = 65534
_PIPE_SIZE = 4096
#: Seconds for what takes a moment on a machine that is not busy.
PATIENCE = 90.0


def owner() -> tuple[int, int]:
    """Return the user and the group that the daemons have."""
    return (NOBODY, NOBODY) if os.geteuid() == 0 else (os.getuid(), os.getgid())


class Broken:
    """One way in which a stream is broken: ``open`` gives the descriptor for the daemon, ``spoil`` breaks what works
    until then, ``words`` stand before the command in a shell."""

    def __init__(self) -> None:
        self.words = 'exec "$@"'
        self.descriptor = os.open(os.devnull, os.O_WRONLY)
        self._also: list[int] = []
        self._leader: subprocess.Popen[bytes] | None = None

    def spoil(self) -> None:
        """The daemon has started."""

    def close(self) -> None:
        for descriptor in [self.descriptor, *self._also]:
            os.close(descriptor)
        self._also, self.descriptor = [], os.open(os.devnull, os.O_WRONLY)


class Healthy(Broken):
    """What is written goes nowhere, without an error."""


class Full(Broken):
    """A disk without room."""

    def __init__(self) -> None:
        super().__init__()
        self.descriptor = os.open("/dev/full", os.O_WRONLY)


class Limited(Broken):
    """A file that may not grow, as a quota's."""

    def __init__(self) -> None:
        super().__init__()
        self.descriptor = os.open(tempfile.gettempdir(), os.O_TMPFILE | os.O_WRONLY)
        self.words = 'ulimit -f 0; exec "$@"'


class Closed(Broken):
    """None of the three descriptors is open."""

    def __init__(self) -> None:
        super().__init__()
        self.words = 'exec "$@" <&- >&- 2>&-'


class NoReader(Broken):
    """A pipe whose reader is gone."""

    def __init__(self) -> None:
        super().__init__()
        reading, self.descriptor = os.pipe()
        os.close(reading)


class ReaderLeaves(Broken):
    """A pipe whose reader goes away while the daemon runs."""

    def __init__(self) -> None:
        super().__init__()
        self._reading, self.descriptor = os.pipe()

    def spoil(self) -> None:
        os.close(self._reading)


class Unread(Broken):
    """A pipe that is full, and whose reader does not read."""

    def __init__(self) -> None:
        super().__init__()
        self.reading, self.descriptor = os.pipe()
        self._also = [self.reading]
        fcntl.fcntl(self.descriptor, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
        os.write(self.descriptor, bytes(_PIPE_SIZE))


class Stopped(Broken):
    """A terminal on which somebody has typed Ctrl-S."""

    def __init__(self) -> None:
        super().__init__()
        outer, self.descriptor = pty.openpty()
        self._also = [outer]
        termios.tcflow(self.descriptor, termios.TCOOFF)


class HungUp(Broken):
    """A terminal that goes away."""

    def __init__(self) -> None:
        super().__init__()
        self._outer, self.descriptor = pty.openpty()

    def spoil(self) -> None:
        os.close(self._outer)


WAYS: dict[str, Callable[[], Broken]] = {kind.__name__: kind for kind in (
    Full, Limited, Closed, NoReader, ReaderLeaves, Unread, Stopped, HungUp)}


class Person:
    """A daemon of a user without rights, confined as it is by default, in a home of its own."""

    def __init__(self, home: Path, name: str, config: str, err: Broken | None = None, out: Broken | None = None,
                 *arguments: str, control: str = "", **environment: str) -> None:
        self.runtime = home / name / "run"
        self.socket = self.runtime / "control.sock"
        self.runtime.mkdir(mode=0o700, parents=True)
        self._config = home / name / "whisperd.toml"
        self._control = control
        self.configure(config)
        self._identity = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        for path in (home / name, self.runtime):
            os.chown(path, *owner())
        self.err, self.out = err or Healthy(), out or Healthy()
        self.environment = {**os.environ, "HOME": str(home / name), "XDG_STATE_HOME": str(home / name / "state"),
                            "TMPDIR": str(home / name), **environment}
        self._command = ["/bin/sh", "-c", self.err.words if err else self.out.words, "sh", *COMMAND,
                         "--config", str(self._config), *arguments]
        self.start()

    def configure(self, config: str) -> None:
        """Write the configuration for the next start."""
        self._config.write_text(
            f'[control]\nsocket = "{self.socket}"\n{self._control}\n[log]\nlevel = "debug"\n{config}')

    def start(self) -> None:
        """Start it, or start it again."""
        self.process = subprocess.Popen(
            self._command, env=self.environment, stdin=subprocess.DEVNULL, stdout=self.out.descriptor,
            stderr=self.err.descriptor, start_new_session=True, **self._identity)

    def serving(self) -> Person:
        """Return it as soon as it answers; then its streams are broken."""
        until(self._answers, "it does not answer")
        self.err.spoil()
        self.out.spoil()
        return self

    def _answers(self) -> bool:
        assert self.process.poll() is None, f"it ended with {self.process.returncode}"
        try:
            self.call("status")
        except DaemonUnreachable:
            return False
        return True

    def call(self, method: str, **params: object):
        with Client(str(self.socket)) as client:
            return client.call(method, params, timeout=PATIENCE)

    def chat(self, chat: str) -> dict:
        return next(row for row in self.call("chat.list") if row["chat"] == chat)

    def told_to_stop(self) -> subprocess.CompletedProcess[str]:
        """Run 'whisperctl stop', as the same user."""
        command = [sys.executable, "-c", "import sys; from whisperd.cli.ctl import main; sys.exit(main())"]
        return subprocess.run([*command, "--socket", str(self.socket), "stop"], env=self.environment, timeout=PATIENCE,
                              capture_output=True, text=True, **self._identity)

    def ended(self) -> int:
        return self.process.wait(PATIENCE)

    def left(self) -> list[str]:
        """Return what is in its runtime folder."""
        return sorted(str(path.relative_to(self.runtime)) for path in self.runtime.rglob("*"))

    def away(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)
        self.err.close()
        self.out.close()


def until(condition: Callable[[], object], otherwise: str, seconds: float = PATIENCE) -> None:
    """Wait until something holds; raises TimedOut."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimedOut(otherwise)
        time.sleep(0.05)


def read_until(reading: int, words: bytes) -> bytes:
    """Return what comes out of a pipe, up to these words at least; raises TimedOut."""
    text, deadline = b"", time.monotonic() + PATIENCE
    while words not in text:
        if not select.select([reading], [], [], max(deadline - time.monotonic(), 0.0))[0]:
            raise TimedOut(f"{words!r} does not come after {text[-200:]!r}")
        text += os.read(reading, 1 << 16)
    return text


def home(where: str | None = None) -> Iterator[Path]:
    """A folder that a user without rights can go into."""
    made = Path(tempfile.mkdtemp(prefix="wd", dir=where))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)
