"""Run ``make run`` at a terminal without a network: it says what it promises, serves, and ends at Ctrl-C.

fresh-root runs this in an empty Debian, in a network namespace of its own. What the terminal shows goes to standard
output; the exit status is 0 if all of it held.
"""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

#: Seconds that each promise may take, on a machine that is busy with something else.
PATIENCE = 300.0
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1
CTRL_C = b"\x03"
#: What a terminal is told and a person does not see.
CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r(?=\n)")
RELAY = r"relay listens on tcp:(127\.0\.0\.1:\d+)"
PROMISES = {
    "the address of its relay": RELAY,
    "tor's progress": r"tor: .*\d+ %",
    "that the Tor network is out of reach": r"(?s)whisperd still serves this machine.*continues to try",
    "what works without internet": r"without internet: make demo",
}
PROGRAMS = ("/.venv/bin/", "/usr/bin/tor", "/usr/sbin/tor")


class Terminal:
    """What runs at a terminal of its own, and what that has shown so far."""

    def __init__(self, *command: str) -> None:
        self.shown = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._pid, self._end = pty.fork()
        if self._pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.environ.update(TERM="xterm", COLUMNS="120", LINES="40")
            os.execvp(command[0], command)  # noqa: S606 - the very words that a person types

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._end, keys)

    def read(self, until: float) -> bool:
        """Take in what is shown next; return False when nothing runs there any more, or time is up."""
        while time.monotonic() < until:
            if not select.select([self._end], [], [], 0.2)[0]:
                continue
            try:
                data = os.read(self._end, 65_536)
            except OSError:  # Linux says so when the last process has closed the terminal
                data = b""
            if not data:
                return False
            text = CONTROLS.sub("", self._decoder.decode(data)).replace("\r", "\n")
            print(text, end="", flush=True)
            self.shown += text
            return True
        return False

    def wait(self) -> int | None:
        """Wait until nothing runs there; return the exit status, or None when time is up."""
        until = time.monotonic() + PATIENCE
        while self.read(until):
            pass
        while time.monotonic() < until:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            select.select([], [], [], 0.2)
        return None


def loopback() -> None:
    """Bring up the only interface that there is."""
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def promised(terminal: Terminal) -> Iterator[str]:
    """Wait for each promise; yield those that were not kept."""
    for name, pattern in PROMISES.items():
        until = time.monotonic() + PATIENCE
        while not re.search(pattern, terminal.shown):
            if not terminal.read(until):
                yield f"it does not show {name}"
                return


def served(terminal: Terminal) -> Iterator[str]:
    """Yield what is not served: the relay on loopback, the control socket."""
    address = re.search(RELAY, terminal.shown)
    if address is None:
        yield "it names no relay on loopback"
        return
    try:
        with urllib.request.urlopen(f"http://{address[1]}/", timeout=PATIENCE) as answer:
            print(f"\nGET http://{address[1]}/: {answer.status}", flush=True)
    except OSError as error:
        yield f"its relay does not serve: {error}"
    status = subprocess.run([".venv/bin/whisperctl", "status"], stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False)
    if status.returncode:
        yield f"'whisperctl status' fails with exit status {status.returncode}"


def ended(terminal: Terminal) -> Iterator[str]:
    """Press Ctrl-C; yield what does not end, or ends badly."""
    terminal.type(CTRL_C)
    status = terminal.wait()
    if status is None:
        yield "it does not end at Ctrl-C"
    elif status not in (0, -signal.SIGINT, 128 + signal.SIGINT):
        yield f"it ends at Ctrl-C with exit status {status}"
    if "Traceback" in terminal.shown:
        yield "it shows a traceback"
    yield from (f"{program} still runs" for program in running())


def running() -> Iterator[str]:
    """Yield the programs of ours that run in this root."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            program = str((process / "exe").readlink())
        except OSError:  # it has ended
            continue
        if program in PROGRAMS[1:] or PROGRAMS[0] in words:
            yield words


def main() -> int:
    """Return the exit status."""
    loopback()
    terminal = Terminal("make", "run")
    problems = [*promised(terminal)]
    if not problems:
        problems += served(terminal)
    problems += ended(terminal)
    for problem in problems:
        print(f"\nmake run: {problem}", file=sys.stderr)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
