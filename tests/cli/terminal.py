"""A person at a terminal: a program on a pty, the screen that it draws, and keys to press."""

from __future__ import annotations

import codecs
import os
import pty
import re
import select
import signal
import termios
import time

ROWS, COLUMNS = 30, 100
_SEQUENCE = re.compile(r"\x1b\](?P<title>[^\x07]*)\x07|\x1b\[(?P<parameters>[0-9;?]*)(?P<name>[A-Za-z])|\x1b[=>]")


class Screen:
    """Lines and a cursor; understands what prompt_toolkit writes. Lines that scroll out at the top are kept."""

    def __init__(self) -> None:
        self.lines = [""]
        self.row = self.column = 0
        self.asked = 0
        self.titles: list[str] = []
        self._rest = ""

    def feed(self, text: str) -> None:
        text = self._rest + text
        while text:
            match = _SEQUENCE.match(text)
            if match:
                self._act(match)
                text = text[match.end():]
            elif text[0] == "\x1b" and len(text) < 12:
                break
            else:
                self._put(text[0])
                text = text[1:]
        self._rest = text

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.lines)

    @property
    def cursor(self) -> tuple[int, int]:
        """Row and column in the window, from 1."""
        return self.row - self._top + 1, self.column + 1

    @property
    def _top(self) -> int:
        return max(0, len(self.lines) - ROWS)

    def _put(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self._down()
        elif character == "\b":
            self.column = max(0, self.column - 1)
        elif character.isprintable():
            if self.column >= COLUMNS:
                self.column = 0
                self._down()
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[:self.column] + character + line[self.column + 1:]
            self.column += 1

    def _down(self) -> None:
        self.row += 1
        if self.row == len(self.lines):
            self.lines.append("")

    def _act(self, match: re.Match[str]) -> None:
        if match["title"] is not None:
            self.titles.append(match["title"])
        number = int(match["parameters"]) if (match["parameters"] or "").isdecimal() else 0
        step = max(1, number)
        match match["name"]:
            case "A":
                self.row = max(self._top, self.row - step)
            case "B":
                self.row = min(len(self.lines) - 1, self.row + step)
            case "C":
                self.column += step
            case "D":
                self.column = max(0, self.column - step)
            case "K":
                self.lines[self.row] = self.lines[self.row][:self.column]
            case "J":
                del self.lines[self.row + 1:]
                self.lines[self.row] = self.lines[self.row][:self.column]
            case "n":
                self.asked += 1


class Terminal:
    """Starts ``words`` on a pty. ``raw`` is all that the program wrote. All methods block."""

    def __init__(self, words: list[str], where: dict[str, str]) -> None:
        self.raw = ""
        self.screen = Screen()
        self.status: int | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pid, self._pty = pty.fork()
        if self._pid == 0:
            termios.tcsetwinsize(0, (ROWS, COLUMNS))
            os.execvpe(words[0], words, where)

    def press(self, keys: str) -> None:
        os.write(self._pty, keys.encode())

    def wait_for(self, what: str, seconds: float = 60, times: int = 1) -> str:
        """Return the screen, with what scrolled out of it, as soon as ``what`` is on it so often; raises
        AssertionError."""
        deadline = time.monotonic() + seconds
        while self.screen.text.count(what) < times:
            assert self._read(deadline), f"{what!r} did not appear on:\n{self.screen.text}"
        return self.screen.text

    def wait_for_end(self, seconds: float = 60) -> int:
        """Return the program's exit status."""
        deadline = time.monotonic() + seconds
        while self._read(deadline):
            pass
        if time.monotonic() >= deadline:
            os.kill(self._pid, signal.SIGKILL)
            raise AssertionError(f"it did not end; the screen is:\n{self.screen.text}")
        return self._reap()

    def close(self) -> None:
        """End the program, whatever it does."""
        os.close(self._pty)
        if self.status is None:
            os.kill(self._pid, signal.SIGKILL)
        self._reap()

    def _reap(self) -> int:
        if self.status is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return self.status

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._pty], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            data = os.read(self._pty, 65_536)
        except OSError:  # Linux's way to say that the other end is closed
            return False
        text = self._decoder.decode(data)
        self.raw += text
        self.screen.feed(text)
        while self.screen.asked:
            self.screen.asked -= 1
            os.write(self._pty, "\x1b[{};{}R".format(*self.screen.cursor).encode())
        return bool(data)
