"""The three daemons of the demo as separate processes, each in a home of its own that is searched afterwards.

The two peers run under ``ulimit -f 0``: the kernel itself refuses every byte that they would write into a file.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from whisperd.control.client import Client
from whisperd.errors import DaemonUnreachable, TimedOut

Event = dict[str, Any]


class DaemonProcess:
    """One daemon: its process, its control socket, its events and all that it printed."""

    def __init__(self, name: str, folder: Path, config: str, *, module: str = "whisperd",
                 may_write: bool = False) -> None:
        self.name = name
        self.home = folder / name
        self.home.mkdir(mode=0o700)
        self.printed = bytearray()
        self.log = bytearray()
        self._config = folder / f"{name}.toml"
        #: Path of its control socket.
        self.socket = str(folder / f"{name}.sock")
        self._config.write_text(f'[control]\nsocket = "{self.socket}"\n{config}')
        self._module = module
        self._may_write = may_write
        self._process: subprocess.Popen[bytes] | None = None
        self._events: queue.Queue[Event] = queue.Queue()
        self._seen: list[Event] = []

    def start(self, timeout: float = 90.0) -> None:
        """Start it and wait until its control socket answers."""
        command = [sys.executable, "-m", self._module, "--config", str(self._config)]
        if not self._may_write:
            command = ["/bin/sh", "-c", 'ulimit -f 0 && exec "$@"', "sh", *command]
        self._process = subprocess.Popen(command, cwd=self.home, env=self._environment(), stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._drain(self._process.stdout, self.printed)
        self._drain(self._process.stderr, self.log)
        self._wait_for_socket(time.monotonic() + timeout)
        events = Client(self.socket).events()
        threading.Thread(target=self._follow, args=(events,), daemon=True).start()

    def call(self, method: str, **params: object) -> Any:
        """Call one control method, which may take a minute and a half."""
        with Client(self.socket) as client:
            return client.call(method, params, timeout=90)

    def wait(self, matches: Callable[[Event], bool], timeout: float, what: str) -> Event:
        """Return the first event, past ones included, that matches; raises TimedOut that names ``what``."""
        deadline = time.monotonic() + timeout
        for event in self._seen:
            if matches(event):
                return event
        while True:
            try:
                event = self._events.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise TimedOut(f"{self.name} waited {timeout:.0f} s for {what}, and it did not happen") from None
            self._seen.append(event)
            if matches(event):
                return event

    def kill(self) -> None:
        """SIGKILL: no goodbye, no clean-up."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL when it takes longer than ten seconds."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()

    def files(self) -> dict[str, int]:
        """Return what lies in its home now: path below the home and size in bytes, regular files only."""
        return {str(path.relative_to(self.home)): path.stat().st_size
                for path in sorted(self.home.rglob("*")) if path.is_file() and not path.is_symlink()}

    def _environment(self) -> dict[str, str]:
        wanted = ("PATH", "LANG", "PYTHONPATH", "VIRTUAL_ENV")
        inherited = {name: os.environ[name] for name in wanted if name in os.environ}
        folders = ("HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR")
        return inherited | dict.fromkeys(folders, str(self.home)) | {"PYTHONDONTWRITEBYTECODE": "1"}

    def _wait_for_socket(self, deadline: float) -> None:
        assert self._process is not None
        while True:
            try:
                self.call("status")
                return
            except DaemonUnreachable:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise TimedOut(f"the daemon of {self.name} did not start: {self.log.decode(errors='replace')}") \
                        from None
                time.sleep(0.05)

    def _follow(self, events: Iterator[Event]) -> None:
        with suppress(DaemonUnreachable):  # the daemon is gone, as the demo wants it now and then
            for event in events:
                self._events.put(event | {"at": time.monotonic()})

    @staticmethod
    def _drain(stream: IO[bytes] | None, into: bytearray) -> None:
        def read() -> None:
            assert stream is not None
            for line in stream:
                into.extend(line)

        threading.Thread(target=read, daemon=True).start()
