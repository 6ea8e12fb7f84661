"""Processor time that the relay spends on one relayed message, beside a relay written straight onto autobahn."""

from __future__ import annotations

from contrib.bench.daemons import Started, autobahn_relay, whisperd_relay
from contrib.bench.harness import Round, Row, cpu_microseconds, interleave
from contrib.bench.websocket_client import frame, pair

AGAINST = "plain autobahn relay"
MESSAGES = 1920
ROUNDS = 9
#: (bytes of a message, messages under way at a time)
LOADS = ((300, 1), (300, 32), (3000, 1))


def ping_pong(relay: Started, size: int, flight: int) -> Round:
    """Return a round in which two clients throw ``flight`` messages back and forth; CPU µs of the relay a message."""
    clients = pair(relay.port)
    burst = frame(bytes(size)) * flight

    def run() -> float:
        before = cpu_microseconds(relay.pid)
        for number in range(MESSAGES // flight):
            sender, receiver = clients[number % 2], clients[1 - number % 2]
            sender.send(burst)
            for _ in range(flight):
                receiver.receive()
        return (cpu_microseconds(relay.pid) - before) / MESSAGES

    return run


def measure() -> list[Row]:
    """Load both relays in turns."""
    rows = []
    with whisperd_relay() as ours, autobahn_relay() as plain:
        for size, flight in LOADS:
            found = interleave({"ours": ping_pong(ours, size, flight), "plain": ping_pong(plain, size, flight)}, ROUNDS)
            name = f"relay, a message of {size} bytes, {flight} in flight"
            rows.append(Row(name, "CPU µs", found["ours"], AGAINST, found["plain"], target=1.0))
    return rows
