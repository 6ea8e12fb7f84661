"""Three people as daemons of a user without rights, as installed and confined: Anna, her contact Ben, who is away, and
Carl, with whom she has the only conversation; and whisperctl as another process of the same user."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer
from typing import Any

from whisperd.control.client import Client
from whisperd.errors import DaemonUnreachable, WhisperdError
from whisperd.tor.testnet.ports import free_ports

#: Seconds that anything may take on a machine that is busy.
PATIENCE = 120
NOBODY = 65_534
PROGRAMS = Path(sys.executable).parent

_AS_NOBODY: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def environment(folder: Path) -> dict[str, str]:
    return {"PATH": f"{PROGRAMS}:/usr/bin:/bin", "HOME": str(folder), "LC_ALL": "C.UTF-8", "TERM": "xterm",
            "PYTHONDONTWRITEBYTECODE": "1"}


class Daemon:
    """One of them, by what ``whisperd`` and ``whisperctl`` do."""

    def __init__(self, folder: Path, name: str, config: str) -> None:
        self.home = folder / name
        self.home.mkdir(mode=0o755)
        self.socket = str(self.home / "control.sock")
        path = self.home / "whisperd.toml"
        path.write_text(f'[control]\nsocket = "{self.socket}"\n[tor]\nmode = "off"\n{config}')
        if _AS_NOBODY:
            os.chown(self.home, NOBODY, NOBODY)
        self._process = subprocess.Popen([PROGRAMS / "whisperd", "--config", path], cwd=self.home,
                                         env=environment(self.home), stdin=subprocess.DEVNULL,
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **_AS_NOBODY)
        until(self._answers)

    def _answers(self) -> bool:
        assert self._process.poll() is None, f"the daemon ended with {self._process.returncode}"
        try:
            return bool(self.call("status"))
        except DaemonUnreachable:
            return False

    def call(self, method: str, **params: Any) -> Any:
        with Client(self.socket) as client:
            return client.call(method, params, timeout=PATIENCE)

    def ctl(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run whisperctl with these words."""
        return subprocess.run([PROGRAMS / "whisperctl", *words], input=stdin, capture_output=True, text=True,
                              cwd=self.home, timeout=PATIENCE,
                              env=environment(self.home) | {"WHISPERD_SOCKET": self.socket}, **_AS_NOBODY)

    def ctl_on_a_terminal(self, *words: str) -> tuple[int, str]:
        """Run it where a person could answer; return its status and what it wrote to standard error."""
        ours, theirs = pty.openpty()
        try:
            done = subprocess.run([PROGRAMS / "whisperctl", *words], stdin=theirs, stdout=theirs,
                                  stderr=subprocess.PIPE, text=True, cwd=self.home, timeout=PATIENCE,
                                  env=environment(self.home) | {"WHISPERD_SOCKET": self.socket}, **_AS_NOBODY)
        finally:
            os.close(ours)
            os.close(theirs)
        return done.returncode, done.stderr

    def watched(self, name: str, lines: int) -> list[dict[str, Any]]:
        """Return so many lines of 'chat watch' with this name."""
        watching = subprocess.Popen([PROGRAMS / "whisperctl", "chat", "watch", name, "--json"], cwd=self.home,
                                    stdout=subprocess.PIPE, text=True, **_AS_NOBODY,
                                    env=environment(self.home) | {"WHISPERD_SOCKET": self.socket})
        late = Timer(PATIENCE, watching.kill)
        late.start()
        with watching:
            assert watching.stdout is not None
            try:
                return [json.loads(watching.stdout.readline()) for _ in range(lines)]
            finally:
                late.cancel()
                watching.kill()

    def state(self, chat: str) -> str:
        return next((row["state"] for row in self.call("chat.list") if row["chat"] == chat), "gone")

    def heard(self, chat: str) -> list[str]:
        return [row["text"] for row in self.call("chat.history", chat=chat) if row["direction"] == "in"]

    def all_there_is(self) -> dict[str, Any]:
        """Return everything that a verb could change, without what changes by itself."""
        rows = [{name: value for name, value in row.items() if name != "created_age"}
                for row in self.call("chat.list")]
        return {"chats": rows, "contacts": self.call("contact.list"), "files": self.call("chat.files"),
                "said": [self.call("chat.history", chat=row["chat"]) for row in rows]}

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()


class Company:
    """Anna, Ben and Carl; ``with_carl`` and ``carls`` are the ids of the one conversation."""

    anna: Daemon
    ben: Daemon
    carl: Daemon

    def __init__(self) -> None:
        self.daemons: list[Daemon] = []
        self.with_carl = self.carls = ""

    def begin(self, folder: Path) -> None:
        port = free_ports(1)[0]
        person = f'[relay]\nenabled = false\n[peer]\nloopback = true\nrelay = "http://127.0.0.1:{port}"\n'
        self.anna, self.ben, self.carl = (self._start(folder, name, config) for name, config in (
            ("anna", f'[relay]\nlisten = ["tcp:{port}:interface=127.0.0.1"]\n[peer]\nloopback = true\n'),
            ("ben", person), ("carl", person)))
        for name in ("mallory", "ben"):
            self._keep_and_part(name)
        self.anna.call("contact.block", name="mallory")
        self.with_carl, self.carls = self.meet(self.carl)

    def _start(self, folder: Path, name: str, config: str) -> Daemon:
        self.daemons.append(Daemon(folder, name, config))
        return self.daemons[-1]

    def meet(self, other: Daemon) -> tuple[str, str]:
        """Anna invites somebody; return the conversation's id on both sides once they are connected."""
        invite = self.anna.call("chat.invite")
        chats = invite["chat"], other.call("chat.join", link=invite["link"])["chat"]
        for daemon, chat in zip((self.anna, other), chats, strict=True):
            until(lambda daemon=daemon, chat=chat: daemon.state(chat) == "connected")
        return chats

    def _keep_and_part(self, name: str) -> None:
        annas, bens = self.meet(self.ben)
        self.anna.call("contact.save", chat=annas, name=name)
        until(lambda: any(row["state"] == "asked" for row in self.ben.call("contact.list")))
        self.ben.call("contact.save", chat=bens, name=f"anna-{name}")
        until(lambda: any(row["contact"] == name and row["state"] == "connected"
                          for row in self.anna.call("contact.list")))
        self.anna.call("chat.end", chat=annas)
        until(lambda: self.ben.state(bens) in ("ended", "gone"))

    def stop(self) -> None:
        for daemon in reversed(self.daemons):
            daemon.stop()


@contextmanager
def company() -> Iterator[Company]:
    """The three, until the end of the block."""
    with TemporaryDirectory(prefix="names-") as folder:
        Path(folder).chmod(0o755)
        made = Company()
        try:
            made.begin(Path(folder))
            yield made
        finally:
            made.stop()


def until(holds: Callable[[], bool]) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def code_of(daemon: Daemon, method: str, **params: Any) -> str:
    """Return the code of the error that a method ends with, or "done"."""
    try:
        daemon.call(method, **params)
    except WhisperdError as error:
        return error.code
    return "done"
