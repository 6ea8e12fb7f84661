"""Two people as processes of a user without rights, and programs of that user that read what was said."""

from __future__ import annotations

import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tests.integration import killed

#: The program as it was installed, and who runs it.
WHISPERD, WHISPERCTL = (str(Path(sys.executable).parent / name) for name in ("whisperd", "whisperctl"))
ROOT = os.geteuid() == 0
NOBODY: dict[str, Any] = {"user": 65_534, "group": 65_534, "extra_groups": []} if ROOT else {}
AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if ROOT else []
PATIENCE = 120.0


class Person(killed.Process):
    """One side of the conversation ``c1``; with a store it keeps no more of what was said than what is unread."""

    def __init__(self, folder: Path, name: str, config: str, *, sealed: bool) -> None:
        store = (f'[store]\nkind = "sealed"\nfile = "{folder}/{name}/store/store.db"\nunlock = "credential"\n'
                 "argon2_memory = 64\n")
        super().__init__(folder / name, config + (store if sealed else ""))
        for path in (self.folder, *self.folder.iterdir()):
            give(path)

    def launch(self, *before: str) -> None:
        environment = {name: value for name, value in self._environment.items() if name != "PYTHONPATH"}
        self.process = subprocess.Popen([*before, WHISPERD, "--config", str(self._path)], env=environment,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=self.folder, **NOBODY)
        threading.Thread(target=self._read, args=(self.process.stderr,), daemon=True).start()

    def restart(self) -> None:
        """Kill it and start it again; what is said before the two are connected waits."""
        self.kill()
        self.start()

    def unread(self) -> list[str]:
        return [row["text"] for row in self.call("chat.history", chat="c1") if row["unread"]]

    def until_unread(self, *texts: str) -> None:
        self.wait(lambda: self.unread() == list(texts))


def give(path: Path) -> None:
    if ROOT:
        os.chown(path, 65_534, 65_534)


class Two:
    """Anna says something, and Ben, who has a sealed store, reads it or does not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._relay, url = killed.relay(folder / "relay")
        config = f'[relay]\nenabled = false\n[peer]\nloopback = true\nrelay = "{url}"\n'
        self.anna = Person(folder, "anna", config, sealed=False)
        self.ben = Person(folder, "ben", config, sealed=True)
        self._said = 0

    def meet(self) -> None:
        self.anna.start()
        self.ben.start()
        self.ben.call("chat.join", link=self.anna.call("chat.invite")["link"])
        for person in (self.anna, self.ben):
            person.wait(lambda person=person: person.call("chat.list")[0]["state"] == "connected")

    def stop(self) -> None:
        for process in (self.anna, self.ben, self._relay):
            process.stop()

    def say(self, more: str = "") -> str:
        """Have Anna say something, and wait until Ben's daemon has it."""
        self._said += 1
        text = f"text {self._said}{more}"
        number = self.anna.call("chat.send", chat="c1", text=text)["id"]
        self.anna.wait(lambda: any(row["id"] == number and row["state"] == "delivered"
                                   for row in self.anna.call("chat.history", chat="c1")))
        return text

    def words(self, *words: str) -> list[str]:
        return [WHISPERCTL, "--socket", self.ben.socket, *words]

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
        return kept | {"HOME": str(self.ben.folder), "LC_ALL": "C.UTF-8", "TERM": "xterm"} | more

    def run(self, *words: str, before: tuple[str, ...] = (), stdout: Any = subprocess.PIPE,
            **more: str) -> subprocess.CompletedProcess[bytes]:
        """Run Ben's whisperctl to its end."""
        return subprocess.run([*before, *self.words(*words)], env=self.environment(**more), stdout=stdout,
                              stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=PATIENCE, **NOBODY)

    @contextmanager
    def watching(self, *words: str, before: tuple[str, ...] = (), stdout: Any = subprocess.PIPE,
                 **more: str) -> Iterator[Watcher]:
        """Run Ben's 'whisperctl chat watch c1' in the meantime."""
        watcher = Watcher([*before, *self.words("chat", "watch", "c1", *words)], self.environment(**more), stdout)
        try:
            yield watcher
        finally:
            watcher.process.kill()
            watcher.process.wait()

    def hook(self, script: str, mode: int = 0o755) -> str:
        path = self.folder / "hook"
        path.write_text(script)
        path.chmod(mode)
        give(path)
        return str(path)


class Watcher:
    """A program whose output is read while it runs."""

    def __init__(self, words: list[str], environment: dict[str, str], stdout: Any) -> None:
        self.process = subprocess.Popen(words, env=environment, stdout=stdout, stderr=subprocess.PIPE,
                                        stdin=subprocess.DEVNULL, **NOBODY)
        self._told: queue.Queue[bytes] = queue.Queue()
        #: All that came on its outputs.
        self.said = b""
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def until(self, what: bytes) -> None:
        deadline = time.monotonic() + PATIENCE
        while what not in self.said:
            try:
                self.said += self._told.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{what!r} is not in {self.said!r}") from None

    def ended(self) -> int:
        return self.process.wait(PATIENCE)

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.ended()

    def _read(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._told.put(line)


@contextmanager
def two() -> Iterator[Two]:
    """Two who are connected."""
    folder = Path(tempfile.mkdtemp(prefix="reading-", dir="/tmp"))
    folder.chmod(0o755)
    give(folder)
    both = Two(folder)
    try:
        both.meet()
        yield both
    finally:
        both.stop()
        shutil.rmtree(folder)
