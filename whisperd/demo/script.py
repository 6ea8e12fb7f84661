"""The demo's story: a private Tor network, a relay, two people, a fault in the middle, and what was left behind.

It does nothing that a person could not do with ``whisperd`` and ``whisperctl``; every step that does not hold is
shown, and the exit status is 0 only if all of them held.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

from rich.console import Console

from whisperd.demo.daemon_process import DaemonProcess, Event
from whisperd.demo.figures import DemoReport
from whisperd.demo.watch import Watch
from whisperd.errors import Interrupted, TestnetFailed, WhisperdError

ROUND_TRIPS = 20
HUNDRED_BYTES = "A message of one hundred bytes, which nobody but the two of them is ever able to read: " + "x" * 13
TOR_SECTION = '[tor]\nmode = "attach"\ncontrol = "{control}"\nsocks = "{socks}"\n'


class ClientSockets(TypedDict):
    """Where a tor client of the network listens, as ``whisperd testnet up --json`` says."""

    control: str
    socks: str


class Network(TypedDict):
    """What of ``whisperd testnet up --json`` is used here."""

    clients: list[ClientSockets]


class Demo:
    """One rehearsal in one temporary folder."""

    def __init__(self, folder: Path, console: Console) -> None:
        self.report = DemoReport()
        self._folder = folder
        self._console = console
        self._clients: list[ClientSockets] = []
        self._daemons: list[DaemonProcess] = []
        self._sent: dict[str, list[str]] = {"alice": [], "bob": []}

    def run(self) -> DemoReport:
        """Play the whole story; raises the WhisperdError of the step that could not be done at all."""
        try:
            for title, step in self._steps():
                self._play(title, step)
        finally:
            self._clear()
        return self.report

    def _steps(self) -> list[tuple[str, Callable[[], None]]]:
        return [
            ("a private Tor network: 3 authorities, 4 relays, 3 clients", self._bring_up_network),
            ("the relay starts, published as an onion service", self._publish_relay),
            ("two people start, each with a daemon and a tor client", self._start_daemons),
            ("an invite is made and joined: key exchange and confirmation", self._meet),
            (f"{ROUND_TRIPS} messages are sent, one after the other", self._view),
            ("the relay is killed, messages are written, the relay is started again", self._survive_relay_death),
            ("the verification words are compared", self._verify),
            ("the conversation is ended", self._end),
            ("what the relay saw, and what was written to disk", self._inspect),
        ]

    def _play(self, title: str, step: Callable[[], None]) -> None:
        began = time.monotonic()
        with self._console.status(title):
            step()
        self._console.print(f"{time.monotonic() - began:6.1f} s  {title}")

    def _bring_up_network(self) -> None:
        began = time.monotonic()
        network: Network = json.loads(self._testnet("up"))
        self._clients = network["clients"]
        self.report.figure("Tor network bootstrapped", time.monotonic() - began, "s")

    def _testnet(self, verb: str) -> bytes:
        done = subprocess.run(
            [sys.executable, "-m", "whisperd", "testnet", verb, "--dir", str(self._folder / "net"), "--json"],
            capture_output=True, timeout=120, check=False)
        if done.returncode != 0:
            raise TestnetFailed(done.stderr.decode(errors="replace").strip()[-300:] or None)
        return done.stdout

    def _publish_relay(self) -> None:
        began = time.monotonic()
        key = self._folder / "relay" / "onion.key"
        self._relay = self._daemon(
            "relay", 0, f'[relay]\nlisten = ["tcp:0:interface=127.0.0.1"]\n[onion]\nkey = "persistent"\n'
            f'key_file = "{key}"\n[peer]\nenabled = false\n',
            module="whisperd.cli.daemon.watched_relay", may_write=True)
        self._relay.start()
        self._address = self._relay.call("address", wait=60)
        self.report.figure("onion service published", time.monotonic() - began, "s")

    def _start_daemons(self) -> None:
        peer = f'[relay]\nenabled = false\n[peer]\nlinks = ["relay"]\nrelay = "{self._address["url"]}"\n'
        self._alice, self._bob = (self._daemon(name, client, peer) for client, name in enumerate(("alice", "bob"), 1))
        for person in (self._alice, self._bob):
            person.start()

    def _daemon(self, name: str, client: int, config: str, *, module: str = "whisperd",
                may_write: bool = False) -> DaemonProcess:
        sockets = self._clients[client]
        tor = TOR_SECTION.format(control=sockets["control"], socks=sockets["socks"])
        process = DaemonProcess(name, self._folder, tor + config, module=module, may_write=may_write)
        self._daemons.append(process)
        return process

    def _meet(self) -> None:
        invite = self._alice.call("chat.invite")
        self._link = invite["link"]
        self._chats = {"alice": invite["chat"]}
        began = time.monotonic()
        self._chats["bob"] = self._bob.call("chat.join", link=self._link)["chat"]
        met = self._wait_state(self._alice, "handshake", 60)
        confirmed = max(self._wait_state(person, "connected", 60)["at"] for person in (self._alice, self._bob))
        self.report.figure("both at the relay, through Tor", met["at"] - began, "s")
        self.report.figure("key confirmed on both sides", confirmed - began, "s")
        row = self._bob.call("chat.list")[0]
        self.report.figure("suite", f"{row['suite']['kex']} + {row['suite']['ratchet']}", f"({row['level']})")

    def _wait_state(self, person: DaemonProcess, state: str, timeout: float) -> Event:
        return person.wait(lambda event: event["event"] == "chat-state" and event["state"] == state, timeout,
                           f"the conversation to be {state}")

    def _view(self) -> None:
        before = len(self._relay.printed)
        times = [self._round_trip(self._alice, HUNDRED_BYTES)]
        self.report.figure("on the wire for a message of 100 bytes",
                           Watch.parse(bytes(self._relay.printed[before:])).max_size, "bytes")
        for number in range(1, ROUND_TRIPS):
            speaker = (self._alice, self._bob)[number % 2]
            times.append(self._round_trip(speaker, f"message {number} of {speaker.name}"))
        self.report.figure("round trip, median", statistics.median(times) * 1000, "ms")
        self.report.figure("round trip, worst", max(times) * 1000, "ms")

    def _round_trip(self, speaker: DaemonProcess, text: str) -> float:
        began = time.monotonic()
        delivered: float = self._wait_delivered(speaker, self._say(speaker, text), 30)["at"]
        return delivered - began

    def _say(self, speaker: DaemonProcess, text: str) -> int:
        self._sent[speaker.name].append(text)
        sent: int = speaker.call("chat.send", chat=self._chats[speaker.name], text=text)["id"]
        return sent

    def _wait_delivered(self, speaker: DaemonProcess, message: int, timeout: float) -> Event:
        def delivered(event: Event) -> bool:
            return bool(event["event"] == "message-state" and event["id"] == message and event["state"] == "delivered")

        return speaker.wait(delivered, timeout, f"message {message} to be delivered")

    def _survive_relay_death(self) -> None:
        self._relay.kill()
        waiting = [(person, self._say(person, f"{person.name} writes without a relay, {number}"))
                   for number in range(3) for person in (self._alice, self._bob)]
        began = time.monotonic()
        self._relay.start()
        again = self._relay.call("address", wait=60)
        self.report.check("the relay came back under the same address", again["address"] == self._address["address"])
        last = max(self._wait_delivered(person, message, 60)["at"] for person, message in waiting)
        self.report.figure("from the relay's restart to the last waiting message", last - began, "s")
        for reader, writer in ((self._alice, self._bob), (self._bob, self._alice)):
            arrived = [row["text"] for row in reader.call("chat.history", chat=self._chats[reader.name])
                       if row["direction"] == "in"]
            self.report.check(f"all messages from {writer.name} arrived once and in order",
                              arrived == self._sent[writer.name],
                              f"{len(arrived)} of {len(self._sent[writer.name])} messages")

    def _verify(self) -> None:
        words = [person.call("chat.verify", chat=self._chats[person.name])["words"]
                 for person in (self._alice, self._bob)]
        self.report.check("verification words are the same on both sides", words[0] == words[1],
                          f"{len(words[0])} words")

    def _end(self) -> None:
        self._bob.call("chat.end", chat=self._chats["bob"])
        for person in (self._alice, self._bob):
            self._wait_state(person, "ended", 30)
        self.report.check("one side ended the conversation, and the other was told", True)

    def _inspect(self) -> None:
        for daemon in self._daemons:
            daemon.stop()
        watch = Watch.parse(bytes(self._relay.printed))
        self.report.check("the relay saw only one room id and the sizes of frames", watch.rooms == 1, watch.summary())
        hidden = [self._link.partition("#")[2], *self._sent["alice"], *self._sent["bob"]]
        self.report.check("no frame at the relay contained a text or the invite's secret", not watch.holds(hidden))
        for daemon in self._daemons:
            self._inspect_daemon(daemon, hidden)

    def _inspect_daemon(self, daemon: DaemonProcess, hidden: list[str]) -> None:
        allowed = {"onion.key"} if daemon is self._relay else set()
        found = {name: size for name, size in daemon.files().items() if size or daemon is self._relay}
        self.report.check(f"files written to disk by {daemon.name}", {Path(name).name for name in found} == allowed,
                          ", ".join(found) or "nothing")
        log = daemon.log.decode(errors="replace")
        self.report.check(f"the log of {daemon.name} says nothing about the conversation",
                          not any(text in log for text in hidden), f"{len(log.splitlines())} lines")

    def _clear(self) -> None:
        for daemon in self._daemons:
            daemon.stop()
        if (self._folder / "net").exists():
            self._testnet("down")


def main(report_path: Path | None) -> int:
    """Rehearse; print the table, write the figures where asked; return the exit status."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)
    with tempfile.TemporaryDirectory(prefix="whisperd-demo-") as folder:
        demo = Demo(Path(folder), console)
        try:
            demo.run()
        except KeyboardInterrupt:
            raise Interrupted from None
        except WhisperdError as error:
            demo.report.check("the rehearsal ran to its end", False, error.message)
            console.print(f"{error.message}. {error.remedy}")
    demo.report.show(console)
    if report_path is not None:
        demo.report.write(report_path)
    return 0 if demo.report.held else 1
