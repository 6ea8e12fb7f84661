"""Every abuse of a relay at once: ``python -m tests.integration.abusers PORT``, until its input ends.

Each abuse has a thread and begins again and again. At the end a line of JSON tells how often each was begun and what
went wrong here. The process is nice to the others: those who attack a relay do not share its processor.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from contrib.bench.dialects import name
from contrib.bench.websocket_client import Client
from tests.relay.kit import HANDSHAKE, OURS, frame


class Abusers:
    """The threads; ``rounds`` counts how often each abuse was begun."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._go_on, args=(abuse,), name=abuse.__name__) for abuse in (
            self.floods, self.never_reads, self.pings_and_never_reads, self.drips_a_head, self.drips_a_frame,
            self.connects_and_drops, self.joins_and_drops, self.takes_every_room, self.sends_rubbish,
            self.sends_too_large, self.sends_empty_parts, self.guesses_seats)]
        self.rounds = {thread.name: 0 for thread in self._threads}
        self.unexpected: list[str] = []

    def run(self) -> None:
        """Abuse until standard input ends."""
        for thread in self._threads:
            thread.start()
        sys.stdin.read()
        self._over.set()
        for thread in self._threads:
            thread.join(30)
        print(json.dumps({"begun": self.rounds, "unexpected": self.unexpected}))

    def _go_on(self, abuse: Callable[[], None]) -> None:
        while not self._over.is_set():
            self.rounds[abuse.__name__] += 1
            try:
                abuse()
            except (OSError, RuntimeError):  # cut off, or not let in: as it should be
                self._over.wait(0.02)
            except Exception as error:  # not the relay's fault
                self.unexpected.append(repr(error))
                return

    def _raw(self, data: bytes) -> socket.socket:
        raw = socket.create_connection(("127.0.0.1", self._port), timeout=2)
        raw.sendall(data)
        return raw

    def _seat(self, room: str) -> Client:
        client = Client(self._port)
        client.socket.settimeout(2)
        client.say(type="join", room=room, token=name())
        return client

    def floods(self) -> None:
        """Two who are seated: one writes as fast as it can, the other reads."""
        room = name()
        one, other = self._seat(room), self._seat(room)
        burst = frame(2, bytes(1_000)) * 30
        for _ in range(200):
            if self._over.is_set():
                break
            one.send(burst)
            other.socket.recv(65_536)
        one.close()
        other.close()

    def never_reads(self) -> None:
        """Two who are seated: one writes, the other never reads."""
        room = name()
        one, other = self._seat(room), self._seat(room)
        for _ in range(100):
            if self._over.is_set():
                break
            one.send(frame(2, bytes(60_000)))
        one.close()
        other.close()

    def pings_and_never_reads(self) -> None:
        with self._raw(OURS) as raw:
            for _ in range(200):
                raw.sendall(frame(9, bytes(125)) * 100)
                if self._over.is_set():
                    break

    def drips_a_head(self) -> None:
        with self._raw(b"") as raw:
            for byte in HANDSHAKE[:-2]:
                if self._over.wait(0.01):
                    break
                raw.sendall(bytes([byte]))

    def drips_a_frame(self) -> None:
        with self._raw(OURS) as raw:
            for byte in frame(2, bytes(60_000)):
                if self._over.wait(0.01):
                    break
                raw.sendall(bytes([byte]))

    def connects_and_drops(self) -> None:
        for _ in range(20):
            self._raw(b"").close()

    def joins_and_drops(self) -> None:
        client = self._seat(name())
        client.receive()
        client.close()

    def takes_every_room(self) -> None:
        holders = []
        try:
            while not self._over.is_set() and len(holders) < 300:
                holders.append(self._seat(name()))
        finally:
            for holder in holders:
                holder.close()

    def sends_rubbish(self) -> None:
        for data in (b"\x16\x03\x01", b"\0" * 500, b"GET / HTTP/9.9\r\n\r\n", OURS + frame(1, b"{"),
                     OURS + frame(1, b"\xff"), OURS + frame(3), OURS + frame(2, b"x", masked=False),
                     b"GET /" + b"a" * 9_000):
            with self._raw(data) as raw:
                raw.recv(4_096)

    def sends_too_large(self) -> None:
        with self._raw(OURS + b"\x82\xff" + (2**40).to_bytes(8, "big") + b"mask") as raw:
            while raw.recv(4_096):
                raw.sendall(bytes(50_000))

    def sends_empty_parts(self) -> None:
        with self._raw(OURS + frame(1, b"", first=0)) as raw:
            for _ in range(300):
                raw.sendall(frame(0, b"", first=0) * 1_000)
                if self._over.is_set():
                    break

    def guesses_seats(self) -> None:
        """A connection that asks for one full room after the other."""
        client = Client(self._port, None)
        client.socket.settimeout(2)
        for number in range(50):
            client.say(type="offer", sessionCode=f"CODE{number}", offer=1)
            client.receive()
        client.close()


@contextmanager
def abused(port: int) -> Iterator[dict[str, int]]:
    """Abuse the relay at this port while the block runs; gives how often each abuse was begun, filled in at its end."""
    begun: dict[str, int] = {}
    process = subprocess.Popen([sys.executable, "-m", "tests.integration.abusers", str(port)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    try:
        yield begun
    finally:
        told = json.loads(process.communicate(timeout=60)[0])
    begun.update(told["begun"])
    if told["unexpected"]:
        raise RuntimeError(f"the abusers failed: {told['unexpected']}")


if __name__ == "__main__":
    os.nice(10)
    Abusers(int(sys.argv[1])).run()
