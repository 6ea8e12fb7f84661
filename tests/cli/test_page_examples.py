"""EXAMPLES of whisperctl(1), typed in a shell as they stand, one display after the other, at the sample daemon.

Only what stands for something else is filled in: an invite link, a relay's address, a code. A line without a prompt is
what the command above it prints.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from tests.cli.conftest import COMMAND, environment
from tests.cli.terminal import Terminal
from tests.control.sample import ADDRESS, CODE, LINK, NEXT, Serving
from tests.house import pages
from tests.service.test_daemon_examples import by_whisperctl_alone

FILLED_IN = {"http://...onion/#...": LINK, "http://...onion": f"http://{ADDRESS}", "7-crowd-hidden-lamp": CODE}
BOT = "$ contrib/bots/"  #: has a test of its own, tests/integration/test_bots.py
#: These stay until they are told to end: one is typed into, the other is interrupted.
PROMPT = re.compile(r"\w*[$#] ")
#: What is answered to who asks for one, and what a program of the examples prints.
PASSPHRASE = "correct horse battery staple"
STAYING = ("chat open", "chat watch")


def displays() -> list[str]:
    """Return those of whisperctl(1), and those of whisperd(8) that are asked by whisperctl alone."""
    found = []
    for page in ("whisperctl.1", "whisperd.8"):
        body = re.search(r"^\.Sh EXAMPLES\n(.*?)(?=^\.Sh )", pages.source(page), re.M | re.S)
        assert body is not None
        found += [display for display in pages.literals(body[1]) if not display.startswith(BOT) and
                  (page == "whisperctl.1" or by_whisperctl_alone(display.splitlines()))]
    return found


def filled(line: str) -> str:
    for placeholder, value in FILLED_IN.items():
        line = line.replace(placeholder, value)
    return line


class FilesOnDisk:
    """A folder with a file to send, a shell that finds whisperctl, and c1, a conversation with something in it."""

    def __init__(self, serving: Serving, folder: Path, known: bool) -> None:
        self.serving, self.folder = serving, folder
        (folder / "holiday.mp4").write_bytes(b"film")
        program = folder / "bin" / "whisperctl"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\nexec {shlex.join(COMMAND)} \"$@\"\n")
        program.chmod(0o755)
        self.where = environment(serving.path)
        for name in ("pass", "keyring", "systemctl"):  # the last one prints nothing that anybody reads
            program.with_name(name).write_text(f"#!/bin/sh\necho '{PASSPHRASE}'\n")
            program.with_name(name).chmod(0o755)
        self.where["HOME"] = str(folder)
        self.serving.api.onion_retire = self._retired
        self.where["PATH"] = f"{program.parent}:{self.where['PATH']}"
        if known:
            self._prepare()

    def _prepare(self) -> None:
        api = self.serving.api
        chat = api.add("inviter", "connected")
        for number in range(7):
            api.say(chat, "out", f"text {number + 1}", "queued" if number == 6 else "delivered")
        api.put_file(chat, "in", "theirs.txt", b"theirs")
        api.put_file(chat, "in", "big.txt", b"another")
        sending = api.chat_send_file

        async def taken(**params):
            """The other side takes what is offered."""
            row = await sending(**params)
            api.reactor.callLater(0, api._move_file, row)
            return row

        api.chat_send_file = taken

    async def _retired(self):
        return {"address": NEXT, "old": ADDRESS, "retired": True, "state": "up"}

    def type(self, line: str, stdin: str) -> str:
        """Run one line and return what it prints; raises AssertionError when it fails."""
        if any(verb in line for verb in STAYING):
            return self._stay(line)
        if "store wipe" in line:
            return self._confirm(line)
        done = subprocess.run(["/bin/bash", "-c", f"set -o pipefail; {line}"], input=stdin or f"{PASSPHRASE}\n" * 3,
                              capture_output=True, text=True, env=self.where, cwd=self.folder, timeout=60)
        assert (done.returncode, done.stderr) == (0, ""), (line, done)
        return done.stdout

    def _confirm(self, line: str) -> str:
        terminal = Terminal(["/bin/bash", "-c", line], self.where)
        try:
            terminal.wait_for("[y/N]")
            terminal.press("y\r")
            assert terminal.wait_for_end() == 0
            return terminal.screen.text
        finally:
            terminal.close()

    def _stay(self, line: str) -> str:
        terminal = Terminal(["/bin/bash", "-c", line], self.where)
        try:
            terminal.wait_for("c1")
            terminal.press("\x04" if "open" in line else "\x03")
            assert terminal.wait_for_end() in (0, 9, 130)
            return terminal.screen.text
        finally:
            terminal.close()


def play(serving: Serving, folder: Path, display: str) -> None:
    disk, printed = FilesOnDisk(serving, folder, known=bool(re.search(r"\b[cf]1\b", display))), ""
    lines = filled(display).replace("\\\n", "").splitlines()
    assert PROMPT.match(lines[0])
    for number, line in enumerate(lines):
        if prompt := PROMPT.match(line):
            following = lines[number + 1:number + 2]
            printed = disk.type(line[prompt.end():], printed if "--code -" in line else "")
            if following and not PROMPT.match(following[0]) and not following[0].endswith(":"):
                assert printed == f"{following[0]}\n"


@pytest.mark.parametrize("display", displays(), ids=lambda display: display.splitlines()[0].partition("whisperctl ")[2])
@pytest_twisted.ensureDeferred
async def test_an_example_does_what_the_page_says(serving: Serving, tmp_path: Path, display: str) -> None:
    await deferToThread(play, serving, tmp_path, display)
