"""The installed program: a wheel of this tree in a virtual environment, and daemons of people who are not root.

Everything lies below /tmp, where any user can read it: the tree itself may be in a folder that only its owner enters.
"""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, TypeVar

from tests.house.pages import ROOT
from whisperd.control.client import Client
from whisperd.errors import DaemonUnreachable
from whisperd.tor.testnet.ports import free_ports

#: Seconds that anything may take on a machine that is busy with something else.
PATIENCE = 120.0
#: The user that everything runs as where the tests run as root.
USER = "nobody"
T = TypeVar("T")


class Installation:
    """Where the two programs are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.whisperd = str(folder / "venv/bin/whisperd")
        self.whisperctl = str(folder / "venv/bin/whisperctl")


def installation() -> Installation:
    """Return the programs of this run, installed by whoever asks first of all the processes that test side by side."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"alone-{os.getpid()}")
    made = ROOT / "build/installed-of-tests"
    made.parent.mkdir(exist_ok=True)
    with made.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        of, _, folder = file.read().partition("\n")
        if of != run:
            if folder.startswith(tempfile.gettempdir()):
                shutil.rmtree(folder, ignore_errors=True)
            folder = tempfile.mkdtemp(prefix="whisperd-installed-")
            _install(Path(folder))
            file.truncate(0)
            file.write(f"{run}\n{folder}")
    return Installation(Path(folder))


