"""Daemons for a benchmark: each its own process, on loopback, gone at the end."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
DEADLINE = 20.0


@dataclass(frozen=True)
class Started:
    """A process that serves: where, and under which number."""

    pid: int
    port: int
    control: str = ""


def free_port() -> int:
    """Return a TCP port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


#: Every limit is in force, and beyond what one client of a benchmark can do.
WIDE = """max_connections = 16000
max_rooms = 8000
connection_rate = 1000000
join_rate = 1000000
frame_rate = 10000000
byte_rate = 100000000000
circuit_frame_rate = 1000000
circuit_byte_rate = 10000000000
circuit_join_rate = 100000
"""


@contextmanager
def whisperd_relay(bounds: str = WIDE) -> Iterator[Started]:
    """Run ``whisperd`` with the relay role only and without tor; ``bounds`` are lines of its section [relay]."""
    with tempfile.TemporaryDirectory(prefix="whisperd-bench-") as folder:
        port, control = free_port(), f"{folder}/control.sock"
        settings = Path(folder) / "whisperd.toml"
        settings.write_text(
            f'[control]\nsocket = "{control}"\n[log]\nlevel = "error"\n[tor]\nmode = "off"\n[peer]\nenabled = false\n'
            f'[relay]\nlisten = ["tcp:{port}:interface=127.0.0.1"]\n{bounds}'
        )
        with running([str(BIN / "whisperd"), "--config", str(settings), "run"], port) as pid:
            yield Started(pid, port, control)


@contextmanager
def autobahn_relay() -> Iterator[Started]:
    """Run the straightforward relay of ``autobahn_relay.py``."""
    port = free_port()
    with running([sys.executable, "-m", "contrib.bench.autobahn_relay", str(port)], port) as pid:
        yield Started(pid, port)


@contextmanager
def pipe() -> Iterator[Started]:
    """Run ``pipe.py``, which is no relay."""
    port = free_port()
    with running([sys.executable, "-m", "contrib.bench.pipe", str(port)], port) as pid:
        yield Started(pid, port)


@contextmanager
def running(command: list[str], port: int, **options: Any) -> Iterator[int]:
    """Run a server until the block ends; gives its process id once it listens on ``port``."""
    process = subprocess.Popen(command, **options)
    try:
        _wait_for(port, process)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(DEADLINE / 4)
        except subprocess.TimeoutExpired:  # peerjs-server waits for its clients to go
            process.kill()
            process.wait(DEADLINE)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + DEADLINE
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"{process.args!r} does not listen after {DEADLINE} s")
