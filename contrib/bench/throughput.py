"""A file through a conversation on the private Tor network, beside a plain TCP stream between the same two tors.

Both go from the tor of the one who joined, who connects, to an onion service of the tor of the one who invited. SIZE
bytes a round; a larger file takes longer at the same rate.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from contrib.bench.daemons import BIN, free_port, running
from contrib.bench.harness import Row, interleave
from whisperd.control.client import Client
from whisperd.demo.daemon_process import DaemonProcess
from whisperd.tor.testnet import state

SIZE = 30_000_000
ROUNDS = 3
#: Seconds of a plain stream for each second that a file may take: 60 percent of its rate.
TARGET = 1 / 0.6
PATIENCE = 300.0


_PEER_ONLY = "[relay]\nenabled = false\n[onion]\nenabled = false\n[peer]\n"


class Network:
    """A private Tor network with three clients: the sockets of each, without their ``unix:``."""

    def __init__(self, place: Path) -> None:
        clients = [node for node in state.load(place).nodes if node.role == "client"]
        self.controls = [node.control.removeprefix("unix:") for node in clients]
        self.socks = [node.socks.removeprefix("unix:") for node in clients]


@contextmanager
def network(place: Path) -> Iterator[Network]:
    """Run the network."""
    command = [str(BIN / "whisperd"), "testnet"]
    subprocess.run([*command, "up", "--dir", str(place)], check=True, capture_output=True)
    try:
        yield Network(place)
    finally:
        subprocess.run([*command, "down", "--dir", str(place)], check=True, capture_output=True)


@contextmanager
def daemon(name: str, folder: Path, control: str, lines: str) -> Iterator[DaemonProcess]:
    """Run a daemon on one of the clients."""
    made = DaemonProcess(name, folder, f'[tor]\nmode = "attach"\ncontrol = "unix:{control}"\n{lines}', may_write=True)
    made.start()
    try:
        yield made
    finally:
        made.stop()


@contextmanager
def plain_onion(control: str) -> Iterator[str]:
    """Publish a process that reads and throws away, on the tor behind ``control``; gives the address."""
    port = free_port()
    with running([sys.executable, "-m", "contrib.bench.raw_stream", "sink", str(port)], port), \
            socket.socket(socket.AF_UNIX) as tor:
        tor.connect(control)
        lines = tor.makefile("rw", newline="\r\n")

        def ask(command: str) -> str:
            lines.write(f"{command}\r\n")
            lines.flush()
            answer = ""
            while not re.search(r"^\d{3} .*\s*\Z", answer, re.M):
                answer += lines.readline()
            return answer

        cookie = re.search('COOKIEFILE="(.*?)"', ask("PROTOCOLINFO 1"))
        ask(f"AUTHENTICATE {Path(cookie[1]).read_bytes().hex()}" if cookie else "AUTHENTICATE")
        found = re.search("ServiceID=(.*)", ask(f"ADD_ONION NEW:ED25519-V3 Flags=DiscardPK Port=80,127.0.0.1:{port}"))
        assert found
        yield f"{found[1].strip()}.onion"


class Conversation:
    """Anna and Ben on a direct link; a call sends a file from Ben to Anna and returns the seconds that it took."""

    def __init__(self, anna: DaemonProcess, ben: DaemonProcess, relay: str, content: Path, downloads: Path) -> None:
        self._anna, self._ben, self._content, self._downloads = anna, ben, content, downloads
        made = anna.call("chat.invite", relay=relay)
        self._annas = made["chat"]
        self._bens = ben.call("chat.join", link=made["link"])["chat"]
        for person in (anna, ben):
            person.wait(lambda event: event.get("link") == "onion", PATIENCE, "the direct link")

    def send(self) -> float:
        """Send the file: from its acceptance until its sender knows that it is there and right."""
        with Client(self._ben.socket) as client, self._content.open("rb") as content:
            file = client.call("chat.send-file", {"chat": self._bens, "name": "data"}, file=content.fileno())["file"]
        self._wait(self._anna, file, "offered")
        begin = time.perf_counter()
        self._anna.call("chat.accept", chat=self._annas, file=file)
        self._wait(self._ben, file, "done")
        took = time.perf_counter() - begin
        for each in self._downloads.iterdir():
            each.unlink()
        return took

    def _wait(self, person: DaemonProcess, file: str, state: str) -> None:
        wanted = ("file-state", file, state)
        person.wait(lambda event: (event["event"], event.get("file"), event.get("state")) == wanted, PATIENCE,
                    f"a file that is {state}")


def plain(socks: str, address: str, size: int) -> float:
    """Send a plain stream in a process of its own, and return the seconds."""
    command = [sys.executable, "-m", "contrib.bench.raw_stream", "send", socks, address, str(size)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@contextmanager
def both(size: int) -> Iterator[tuple[Conversation, Network, str]]:
    """Set everything up: the conversation, the network, and the address of the plain onion service."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="whisperd-bench-")))
        content, downloads = folder / "data", folder / "downloads"
        content.write_bytes(os.urandom(size))
        downloads.mkdir()
        tors = stack.enter_context(network(folder / "tor"))
        relay = stack.enter_context(daemon("relay", folder, tors.controls[0], "[peer]\nenabled = false\n[relay]\n"
                                           f'listen = ["tcp:{free_port()}:interface=127.0.0.1"]\n'))
        anna = stack.enter_context(daemon("anna", folder, tors.controls[1], f'{_PEER_ONLY}downloads = "{downloads}"\n'))
        ben = stack.enter_context(daemon("ben", folder, tors.controls[2], _PEER_ONLY))
        address = stack.enter_context(plain_onion(tors.controls[1]))
        talk = Conversation(anna, ben, relay.call("address", wait=60)["url"], content, downloads)
        yield talk, tors, address


def measure() -> list[Row]:
    """Measure both in turns."""
    with both(SIZE) as (talk, tors, address):
        found = interleave({"file": talk.send, "plain": lambda: plain(tors.socks[2], address, SIZE)}, ROUNDS)
    return [Row(f"file of {SIZE / 1e6:g} MB, direct link over tor", "s", found["file"], "plain TCP stream, same tors",
                found["plain"], target=TARGET)]
