"""'whisperctl chat open' outlives whatever is typed, pasted or done to its terminal."""

from __future__ import annotations

import os
import random
import select
import signal
import sysconfig
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from tests.cli.conftest import environment
from tests.cli.terminal import COLUMNS, ROWS, Terminal
from tests.control.sample import Serving

WHISPERCTL = str(Path(sysconfig.get_path("scripts")) / "whisperctl")
#: Ends a search, a paste and an argument, and empties the line.
CLEAR = b"\x07\x1b[201~\x07\x05\x15"
#: Bytes of keys, without Ctrl-C and Ctrl-D, which leave.
KEYS = bytes(each for each in range(256) if each not in (3, 4))
FINAL = bytes(range(32, 127))


def some(seed: int, count: int, choice: bytes, head: bytes = b"", most: int = 1) -> bytes:
    chance = random.Random(seed)
    return b"".join(head + bytes(chance.choices(choice, k=chance.randint(1, most))) for _ in range(count))


TYPED = {
    "bytes that are not UTF-8": b"\xff\xfe\x80hello\xc3\r",
    "control characters": bytes(each for each in range(1, 32) if each not in (3, 4)),
    "Ctrl-X and anything": b"".join(b"\x18" + bytes([each]) for each in range(1, 127) if each not in (3, 4)),
    "Alt and anything": b"".join(b"\x1b" + bytes([each]) for each in FINAL if each not in b"[O"),
    "quoted keys": b"\x11\x00\x16\x01\x16\x7f\r",
    "a mouse": b"\x1b[M\xff\xff\xff\x1b[M   \x1b[<99;999;999m\x1b[500;1;1M",
    "answers of a terminal": b"\x1b[1;1R\x1b[99999;99999R\x1b[0;0R\x1b[?1;2c",
    "actions with junk": b"".join(b"/" + name + b" \xff\xfe\r\x15" for name in (
        b"send-file", b"send-file ~nobody/", b"save", b"timer", b"go", b"cancel", b"accept", b"nothing")),
    "a paste of lines": b"\x1b[200~line one\nline two\r\nline \xff three\x1b[201~\r",
    "a paste of 1 MB": b"\x1b[200~" + b"x" * 1_100_000 + b"\x1b[201~\r",
    **{f"random bytes {seed}": some(seed, 4_000, KEYS) for seed in range(3)},
    **{f"random sequences {seed}": some(seed, 400, FINAL, b"\x1b[", 8) for seed in range(3)},
}
SURROUNDINGS: dict[str, dict[str, str]] = {
    "dumb": {"TERM": "dumb"}, "none": {"TERM": ""}, "silly": {"TERM": "no/such"},
    "ASCII": {"PYTHONIOENCODING": "ascii"},
    "Latin-1": {"PYTHONIOENCODING": "latin-1"}, "narrow": {"COLUMNS": "0", "LINES": "0"},
}


class Hands(Terminal):
    """A terminal that types bytes, and reads meanwhile."""

    def type(self, data: bytes) -> None:
        deadline = time.monotonic() + 120
        while data:
            readable, writable, _ = select.select([self._pty], [self._pty], [], 10)
            assert time.monotonic() < deadline, self.screen.text
            if readable:
                assert self._read(deadline), self.raw[-2_000:]
            if writable:
                data = data[os.write(self._pty, data[:1_024]):]

    def is_alive(self, text: str) -> None:
        """Raise AssertionError unless a text is sent and shown."""
        self.type(CLEAR + text.encode() + b"\r")
        self.wait_for(f"{text} (", 120)
        for word in ("Traceback", "Unhandled", "Press ENTER", "internal"):
            assert word not in self.raw, self.raw[-2_000:]

    def resize(self, rows: int, columns: int) -> None:
        termios.tcsetwinsize(self._pty, (rows, columns))


View = Callable[..., Hands]


