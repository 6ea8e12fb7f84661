"""A turn of a conversation, a message there and its answer back, beside two frames of plain clients at the same relay.

Two daemons of peers, and a relay that they reach over TCP on loopback: what a turn takes is the daemons' own work, and
whatever anything on the way waits for.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from contrib.bench.daemons import Started, whisperd_relay
from contrib.bench.dialects import Meeting, Whisperd
from contrib.bench.harness import Round, Row, interleave
from whisperd.control.client import Client
from whisperd.demo.daemon_process import DaemonProcess

TURNS, ROUNDS = 40, 9
PATIENCE = 60.0
#: Turns of plain frames that a turn of daemons may take; a wait for one acknowledgement, 40 ms, would be beyond it.
TARGET = 300.0
_TEXT = "what one person says to another in one line"


class Person:
    """One side: its control connection, which hears the events too, and its conversation."""

    def __init__(self, daemon: DaemonProcess) -> None:
        self.client = Client(daemon.socket)
        self.client.subscribe()
        self.chat = ""

    def say(self) -> None:
        self.client.call("chat.send", {"chat": self.chat, "text": _TEXT})

    def hear(self) -> None:
        """Wait for the next message."""
        self._until(lambda event: event["event"] == "chat-message" and event["direction"] == "in")

    def connected(self) -> None:
        self._until(lambda event: event["event"] == "chat-state" and event["state"] == "connected")

    def _until(self, matches: Callable[[dict[str, Any]], bool]) -> None:
        while not matches(self.client.next_event(PATIENCE)):
            pass


@contextmanager
def conversation(relay: Started) -> Iterator[tuple[Person, Person]]:
    """Anna has invited Ben, and both are connected."""
    config = (f'[tor]\nmode = "off"\n[relay]\nenabled = false\n[peer]\nloopback = true\n'
              f'relay = "http://127.0.0.1:{relay.port}"\n')
    with tempfile.TemporaryDirectory(prefix="whisperd-bench-") as folder:
        daemons = [DaemonProcess(name, Path(folder), config) for name in ("anna", "ben")]
        try:
            for daemon in daemons:
                daemon.start()
            anna, ben = map(Person, daemons)
            invited = anna.client.call("chat.invite")
            anna.chat = invited["chat"]
            ben.chat = ben.client.call("chat.join", {"link": invited["link"]}, timeout=PATIENCE)["chat"]
            anna.connected()
            ben.connected()
            yield anna, ben
        finally:
            for daemon in daemons:
                daemon.stop()


def spoken(anna: Person, ben: Person) -> Round:
    """Return a round of turns between two people; milliseconds a turn."""

    def run() -> float:
        begin = time.perf_counter()
        for _ in range(TURNS):
            anna.say()
            ben.hear()
            ben.say()
            anna.hear()
        return (time.perf_counter() - begin) / TURNS * 1000

    return run


def plain(relay: Started, meet: Meeting) -> Round:
    """Return a round of as many turns between two plain clients; milliseconds a turn."""
    pair = meet(relay.port)
    messages = [pair.message(sender, 300) for sender in (0, 1)]

    def run() -> float:
        begin = time.perf_counter()
        for _ in range(TURNS):
            for sender in (0, 1):
                pair.carry(sender, messages[sender])
        return (time.perf_counter() - begin) / TURNS * 1000

    return run


def measure() -> list[Row]:
    """Measure both in turns."""
    with whisperd_relay() as relay, conversation(relay) as (anna, ben):
        found = interleave({"spoken": spoken(anna, ben), "plain": plain(relay, Whisperd)}, ROUNDS)
    return [Row("a turn of a conversation, TCP on loopback", "ms", found["spoken"], "plain clients, same relay",
                found["plain"], target=TARGET)]
