"""Surroundings in which something is missing, full, closed or not readable, and the installed programs in them, run by
a user without rights that the user database does not know."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import click

from whisperd.errors import WhisperdError, catalogue

#: No user database has this number.
USER = 54_321
SCRIPTS = Path(sysconfig.get_path("scripts"))
BYTES = b"\xff\xfe\xc3"
READER_GONE = 141

_NO_PROC = "umount -l /proc"
_NO_TEMPORARY = "for each in /tmp /var/tmp; do mount --bind $each $each && mount -o remount,ro,bind $each; done"
#: A folder of the test's own that belongs to root; HOME is a folder that USER may write to.
_CLOSED = 'mkdir -p -m 700 "$HOME"'
_GONE = 'gone=$(mktemp -d) && cd "$gone" && rmdir "$gone"'


@dataclass(frozen=True)
class Fault:
    """What is wrong around a program. ``before`` is run by a shell of root in a mount namespace of its own,
    ``redirect`` is how the program's streams are changed, ``words`` what becomes of the words."""

    before: str = ":"
    redirect: str = ""
    where: dict[str, str] = field(default_factory=dict)
    home: str = ""  #: HOME is this folder in the one that it is otherwise
    without: tuple[str, ...] = ()
    stdin: bytes = b""
    reader_gone: bool = False
    words: Callable[[bytes], bytes] = bytes


