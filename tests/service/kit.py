"""A daemon started the way that a service manager starts one: with its sockets and its environment."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.waiting import PATIENCE
from whisperd.control.client import Client
from whisperd.errors import DaemonUnreachable

_AS_A_MANAGER = """
import os
from tests.waiting import PATIENCE
for place, number in enumerate({numbers}, 3):
    os.dup2(number, place, inheritable=True)
os.environ["LISTEN_PID"] = os.environ["WATCHDOG_PID"] = str(os.getpid())
command = {command}
os.execv(command[0], command)
"""


class Manager:
    """Starts one daemon in ``folder`` and listens to what it tells."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.control = folder / "run" / "control.sock"
        self.told: list[str] = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._listener.bind(str(folder / "notify"))
        self.process: subprocess.Popen[str] | None = None

    def start(self, config: str, *, sockets: tuple[socket.socket, ...] = (), **environment: str) -> None:
        """Start it; ``sockets`` are handed over as LISTEN_FDS does."""
        path = self.folder / "whisperd.toml"
        path.write_text(f'[control]\nsocket = "{self.control}"\n{config}')
        given = {**os.environ, "HOME": str(self.folder), "XDG_STATE_HOME": str(self.folder / "state"),
                 "NOTIFY_SOCKET": str(self.folder / "notify"), **environment}
        numbers = [each.fileno() for each in sockets]
        if sockets:
            given |= {"LISTEN_FDS": str(len(sockets))}
        command = [sys.executable, "-m", "whisperd", "--config", str(path)]
        script = _AS_A_MANAGER.format(numbers=numbers, command=command)
        self.process = subprocess.Popen([sys.executable, "-c", script], env=given, pass_fds=numbers,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def hear(self, words: str, seconds: float = 90) -> str:
        """Return the first datagram that holds ``words``."""
        end = time.monotonic() + seconds
        while True:
            self._listener.settimeout(max(end - time.monotonic(), 0.001))
            self.told.append(self._listener.recv(4096).decode())
            if words in self.told[-1].split("\n"):
                return self.told[-1]

    def status(self) -> dict:
        """Return the daemon's status, as soon as it answers."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with Client(str(self.control)) as client:
                    return client.call("status")
            except DaemonUnreachable:
                assert self.process is not None and self.process.poll() is None, self.process and self.process.stderr
                assert time.monotonic() < deadline, "it does not answer"
                time.sleep(0.02)

    def stop(self) -> str:
        """End the daemon as systemd does, and return what it logged."""
        if self.process is None:
            return ""
        self.process.terminate()
        return self.process.communicate(timeout=90)[1]

    def close(self) -> None:
        """Leave nothing running."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        self._listener.close()
