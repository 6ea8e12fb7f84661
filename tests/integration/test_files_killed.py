"""Daemons that are killed at every step of a file: what the other side says then, and what lies on the disk."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.house.pages import ROOT
from whisperd.control.client import Client
from whisperd.demo.daemon_process import DaemonProcess
from whisperd.errors import DaemonUnreachable
from whisperd.peer.files.downloads import Downloads
from whisperd.tor.testnet.ports import free_ports

CONTENT = os.urandom(400_000)
OFF = '[tor]\nmode = "off"\n'


class Stage:
    """A relay, and one daemon that lives through every test; the other one is new in each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_ports(1)[0]
        self.file = folder / "data"
        self.file.write_bytes(CONTENT)
        self.count = 0
        relay = f'{OFF}[relay]\nlisten = ["tcp:{self.port}:interface=127.0.0.1"]\n[peer]\nenabled = false\n'
        self.relay = DaemonProcess("relay", folder, relay)
        self.survivor = self.person("survivor", "whisperd")

    def person(self, name: str, module: str) -> DaemonProcess:
        downloads = self.folder / f"{name}-downloads"
        downloads.mkdir(exist_ok=True)
        return DaemonProcess(name, self.folder, f'{OFF}[relay]\nenabled = false\n[peer]\nloopback = true\n'
                             f'relay = "http://127.0.0.1:{self.port}"\ndownloads = "{downloads}"\n', module=module,
                             may_write=True)

    def mortal(self, die_at: str) -> DaemonProcess:
        """Start a daemon that dies there, and connect it to the other one."""
        self.count += 1
        made = self.person(f"mortal{self.count}", "tests.integration.dying")
        (made.home / "die-at").write_text(die_at)
        made.start()
        invite = self.survivor.call("chat.invite")
        made.call("chat.join", link=invite["link"])
        self.chat = invite["chat"]
        self.wait(made, "chat-state", state="connected", chat="c1")
        self.wait(self.survivor, "chat-state", state="connected", chat=self.chat)
        return made

    def wait(self, person: DaemonProcess, name: str, **fields: Any) -> dict[str, Any]:
        return person.wait(lambda event: event["event"] == name and fields.items() <= event.items(), 60,
                           f"{name} {fields}")

    def offer(self, person: DaemonProcess, chat: str) -> dict[str, Any]:

        with Client(person.socket) as client, self.file.open("rb") as content:
            return client.call("chat.send-file", {"chat": chat, "name": "data.bin"}, file=content.fileno())

    def found(self, name: str) -> dict[str, bytes]:
        """Return the files of somebody's downloads."""
        return {path.name: path.read_bytes() for path in (self.folder / f"{name}-downloads").iterdir()}

    def row(self, chat: str) -> dict[str, Any]:
        (row,) = self.survivor.call("chat.files", chat=chat)
        return row


def died(person: DaemonProcess) -> None:
    """Wait until it has killed itself."""
    assert person._process is not None
    assert person._process.wait(60) == -signal.SIGKILL


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        yield from staged(tmp_path_factory)


def staged(tmp_path_factory):
    made = Stage(tmp_path_factory.mktemp("k"))
    try:
        made.relay.start()
        made.survivor.start()
        yield made
    finally:
        made.survivor.stop()
        made.relay.stop()


#: Where a receiver dies, and whether the whole file stands in its place then.
RECEIVER = [("open 1 before", False), ("flock 1 after", False), ("pwrite 1 before", False), ("pwrite 2 after", False),
            ("fsync 1 before", False), ("link 1 before", False), ("link 1 after", True), ("unlink 1 after", True),
            ("fsync 2 after", True)]


@pytest.mark.parametrize(("die_at", "kept"), RECEIVER, ids=lambda value: str(value).replace(" ", "-"))
def test_a_receiver_that_is_killed_keeps_all_of_a_file_or_nothing_and_its_sender_claims_nothing(stage, die_at, kept):
    mortal = stage.mortal(die_at)
    stage.offer(stage.survivor, stage.chat)
    offer = stage.wait(mortal, "file-state", state="offered")
    with suppress(DaemonUnreachable):  # it may be gone before it answers
        mortal.call("chat.accept", chat="c1", file=offer["file"])
    died(mortal)
    stage.wait(stage.survivor, "chat-state", chat=stage.chat, state="away", reason="peer-lost")
    row = stage.row(stage.chat)
    assert row["state"] in ("offered", "moving") and row["rate"] == 0, "it is not known to be there"
    final = {name: content for name, content in stage.found(mortal.name).items() if not name.startswith(".")}
    assert final == ({"data.bin": CONTENT} if kept else {})
    Downloads(str(stage.folder / f"{mortal.name}-downloads")).sweep()  # as every daemon does at its start
    assert stage.found(mortal.name) == final, "what was partial is swept, and nothing else"


@pytest.mark.parametrize("die_at", ["pread 1 before", "pread 2 before"], ids=lambda value: value.replace(" ", "-"))
def test_a_sender_that_is_killed_before_a_chunk_leaves_nothing_at_its_receiver(stage, die_at):
    kill_sender(stage, die_at)
    assert [name for name in stage.found("survivor") if not name.startswith(".")] == []


def test_what_came_of_a_file_whose_sender_was_killed_goes_with_the_conversation_and_a_new_start_is_clean(stage):
    mortal = kill_sender(stage, "pread 3 after")
    (row,) = stage.survivor.call("chat.files", chat=stage.chat)
    assert row["state"] == "moving" and row["moved"] < len(CONTENT)
    stage.survivor.call("chat.end", chat=stage.chat)
    assert not [content for content in stage.found("survivor").values() if content]
    (mortal.home / "die-at").unlink()
    mortal.start()
    assert mortal.call("chat.list") == [] and stage.found(mortal.name) == {}
    mortal.stop()


def kill_sender(stage: Stage, die_at: str) -> DaemonProcess:
    """Have a daemon offer a file, which is accepted, and die there; return it."""
    mortal = stage.mortal(die_at)
    with suppress(DaemonUnreachable):  # it may be gone before it answers
        stage.offer(mortal, "c1")
        offer = stage.wait(stage.survivor, "file-state", chat=stage.chat, state="offered")
        stage.survivor.call("chat.accept", chat=stage.chat, file=offer["file"])
    died(mortal)
    stage.wait(stage.survivor, "chat-state", chat=stage.chat, state="away", reason="peer-lost")
    return mortal