FAULTS: dict[str, Fault] = {
    "nothing": Fault(),
    "output closed": Fault(redirect=">&-"),
    "output full": Fault(redirect=">/dev/full"),
    "output nobody reads": Fault(reader_gone=True),
    "errors closed": Fault(redirect="2>&-"),
    "errors full": Fault(redirect="2>/dev/full"),
    "both full": Fault(redirect=">/dev/full 2>/dev/full"),
    "all closed": Fault(redirect="<&- >&- 2>&-"),
    "input closed": Fault(redirect="<&-"),
    "input write-only": Fault(redirect="</dev/null 0>/dev/null"),
    "input not UTF-8": Fault(stdin=BYTES + b"\n" + BYTES),
    "words not UTF-8": Fault(words=lambda word: BYTES),
    "ASCII": Fault(where={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"},
                   words=lambda word: "né".encode()),
    "Latin-1": Fault(where={"PYTHONIOENCODING": "latin-1"}, words=lambda word: "日".encode()),
    "POSIX": Fault(where={"LC_ALL": "POSIX"}, words=lambda word: "né".encode()),
    "no terminal": Fault(where={"TERM": "dumb", "COLUMNS": "0", "LINES": "-7"}),
    "silly terminal": Fault(where={"TERM": "no/such", "COLUMNS": "much"}),
    "no home": Fault(without=("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR")),
    "home that may not be read": Fault(home="closed", before=_CLOSED),
    "home that is a file": Fault(where={"HOME": "/etc/passwd"}),
    "home not UTF-8": Fault(where={"HOME": os.fsdecode(b"/" + BYTES)}),
    "socket not UTF-8": Fault(where={"WHISPERD_SOCKET": os.fsdecode(b"/" + BYTES)}),
    "no /proc": Fault(before=_NO_PROC),
    "no /tmp": Fault(before=_NO_TEMPORARY, where={"TMPDIR": "/nonexistent"}),
    "folder gone": Fault(before=_GONE),
    "few files": Fault(before="ulimit -n 9"),
}


@dataclass(frozen=True)
class Ended:
    """How a program ended; ``err`` is None where nobody could read it."""

    fault: str
    words: tuple[str, ...]
    status: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"{' '.join(self.words)!r} with {self.fault}: {self.status}\n--out\n{self.out}\n--err\n{self.err}"


def run(program: str, words: list[str], fault: str, where: dict[str, str], changed: tuple[str, ...] = ()) -> Ended:
    """Run an installed program as USER; those of ``words`` that are in ``changed`` suffer what the fault does."""
    wrong = FAULTS[fault]
    encoded = [wrong.words(word.encode()) if word in changed else word.encode() for word in words]
    environment = {name: value for name, value in (where | wrong.where).items() if name not in wrong.without}
    if wrong.home:
        environment["HOME"] += f"/{wrong.home}"
    drop = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
    command = shlex.join([*drop, "/bin/sh", "-c", f'exec "$@" {wrong.redirect}', "sh", str(SCRIPTS / program)])
    script = f'{wrong.before} && exec {command} "$@"'
    read, write = os.pipe()
    if wrong.reader_gone:
        os.close(read)
    try:
        with subprocess.Popen(["unshare", "--mount", "/bin/sh", "-c", script, "sh", *encoded], env=environment, cwd="/",
                              stdin=subprocess.PIPE, stdout=write if wrong.reader_gone else subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            try:
                out, err = process.communicate(wrong.stdin, timeout=120)
            except BaseException:
                process.kill()
                raise
    finally:
        os.close(write)
        if not wrong.reader_gone:
            os.close(read)
    return Ended(fault, (program, *words), process.returncode, (out or b"").decode(errors="backslashreplace"),
                 err.decode(errors="backslashreplace"))


#: How a line of the daemon's log begins.
_LOGGED = re.compile(r"\d{4}-\d\d-\d\dT\S+Z ")
STATUSES = {error.exit_status for error in catalogue().values()} - {WhisperdError.exit_status}


def check(ended: Ended, *, json_wanted: bool = False, also: tuple[int, ...] = ()) -> None:
    """Whatever a program was put into, it says what is wrong and what to do."""
    for word in ("Traceback", "Exception ignored", "Fatal Python", "<frozen", ".py\", line"):
        assert word not in ended.out + ended.err, ended
    assert ended.status in {0, READER_GONE, *STATUSES, *also}, ended
    if ended.status in (0, READER_GONE, *also):
        return
    redirect = FAULTS[ended.fault].redirect
    if json_wanted and ">" not in redirect.replace("2>", "") and not FAULTS[ended.fault].reader_gone:
        error = json.loads(ended.out.splitlines()[-1])["error"]
        assert catalogue()[error["code"]].exit_status == ended.status, ended
        assert error["message"] and error["remedy"].endswith((".", "?")), ended
    elif "2>" not in redirect:
        told = "\n".join(line for line in ended.err.splitlines() if not _LOGGED.match(line))
        assert told.rstrip().endswith((".", "?")) and len(told.split()) > 5, ended


def verbs(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every verb of a program, with its words."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from verbs(command, (*path, name))
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield (*path, name), command


def arguments(command: click.Command, values: dict[str, str]) -> list[str]:
    """Return something for everything that a verb takes as text: by the parameter's name, or 'x'."""
    words: list[str] = []
    for param in command.params:
        if isinstance(param, click.Argument):
            words.append(values.get(str(param.name), "x"))
        elif param.type is click.STRING and param.expose_value and param.name in values:
            words += [param.opts[0], values[str(param.name)]]
    return words


@contextmanager
def answering(path: Path, answer: bytes, found: bytes = b"") -> Iterator[None]:
    """Serve a control socket that says ``answer`` to whatever it is asked, and hangs up; ``found``, if that is
    something, to who asks which conversation is meant."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(0o666)
    # 'stop' waits for the end of whoever serves the socket: that is whoever has called listen(2), and it has ended.
    listens = "import socket; socket.socket(fileno=0).listen(16)"
    served = subprocess.Popen([sys.executable, "-c", listens], stdin=listener)
    os.waitid(os.P_PID, served.pid, os.WEXITED | os.WNOWAIT)

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):  # whoever asked may not wait for the end
                asked = connection.recv(1 << 16)
                connection.sendall(found if found and b'"chat.find"' in asked else answer)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1 << 16):
                    pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        path.unlink()
        served.wait()
        thread.join(20)


def environment(folder: Path) -> dict[str, str]:
    """Return what a program finds around it where nothing is wrong."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "xterm", "LC_ALL": "C.UTF-8",
            "WHISPERD_SOCKET": str(folder / "control.sock"), "XDG_RUNTIME_DIR": str(folder),
            "PYTHONDONTWRITEBYTECODE": "1"}


def as_user(*command: str) -> list[str]:
    """Return a command as that of USER."""
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *command]