def _install(folder: Path) -> None:
    folder.chmod(0o755)
    tree = folder / "tree"
    for name in _sources():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tree / name)
    pip = [sys.executable, "-m", "pip"]
    _run([*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder), str(tree)])
    (wheel,) = folder.glob("whisperd-*.whl")
    _run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")])
    python = folder / "venv/bin/python"
    site = Path(_run([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip())
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(("__editable__", "whisperd", "pip", "mypy")):
            _copy(entry, site / entry.name)
    _run([*pip, "--python", str(python), "install", "-q", "--no-deps", "--no-index", str(wheel)])
    shutil.rmtree(tree)


def _sources() -> list[str]:
    """Return the files of this tree that git tracks, and the new ones; all of them where there is no git."""
    if (ROOT / ".git").exists():
        listed = _run(["git", "-c", "safe.directory=*", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others",
                       "--exclude-standard"])
        return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    left_out = {".venv", "build", "dist"}
    return [str(path.relative_to(ROOT)) for path in ROOT.rglob("*")
            if path.is_file() and path.relative_to(ROOT).parts[0] not in left_out]


def _copy(source: Path, target: Path) -> None:
    """Copy by links where both lie on one file system: these are 300 MB."""
    def link(one: str, other: str) -> str:
        try:
            os.link(one, other)
        except OSError:
            shutil.copy2(one, other)
        return other

    if source.is_dir():
        shutil.copytree(source, target, copy_function=link, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        link(str(source), str(target))


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def as_user() -> dict[str, Any]:
    """Return what subprocess needs to start something as USER; nothing where the tests themselves are not root."""
    if os.getuid() != 0:
        return {}
    entry = pwd.getpwnam(USER)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


class Account:
    """A folder that belongs to USER, with what programs of this user get as their environment."""

    def __init__(self, programs: Installation, folder: Path) -> None:
        self.programs = programs
        self.folder = folder
        self.socket = str(folder / "control.sock")
        folder.mkdir(parents=True)
        self.own(folder)
        self.environment = {"PATH": f"{programs.folder}/venv/bin:/usr/bin:/bin:/usr/sbin", "HOME": str(folder),
                            "LANG": "C.UTF-8", "CREDENTIALS_DIRECTORY": str(folder)}

    def own(self, path: Path) -> None:
        """Give a file or folder to the user."""
        path.chmod(0o700 if path.is_dir() else 0o600)
        if os.getuid() == 0:
            entry = pwd.getpwnam(USER)
            os.chown(path, entry.pw_uid, entry.pw_gid)

    def write(self, name: str, text: str) -> Path:
        """Write a file of the user's."""
        path = self.folder / name
        path.write_text(text)
        self.own(path)
        return path

    def spawn(self, command: list[str], *, environment: Mapping[str, str] | None = None,
              **how: Any) -> subprocess.Popen[bytes]:
        """Start a program as the user."""
        how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
        return subprocess.Popen(command, cwd=self.folder, env={**self.environment, **(environment or {})},
                                **as_user(), **how)

    def whisperctl(self, *words: str, input: str = "", **how: Any) -> subprocess.CompletedProcess[str]:
        """Run whisperctl to its end as the user, on this daemon's socket."""
        process = self.spawn([self.programs.whisperctl, "--socket", self.socket, *words],
                             **{"stdin": subprocess.PIPE, **how})
        try:
            out, err = process.communicate(input.encode(), timeout=PATIENCE)
        except BaseException:
            process.kill()
            process.communicate()
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, (out or b"").decode(),
                                           (err or b"").decode())

    def ask(self, *words: str) -> Any:
        """Return what ``whisperctl --json`` answers; it has to succeed."""
        done = self.whisperctl("--json", *words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None


class Daemon(Account):
    """One daemon of the user's, which can be killed and started again on the same folder."""

    def __init__(self, programs: Installation, folder: Path, config: str) -> None:
        super().__init__(programs, folder)
        #: What all its processes wrote to standard error.
        self.log = bytearray()
        self.process: subprocess.Popen[bytes] | None = None
        self.write("whisperd-store", "correct horse battery")
        self.configure(config)

    def configure(self, config: str) -> None:
        """Write the configuration, which names the control socket already."""
        self.path = self.write("whisperd.toml", f'[control]\nsocket = "{self.socket}"\n{config}')

    def start(self, *words: str, **how: Any) -> None:
        """Start it, and wait until it serves."""
        self.launch(*words, **how)
        self.wait(self._serves)

    def _serves(self) -> bool:
        try:
            return bool(self.call("status"))
        except DaemonUnreachable:
            return False

    def launch(self, *words: str, **how: Any) -> None:
        """Start it, and wait for nothing."""
        self.process = self.spawn([self.programs.whisperd, "--config", str(self.path), *words],
                                  **{"stdout": subprocess.DEVNULL, **how})
        if self.process.stderr is not None:
            threading.Thread(target=self._read, args=(self.process.stderr,), daemon=True).start()

    def _read(self, stream: IO[bytes]) -> None:
        for line in stream:
            self.log += line

    def kill(self) -> None:
        """Kill it as ``kill -9`` does."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to stop, as the service manager does; return its exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, by: int) -> int:
        if self.process is None:
            return 0
        process, self.process = self.process, None
        if process.poll() is None:
            process.send_signal(by)
        try:
            return process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def wait(self, holds: Callable[[], T]) -> T:
        """Return what ``holds`` gives as soon as it is true."""
        deadline = time.monotonic() + PATIENCE
        while not (found := holds()):
            assert time.monotonic() < deadline, self.log.decode(errors="replace")
            assert self.process is None or self.process.poll() is None, self.log.decode(errors="replace")
            time.sleep(0.05)
        return found

    def call(self, method: str, **params: Any) -> Any:
        """Call a method on the control socket: what is asked often is asked without a process for each time."""
        with Client(self.socket) as client:
            return client.call(method, params)

    def chats(self) -> dict[str, dict[str, Any]]:
        """Return the rows of 'chat list' by their names."""
        return {row["chat"]: row for row in self.call("chat.list")}

    def until_state(self, chat: str, state: str) -> None:
        """Wait until a conversation is in this state."""
        self.wait(lambda: self.chats().get(chat, {}).get("state") == state)


class Company:
    """Daemons of one test, all below one folder, which are ended with it."""

    def __init__(self, programs: Installation) -> None:
        self.programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="whisperd-company-"))
        self.folder.chmod(0o755)
        self.daemons: list[Daemon] = []

    def daemon(self, name: str, config: str, *, tor: str = 'mode = "off"') -> Daemon:
        """Return a new daemon that has not started."""
        self.daemons.append(Daemon(self.programs, self.folder / name, f"[tor]\n{tor}\n{config}"))
        return self.daemons[-1]

    def relay(self, name: str = "relay", more: str = "") -> tuple[Daemon, str]:
        """Return a relay that has started, and its address."""
        port = free_ports(1)[0]
        relay = self.daemon(
            name, f'[relay]\nlisten = ["tcp:{port}:interface=127.0.0.1"]\n{more}[peer]\nenabled = false\n')
        relay.start()
        return relay, f"http://127.0.0.1:{port}"

    def person(self, name: str, url: str, *, sealed: bool = False, more: str = "") -> Daemon:
        """Return somebody's daemon that has not started, with a sealed store if that is wanted."""
        store = (f'[store]\nkind = "sealed"\nfile = "{self.folder}/{name}/store/store.db"\nunlock = "credential"\n'
                 "argon2_memory = 64\nhistory = true\n")
        return self.daemon(name, f'[relay]\nenabled = false\n[peer]\nloopback = true\nrelay = "{url}"\n'
                                 + more + (store if sealed else ""))

    def end(self) -> None:
        """Kill what runs, and leave nothing."""
        for daemon in self.daemons:
            daemon.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def meet(anna: Daemon, ben: Daemon) -> tuple[str, str]:
    """Connect two people by an invite; return what each calls the conversation."""
    invite = anna.ask("chat", "invite", "--no-qr")
    joined = ben.ask("chat", "join", invite["link"])
    anna.until_state(invite["chat"], "connected")
    ben.until_state(joined["chat"], "connected")
    return invite["chat"], joined["chat"]


def heard(person: Daemon, chat: str) -> list[str]:
    """Return the texts that somebody got in a conversation."""
    return [row["text"] for row in person.call("chat.history", chat=chat) if row["direction"] == "in"]