@pytest.fixture
def view(serving: Serving) -> Iterator[View]:
    started: list[Hands] = []

    def start(*words: str, **more: str) -> Hands:
        started.append(Hands(list(words or (WHISPERCTL, "chat", "open")), environment(serving.path, **more)))
        return started[-1]

    yield start
    for each in started:
        each.close()


def does(function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
    return deferToThread(function, *arguments)


@pytest.mark.parametrize("what", TYPED)
@pytest_twisted.ensureDeferred
async def test_it_outlives_what_is_typed(serving: Serving, view: View, what: str) -> None:
    serving.api.add("inviter", "connected")
    hands = view()
    await does(hands.wait_for, "Type a message")
    await does(hands.type, TYPED[what])
    await does(hands.is_alive, "still-here")


@pytest.mark.parametrize("where", SURROUNDINGS)
@pytest_twisted.ensureDeferred
async def test_it_outlives_odd_terminals(serving: Serving, view: View, where: str) -> None:
    chat = serving.api.add("inviter", "connected")
    serving.api.say(chat, "in", "日本 ▀▄ \udcff".encode("utf-8", "replace").decode(), "received")
    hands = view(**SURROUNDINGS[where])
    await does(hands.wait_for, "Type a message")
    await does(hands.type, b"\xe9\xff\r")
    await does(hands.is_alive, "still-here")


@pytest_twisted.ensureDeferred
async def test_a_text_that_is_not_utf8_is_refused_and_comes_back(serving: Serving, view: View) -> None:
    chat = serving.api.add("inviter", "connected")
    hands = view()
    await does(hands.wait_for, "Type a message")
    await does(hands.type, b"caf\xe9\r")
    await does(hands.wait_for, "not UTF-8 text")
    assert serving.api.said.get(chat, []) == []
    await does(hands.is_alive, "in-utf-8")


@pytest_twisted.ensureDeferred
async def test_it_outlives_windows_of_every_size(serving: Serving, view: View) -> None:
    serving.api.add("inviter", "connected")
    hands = view()
    await does(hands.wait_for, "Type a message")
    for rows, columns in ((1, 1), (0, 0), (2, 500), (500, 2), (ROWS, COLUMNS)):
        hands.resize(rows, columns)
        await does(hands.type, b"a")
    await does(hands.is_alive, "still-here")


@pytest_twisted.ensureDeferred
async def test_it_is_stopped_and_comes_back_as_it_was(serving: Serving, view: View) -> None:
    serving.api.add("inviter", "connected")
    hands = view("bash", "--norc", "-i", PS1="shell% ")
    await does(hands.wait_for, "shell%")
    hands.press(f"{WHISPERCTL} chat open\r")
    await does(hands.wait_for, "Type a message")
    hands.press("half a ")
    await does(hands.wait_for, "half a")
    hands.press("\x1a")
    await does(hands.wait_for, "Stopped")
    hands.press("echo $((1000 + 1))-at-the-shell\r")
    await does(hands.wait_for, "1001-at-the-shell")
    hands.press("fg\r")
    await does(hands.wait_for, "c1> half a")
    hands.press("sentence\r")
    await does(hands.wait_for, "half a sentence (")
    await does(hands.is_alive, "still-here")


@pytest_twisted.ensureDeferred
async def test_a_fault_of_its_own_is_told_and_it_goes_on(serving: Serving, view: View) -> None:
    chat = serving.api.add("inviter", "connected")
    hands = view()
    await does(hands.wait_for, "Type a message")
    serving.bus.emit("file-progress", chat=chat, file="f1", moved=0.3, size=1, rate=0, remaining=None)
    await does(hands.wait_for, "an internal error happened in whisperctl")
    await does(hands.wait_for, "report it")
    os.kill(hands._pid, signal.SIGCONT)
    hands.press("still-here\r")
    await does(hands.wait_for, "still-here (")
    assert "Traceback" not in hands.raw
