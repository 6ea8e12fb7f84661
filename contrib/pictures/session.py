"""A real conversation to be drawn: two daemons on loopback, and ``whisperctl chat open`` for each, in a tmux."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COLUMNS, ROWS = 66, 24
#: Seconds that anything may take on a machine that is busy with something else.
PATIENCE = 60.0
#: Who types what, and what the other's screen shows then.
LINES = (
    ("ben", "Hello Anna, is this really you?", "is this really you?"),
    ("anna", "It is. Let us compare the words on the phone.", "compare the words"),
    ("anna", "/verify", None),
    ("ben", "/verify", None),
    ("ben", "They are the same. Now nobody sits between us.", "nobody sits"),
)

_CONFIG = """\
[tor]
mode = "off"
[control]
socket = "{folder}/control.sock"
[relay]
enabled = {relay}
listen = ["tcp:{port}:interface=127.0.0.1"]
[peer]
loopback = true
relay = "http://127.0.0.1:{port}"
"""


def screens() -> dict[str, str]:
    """Hold the conversation; return what stands on the screen of each, with the escape sequences of its colours."""
    with tempfile.TemporaryDirectory(prefix="whisperd-picture-") as folder:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        people = {name: _Person(Path(folder) / name, port, relay=name == "anna") for name in ("anna", "ben")}
        try:
            _converse(people["anna"], people["ben"])
            return {name: person.screen(colours=True) for name, person in people.items()}
        finally:
            for person in people.values():
                person.end()


def _converse(anna: _Person, ben: _Person) -> None:
    anna.start()
    ben.start()
    invite = anna.ask("chat", "invite")
    ben.ask("chat", "join", invite["link"], "--wait", str(PATIENCE))
    for person in (anna, ben):
        person.open()
    people = {"anna": anna, "ben": ben}
    for name, line, seen in LINES:
        other = ben if name == "anna" else anna
        people[name].type(line)
        if seen:
            other.wait_for(seen)
            people[name].wait_for("delivered")
        else:
            people[name].wait_for(r"\d{5} \d{5}")


class _Person:
    """Somebody with a daemon and a terminal, below a folder."""

    def __init__(self, folder: Path, port: int, *, relay: bool) -> None:
        folder.mkdir()
        self._folder = folder
        self._config = folder / "whisperd.toml"
        self._config.write_text(_CONFIG.format(folder=folder, relay=str(relay).lower(), port=port))
        programs = Path(sys.executable).parent
        self._where = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(folder), "LC_ALL": "C.UTF-8",
                       "WHISPERD_SOCKET": str(folder / "control.sock")}
        self._daemon: subprocess.Popen[bytes] | None = None
        self._tmux = ["tmux", "-S", str(folder / "tmux"), "-f", str(folder / "tmux.conf")]

    def start(self) -> None:
        """Start the daemon and wait until it answers."""
        self._daemon = subprocess.Popen(["whisperd", "--config", str(self._config)], env=self._where,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE
        while self._run("whisperctl", "status").returncode:
            assert time.monotonic() < deadline and self._daemon.poll() is None, "the daemon does not start"

    def ask(self, *words: str) -> dict[str, str]:
        """Return what whisperctl prints as JSON."""
        done = self._run("whisperctl", "--json", *words)
        assert done.returncode == 0, done.stdout
        found: dict[str, str] = json.loads(done.stdout)
        return found

    def open(self) -> None:
        """Open the conversation on a terminal of its own."""
        (self._folder / "tmux.conf").write_text("set -g status off\nset -g default-terminal tmux-256color\n")
        self._check(*self._tmux, "new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), "whisperctl", "chat", "open")
        self.wait_for("connected")

    def type(self, line: str) -> None:
        """Type a line and Return."""
        self._check(*self._tmux, "send-keys", "-l", line)
        self._check(*self._tmux, "send-keys", "Enter")

    def wait_for(self, what: str) -> None:
        """Return when a line of the screen matches; raises AssertionError."""
        deadline = time.monotonic() + PATIENCE
        while not re.search(what, self.screen()):
            assert time.monotonic() < deadline, f"{what!r} does not appear on:\n{self.screen()}"

    def screen(self, *, colours: bool = False) -> str:
        """Return what stands on the screen."""
        return self._check(*self._tmux, "capture-pane", "-p", *(["-e"] if colours else []))

    def end(self) -> None:
        """Close the terminal and stop the daemon."""
        self._run(*self._tmux, "kill-server")
        if self._daemon is not None:
            self._daemon.terminate()
            self._daemon.wait(PATIENCE)

    def _check(self, *words: str) -> str:
        done = self._run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, env=self._where, capture_output=True, text=True, timeout=2 * PATIENCE)
