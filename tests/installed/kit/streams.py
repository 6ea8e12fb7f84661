"""Standard streams that fail a daemon, each in its own way, and a daemon that has them."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import tempfile
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.installed.kit.daemon import Daemon
from tests.installed.kit.installation import Installation
from tests.waiting import PATIENCE

_PIPE_SIZE = 4096


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


class Streamed(Daemon):
    """A daemon with these streams, a runtime folder of its own, and all that it logs."""

    def __init__(self, programs: Installation, folder: Path, config: str, err: Broken | None = None,
                 out: Broken | None = None, *arguments: str, control: str = "", **environment: str) -> None:
        super().__init__(programs, folder, config, socket="run/control.sock", control=control)
        self.runtime = folder / "run"
        self.environment |= {"XDG_STATE_HOME": str(folder / "state"), "TMPDIR": str(folder), **environment}
        self.err, self.out = err or Healthy(), out or Healthy()
        self._words = self.err.words if err else self.out.words
        self._arguments = arguments

    def configure(self, config: str) -> None:
        """Write the configuration for the next start."""
        super().configure(f'[log]\nlevel = "debug"\n{config}')

    def launch(self, *words: str, **how: Any) -> None:
        """Start it, and wait for nothing."""
        super().launch(*self._arguments, *words, before=["/bin/sh", "-c", self._words, "sh"], start_new_session=True,
                       stdout=self.out.descriptor, stderr=self.err.descriptor, **how)

    def serving(self) -> Streamed:
        """Return it as soon as it answers; then its streams are broken."""
        self.wait(self.serves)
        self.err.spoil()
        self.out.spoil()
        return self

    def told_to_stop(self) -> subprocess.CompletedProcess[str]:
        """Run 'whisperctl stop', as the same user."""
        return self.whisperctl("stop")

    def left(self) -> list[str]:
        """Return what is in its runtime folder."""
        return sorted(str(path.relative_to(self.runtime)) for path in self.runtime.rglob("*"))

    def kill(self) -> None:
        """Kill it as ``kill -9`` does; its streams are closed."""
        super().kill()
        self.err.close()
        self.out.close()


def read_until(reading: int, words: bytes) -> bytes:
    """Return what comes out of a pipe, up to these words at least."""
    text, deadline = b"", time.monotonic() + PATIENCE
    while words not in text:
        assert select.select([reading], [], [], max(deadline - time.monotonic(), 0.0))[0], text[-200:]
        text += os.read(reading, 1 << 16)
    return text
