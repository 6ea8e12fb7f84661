"""An ordinary daemon that watches its own sockets: ``python -m tests.integration.watched_daemon --config FILE``.

It prints a line that begins with STRAY for each look-up of a name, for each connection or datagram that goes elsewhere
than to a unix socket or to a port on which this very process has listened on loopback, and for each socket in
/proc/self/net that is none of these; and a last line with the number of times that it looked.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from whisperd.cli.daemon.main import main

INTERVAL = 0.02
_LISTEN = "0A"
#: Ports on which this process has listened.
_LISTENED: set[int] = set()
_LOOPBACK = ("0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F")


def stray(*words: object) -> None:
    print("STRAY", *words, flush=True)


# -- names ------------------------------------------------------------------------------------------------------------


def forbid_names() -> None:
    for name in ("gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getfqdn"):
        setattr(socket, name, _refusing(name))
    before = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> Any:
        if not flags & socket.AI_NUMERICHOST:
            stray("getaddrinfo", host)
        return before(host, port, family, type, proto, flags | socket.AI_NUMERICHOST)

    socket.getaddrinfo = getaddrinfo


def _refusing(name: str) -> Any:
    def refuse(*given: object) -> Any:
        stray(name, *given)
        raise OSError("no name is looked up here")

    return refuse


# -- what is dialled --------------------------------------------------------------------------------------------------


def watch_dialling() -> None:
    for name in ("connect", "connect_ex", "sendto"):
        setattr(socket.socket, name, _watching(name))


def _watching(name: str) -> Any:
    def call(self: socket.socket, *given: Any) -> Any:
        address = given[-1]
        if self.family != socket.AF_UNIX and (address[0] not in ("127.0.0.1", "::1") or address[1] not in listening()):
            stray(name, address)
        return getattr(super(socket.socket, self), name)(*given)

    return call


# -- what is open -----------------------------------------------------------------------------------------------------


def rows(kind: str) -> Iterator[list[str]]:
    """Yield the rows of one table that belong to sockets of this process."""
    own = set()
    for number in os.listdir("/proc/self/fd"):
        try:
            own.add(os.readlink(f"/proc/self/fd/{number}"))
        except OSError:
            continue
    table = Path(f"/proc/self/net/{kind}")
    for line in table.read_text().splitlines()[1:] if table.exists() else ():
        words = line.split()
        if f"socket:[{words[9]}]" in own:
            yield words


def listening() -> set[int]:
    """Return the TCP ports on which this process listens."""
    return {int(words[1].rpartition(":")[2], 16) for kind in ("tcp", "tcp6") for words in rows(kind)
            if words[3] == _LISTEN}


def scan() -> None:
    # A relay that stops listens no more while its last connections are being closed.
    _LISTENED.update(listening())
    for kind in ("tcp", "tcp6"):
        for words in rows(kind):
            (local, port), (remote, far) = (end.split(":") for end in words[1:3])
            ends = {int(port, 16), int(far, 16)}
            if local not in _LOOPBACK or (words[3] != _LISTEN and (remote not in _LOOPBACK or not ends & _LISTENED)):
                stray(kind, *words[1:4])
    for kind in ("udp", "udp6", "udplite", "raw", "raw6", "icmp", "icmp6"):
        for words in rows(kind):
            stray(kind, *words[1:4])


def watch_sockets() -> None:
    from twisted.internet.task import LoopingCall

    from whisperd.daemon import Daemon

    start, stop = Daemon.start, Daemon.stop
    looked = 0

    def look() -> None:
        nonlocal looked
        looked += 1
        scan()

    looking = LoopingCall(look)

    async def started(self: Daemon) -> None:
        looking.clock = self._reactor
        looking.start(INTERVAL)
        await start(self)

    async def stopped(self: Daemon) -> None:
        look()  # while everything is still connected
        await stop(self)
        if looking.running:
            looking.stop()
            print("LOOKED", looked, flush=True)

    Daemon.start, Daemon.stop = started, stopped  # type: ignore[method-assign]


if __name__ == "__main__":
    forbid_names()
    watch_dialling()
    watch_sockets()
    main()
