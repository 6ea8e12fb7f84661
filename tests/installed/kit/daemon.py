"""A daemon of a user without rights, which can be killed and started again on the same folder."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, TypeVar

from tests.installed.kit.account import Account, without_new_code
from tests.installed.kit.installation import Installation
from tests.waiting import PATIENCE, until
from whisperd.control.client import Client
from whisperd.errors import DaemonUnreachable

T = TypeVar("T")


class Daemon(Account):
    """One daemon. ``control`` are more lines of that section, ``program`` is run in the place of whisperd, if given;
    without ``new_code`` no memory becomes executable in it."""

    def __init__(self, programs: Installation, folder: Path, config: str, *, socket: str = "control.sock",
                 control: str = "", program: Sequence[str] = (), new_code: bool = True) -> None:
        super().__init__(programs, folder, socket=socket)
        runtime = Path(self.socket).parent
        if runtime != folder:
            self.make(runtime.name)
        #: What all its processes wrote to standard output and error, as far as that was not led elsewhere.
        self.log = bytearray()
        self.process: subprocess.Popen[bytes] | None = None
        self.path = folder / "whisperd.toml"
        self.environment["CREDENTIALS_DIRECTORY"] = str(folder)
        self._control = control
        self._program = [*(() if new_code else without_new_code(programs)), *(program or [programs.whisperd])]
        self._readers: list[threading.Thread] = []
        self.write("whisperd-store", "correct horse battery")
        self.configure(config)

    def configure(self, config: str) -> None:
        """Write the configuration, which names the control socket already."""
        self.write(self.path.name, f'[control]\nsocket = "{self.socket}"\n{self._control}\n{config}')

    def start(self, *words: str, **how: Any) -> None:
        """Start it, and wait until it serves."""
        self.launch(*words, **how)
        self.wait(self.serves)

    def serves(self) -> bool:
        """Say whether it answers."""
        try:
            return bool(self.call("status"))
        except DaemonUnreachable:
            return False

    def launch(self, *words: str, **how: Any) -> None:
        """Start it, and wait for nothing."""
        self.process = self.spawn([*self._program, "--config", str(self.path), *words], **how)
        self._readers = [threading.Thread(target=self._read, args=(stream,), daemon=True)
                         for stream in (self.process.stdout, self.process.stderr) if stream is not None]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: IO[bytes]) -> None:
        for line in stream:
            self.log += line

    @property
    def pid(self) -> int:
        """The process that runs now."""
        assert self.process is not None
        return self.process.pid

    def kill(self) -> None:
        """Kill it as ``kill -9`` does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self) -> None:
        """Kill it and start it again."""
        self.kill()
        self.start()

    def stop(self) -> int:
        """Ask it to stop, as the service manager does; return its exit status."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> int:
        """Wait until it has ended by itself; return its exit status. The log is complete then."""
        assert self.process is not None
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        for reader in self._readers:
            reader.join(PATIENCE)
        self.process = None
        return status

    def wait(self, holds: Callable[[], T]) -> T:
        """Return what ``holds`` gives as soon as it is true, while the daemon runs."""
        def found() -> T:
            value = holds()
            assert value or self.process is None or self.process.poll() is None, self.written()
            return value

        return until(found, self.written)

    def written(self) -> str:
        """Return the log as text."""
        return self.log.decode(errors="replace")

    def call(self, method: str, **params: Any) -> Any:
        """Call a method on the control socket: what is asked often is asked without a process for each time."""
        with Client(self.socket) as client:
            return client.call(method, params, timeout=PATIENCE)

    def chats(self) -> dict[str, dict[str, Any]]:
        """Return the rows of 'chat list' by their names."""
        return {row["chat"]: row for row in self.call("chat.list")}

    def state(self, chat: str) -> str:
        """Return the state of a conversation, "gone" if there is none of this name."""
        return str(self.chats().get(chat, {"state": "gone"})["state"])

    def until_state(self, chat: str, state: str) -> None:
        """Wait until a conversation is in this state."""
        self.wait(lambda: self.state(chat) == state)
