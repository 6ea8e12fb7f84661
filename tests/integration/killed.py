"""Two daemons with sealed stores, and a relay of their own, as processes that can be killed at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

from tests.house.pages import ROOT
from whisperd.control.client import Client
from whisperd.errors import ConversationNotConnected, DaemonUnreachable, WhisperdError
from whisperd.tor.testnet.ports import free_ports

PATIENCE = 200.0


class Process:
    """A ``whisperd`` process that keeps its configuration and its store over restarts."""

    #: What runs as ``whisperd``.
    module = "whisperd"

    def __init__(self, folder: Path, config: str, tor: str = 'mode = "off"') -> None:
        folder.mkdir()
        self.folder = folder
        self.socket = str(folder / "control.sock")
        self._path = folder / "whisperd.toml"
        self._path.write_text(f'[control]\nsocket = "{self.socket}"\n[tor]\n{tor}\n{config}')
        (folder / "whisperd-store").write_text("correct horse battery")
        self._environment = {**os.environ, "HOME": str(folder), "CREDENTIALS_DIRECTORY": str(folder),
                             "PYTHONPATH": str(ROOT)}
        #: What all its processes logged.
        self.log = bytearray()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *before: str) -> None:
        """Start it, behind the words of ``before``, and wait until it serves."""
        self.launch(*before)
        self.wait(lambda: self.call("status"))

    def launch(self, *before: str) -> None:
        """Start it, and wait for nothing."""
        self.process = subprocess.Popen([*before, sys.executable, "-m", self.module, "--config", str(self._path)],
                                        env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        cwd=self.folder)
        threading.Thread(target=self._read, args=(self.process.stderr,), daemon=True).start()

    def kill(self) -> None:
        """Kill it as ``kill -9`` does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()

    def _read(self, stream: IO[bytes]) -> None:
        for line in stream:
            self.log += line

    def call(self, method: str, file: int | None = None, **params: Any) -> Any:
        with Client(self.socket) as client:
            return client.call(method, params, file=file)

    def wait(self, holds: Any) -> Any:
        """Return what ``holds`` gives as soon as it is true; a daemon that does not answer yet is waited for."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                found = holds()
            except (DaemonUnreachable, ConversationNotConnected):
                found = None
            if found:
                return found
            assert time.monotonic() < deadline, self.log.decode()
            assert self.process is None or self.process.poll() is None, self.log.decode()
            time.sleep(0.02)


def relay(folder: Path) -> tuple[Process, str]:
    """Return a relay that has started, and its url."""
    port = free_ports(1)[0]
    found = Process(folder, f'[relay]\nlisten = ["tcp:{port}:interface=127.0.0.1"]\n[peer]\nenabled = false\n')
    found.start()
    return found, f"http://127.0.0.1:{port}"


class Person(Process):
    """One side of the conversation ``c1``, which says numbered texts whatever happens to it."""

    def __init__(self, folder: Path, name: str, url: str, *, sealed: bool = True, tor: str = 'mode = "off"',
                 peer: str = "") -> None:
        store = (f'[store]\nkind = "sealed"\nfile = "{folder}/{name}/store/store.db"\nunlock = "credential"\n'
                 "argon2_memory = 64\nhistory = true\n")
        super().__init__(folder / name, (
            f'[relay]\nenabled = false\n[peer]\nloopback = true\nrelay = "{url}"\n'
            f'kex = ["pqxdh-25519-mlkem1024"]\nratchet = ["double-he"]\n{peer}' + (store if sealed else "")), tor)
        self.name = name
        self.said: list[str] = []

    def say(self) -> bool:
        """Say the next text; return whether the daemon accepted it."""
        text = f"{self.name} {len(self.said)}"
        try:
            self.call("chat.send", chat="c1", text=text)
        except DaemonUnreachable:
            return False
        self.said.append(text)
        return True

    def come_back(self, *before: str) -> None:
        """Start again, and find out whether the text that was being said when it was killed was accepted."""
        self.start(*before)
        accepted = [text for direction, text, _ in self.history() if direction == "out"]
        assert accepted[: len(self.said)] == self.said, "an accepted text is gone"
        self.said = accepted

    def history(self) -> list[tuple[str, str, str]]:
        rows: list[dict[str, Any]] = []
        while part := self.call("chat.history", chat="c1", after=rows[-1]["id"] if rows else 0):
            rows += part
        return [(row["direction"], row["text"], row["state"]) for row in rows]

    def heard(self) -> list[str]:
        return [text for direction, text, _ in self.history() if direction == "in"]

    def state(self) -> str:
        try:
            return str(self.call("chat.list")[0]["state"])
        except (WhisperdError, IndexError):
            return ""


def meet(anna: Person, ben: Person, *before: str) -> None:
    """Start both, the first behind the words of ``before``, and connect them."""
    anna.start(*before)
    ben.start()
    ben.call("chat.join", link=anna.call("chat.invite")["link"])
    for person in (anna, ben):
        person.wait(lambda person=person: person.state() == "connected")


def everything_arrived(anna: Person, ben: Person) -> None:
    """Wait until all that was said has been heard, and compare: each text once, and in order."""
    for speaker, listener in ((anna, ben), (ben, anna)):
        listener.wait(lambda speaker=speaker, listener=listener: len(listener.heard()) >= len(speaker.said))
        assert listener.heard() == speaker.said
        speaker.wait(lambda speaker=speaker: all(
            state == "delivered" for direction, _, state in speaker.history() if direction == "out"))
