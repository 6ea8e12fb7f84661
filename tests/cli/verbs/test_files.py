"""whisperctl's verbs of files as processes of their own, and on a terminal."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from tests.cli.conftest import COMMAND, Ctl, environment
from tests.cli.terminal import Terminal
from tests.control.hands import call, exchange, in_thread, line
from tests.control.sample import Serving
from whisperd.control.client import Client
from whisperd.errors import FileFailed, FileUnknown, TimedOut, UsageError

in_the_reactor = pytest_twisted.ensureDeferred


@pytest.fixture
def chat(serving: Serving) -> str:
    return serving.api.add("inviter", "connected")


@pytest.fixture
def terminal(serving: Serving) -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for one in opened:
        one.close()


@in_the_reactor
async def test_a_file_is_opened_by_whisperctl_and_read_by_the_daemon(serving: Serving, ctl: Ctl, chat: str,
                                                                      tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"only I may read this")
    shown = await ctl("chat", "send-file", str(path))
    assert (shown.returncode, shown.stdout) == (0, "c1 f1 'notes.txt', 20 B, to them, is offered\n")
    shown = await ctl("--json", "chat", "send-file", chat, str(path), "--name", "other.txt")
    assert json.loads(shown.stdout)["filename"] == "other.txt"
    assert serving.api.contents == [b"only I may read this"] * 2


@pytest.mark.parametrize(("words", "error"), [
    (("send-file", "/nowhere/at/all"), FileFailed), (("send-file",), UsageError), (("accept",), UsageError),
    (("accept", "f9"), FileUnknown), (("cancel", "f9"), FileUnknown)])
@in_the_reactor
async def test_what_cannot_be_done_has_its_exit_status(ctl: Ctl, chat: str, words, error) -> None:
    shown = await ctl("chat", *words)
    assert shown.returncode == error.exit_status and "Traceback" not in shown.stderr


@in_the_reactor
async def test_files_are_listed_accepted_refused_and_cancelled(serving: Serving, ctl: Ctl, chat: str) -> None:
    for name in ("a", "b", "c\x1b[2J"):
        serving.api.put_file(chat, "in", name, b"12345")
    shown = await ctl("chat", "accept", chat, "f1", "--wait", "10")
    assert (shown.returncode, shown.stdout) == (0, "c1 f1 'a', 5 B, from them, is done\n")
    await ctl("chat", "refuse", "f2")
    assert (await ctl("chat", "cancel", "f3")).stdout == "c1 f3 is cancelled\n"
    shown = await ctl("chat", "files")
    assert [row.split()[:6] for row in shown.stdout.splitlines()[1:]] == [
        ["c1", "f1", "in", "done", "100", "%"], ["c1", "f2", "in", "refused", "0", "%"],
        ["c1", "f3", "in", "cancelled", "0", "%"]]
    assert "\x1b" not in shown.stdout
    assert [row["state"] for row in json.loads((await ctl("--json", "chat", "files", chat)).stdout)] == \
        ["done", "refused", "cancelled"]


@in_the_reactor
async def test_waiting_ends_with_what_became_of_the_file(serving: Serving, ctl: Ctl, chat: str) -> None:
    for name in ("full", "slow"):
        serving.api.put_file(chat, "in", name, b"12345")
    assert (await ctl("chat", "accept", "f1", "--wait", "10")).returncode == FileFailed.exit_status
    assert (await ctl("chat", "accept", "f2", "--wait", "0.5")).returncode == TimedOut.exit_status


@in_the_reactor
async def test_a_queued_message_is_taken_back_by_its_number(serving: Serving, ctl: Ctl, chat: str) -> None:
    await ctl("chat", "send", "slow, please")
    assert (await ctl("chat", "cancel", "1")).stdout == "c1 1 is cancelled\n"
    assert "(cancelled)" in (await ctl("chat", "history")).stdout


@in_the_reactor
async def test_a_terminal_shows_a_bar_with_rate_and_remaining_time(serving: Serving, chat: str, terminal) -> None:
    serving.api.put_file(chat, "in", "slow.iso", b"x" * 1_000)
    view = Terminal([*COMMAND, "chat", "accept", "f1", "--wait", "20"], environment(serving.path))
    terminal.append(view)
    await deferToThread(view.wait_for, "f1 [##########----------] 50 % of 1.0 kB, 1.5 MB/s, 8 s left")
    serving.api.turn_file("f1", "done")
    await deferToThread(view.wait_for, "c1 f1 'slow.iso', 1.0 kB, from them, is done")
    assert await deferToThread(view.wait_for_end) == 0 and "####" not in view.screen.text


@in_the_reactor
async def test_a_request_for_a_file_without_its_descriptor_is_refused(serving: Serving, chat: str) -> None:
    answer, = await in_thread(exchange, serving.path, line("chat.send-file", chat=chat, name="x"))
    assert answer["error"]["code"] == -32602 and "descriptor" in answer["error"]["message"]


@in_the_reactor
async def test_descriptors_that_nobody_asked_for_are_closed(serving: Serving, chat: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    before = len(os.listdir("/proc/self/fd"))

    def flood() -> None:
        with socket.socket(socket.AF_UNIX) as raw, open(tmp_path / "x") as file:
            raw.connect(serving.path)
            for number in range(50):
                socket.send_fds(raw, [line("status", number)], [file.fileno()] * 3)
            raw.settimeout(60)
            answers = b""
            while answers.count(b"\n") < 50:
                answers += raw.recv(65_536)

    await in_thread(flood)
    await in_thread(call, serving.path, "status")
    assert len(os.listdir("/proc/self/fd")) <= before + 2


@in_the_reactor
async def test_a_request_that_fails_does_not_leave_its_file_to_the_next(serving: Serving, chat: str,
                                                                       tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")

    def ask() -> None:
        with Client(serving.path) as client, open(tmp_path / "secret") as file:
            with pytest.raises(UsageError):
                client.call("chat.send-file", {"chat": 1, "name": "x"}, file=file.fileno())
            with pytest.raises(UsageError, match="descriptor"):
                client.call("chat.send-file", {"chat": chat, "name": "x"})

    await in_thread(ask)
    assert serving.api.contents == []
