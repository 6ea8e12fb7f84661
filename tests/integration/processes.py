"""The command ``whisperd`` as a process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.waiting import PATIENCE
from whisperd.control.client import Client
from whisperd.errors import DaemonUnreachable, WhisperdError

COMMAND = [sys.executable, "-m", "whisperd"]


class Process:
    """A daemon under test, with its configuration and control socket in one folder."""

    def __init__(self, folder: Path, config: str, *arguments: str) -> None:
        self.socket = folder / "control.sock"
        path = folder / "whisperd.toml"
        path.write_text(f'[control]\nsocket = "{self.socket}"\n{config}')
        environment = {**os.environ, "HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")}
        self.process = subprocess.Popen([*COMMAND, "--config", str(path), *arguments], env=environment,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def serving(self) -> dict:
        """Return its status as soon as it answers."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with Client(str(self.socket)) as client:
                    return client.call("status")
            except DaemonUnreachable:
                assert self.process.poll() is None, self.process.communicate()
                assert time.monotonic() < deadline, "it does not answer"
                time.sleep(0.02)

    def ended(self) -> tuple[int, str, str]:
        """Return its exit status and what it wrote, when it has ended."""
        out, err = self.process.communicate(timeout=90)
        return self.process.returncode, out, err


@pytest.fixture
def start(tmp_path):
    running = []

    def begin(config: str, *arguments: str, folder: Path = tmp_path) -> Process:
        running.append(Process(folder, config, *arguments))
        return running[-1]

    yield begin
    for each in running:
        each.process.kill()
        each.process.communicate()


def sealed(folder: Path, port: int, more: str = "") -> str:
    return (f'[relay]\nlisten = ["tcp:{port}:interface=127.0.0.1"]\n[tor]\nmode = "off"\n[peer]\nloopback = true\n'
            f'[store]\nkind = "sealed"\nfile = "{folder}/store/store.db"\nargon2_memory = 64\n{more}')


def call(daemon: Process, method: str, file: int | None = None, **params):
    with Client(str(daemon.socket)) as client:
        return client.call(method, params, file=file)


def refused(daemon: Process, method: str, error: type[WhisperdError], **params) -> WhisperdError:
    with pytest.raises(error) as caught:
        call(daemon, method, **params)
    return caught.value
