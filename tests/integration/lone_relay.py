"""A relay alone, as its own process: ``python -m tests.integration.lone_relay [--read-only]``; ends with its input.

It prints its port. With ``--read-only`` nothing in any file system may be written to before the relay's first line of
code runs; that wants a mount namespace of its own. Logs go to standard error, all of them.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from types import SimpleNamespace

_REMOUNT, _BIND, _PRIVATE = 32, 4096, (1 << 18) | 16384
_FLAGS = {"ro": 1, "nosuid": 2, "nodev": 4, "noexec": 8, "noatime": 1024, "nodiratime": 2048, "relatime": 1 << 21}
#: Where programs leave things when they are allowed to.
TRIED = ("/", "/tmp", "/var/tmp", "/dev/shm", "/run", "/root", ".")


def forbid_writing() -> None:
    """Make every mount of this namespace read-only, and make sure of it; raises OSError or RuntimeError."""
    _mount("/", _PRIVATE)
    for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
        fields = line.split()
        place = fields[4].encode().decode("unicode_escape")
        kept = sum(_FLAGS.get(option, 0) for option in set(fields[5].split(",")) - {"ro"})
        _mount(place, _REMOUNT | _BIND | _FLAGS["ro"] | kept)
    for folder in TRIED:
        if os.path.isdir(folder) and _writable(folder):
            raise RuntimeError(f"{folder} can still be written to")


def _mount(place: str, flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(None, place.encode(), None, ctypes.c_ulong(flags), None) != 0:
        number = ctypes.get_errno()
        if os.path.exists(place):  # one that another mount hides cannot be reached, by nobody
            raise OSError(number, os.strerror(number), place)


def _writable(folder: str) -> bool:
    place = os.path.join(folder, "whisperd-was-here")
    try:
        os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    except OSError:
        return False
    os.unlink(place)
    return True


def serve() -> None:
    """Run a relay with bounds that no test comes near to, until standard input ends."""
    from whisperd import logs
    from whisperd.config import KEYS
    from whisperd.confine import process
    from whisperd.reactor import install

    process.harden()
    logs.configure(level="debug")
    logs.adopt_twisted()
    install()
    from twisted.internet import reactor, stdio
    from twisted.internet.defer import ensureDeferred
    from twisted.internet.protocol import Protocol

    from whisperd.relay.service import RelayService

    bounds = {key.name.removeprefix("relay."): key.default for key in KEYS if key.section == "relay"}
    rates = {name: 0 for name in bounds if name.endswith("_rate")}
    settings = SimpleNamespace(**{**bounds, **rates, "listen": ("tcp:0:interface=127.0.0.1",)})
    service = RelayService(settings, reactor=reactor)

    class Parent(Protocol):
        def connectionLost(self, reason: object = None) -> None:
            if reactor.running:
                reactor.stop()

    async def start() -> None:
        await service.listen()
        os.write(1, f"{service.local_port}\n".encode())

    stdio.StandardIO(Parent())
    reactor.callWhenRunning(lambda: ensureDeferred(start()))
    reactor.run()


if __name__ == "__main__":
    if "--read-only" in sys.argv:
        forbid_writing()
    serve()
