"""A proxy between a daemon and tor's control socket that hears every command, and cuts, refuses or lets through."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.basic import LineOnlyReceiver

#: What becomes of a command: it goes on, or the connection ends before tor gets it, or when tor has answered it.
PASS, CUT_BEFORE, CUT_AFTER = "pass", "cut before", "cut after"

#: Gets a command line, the number of the connection and of the command on it (both from 1), and returns one of the
#: above, or the line that the proxy answers in tor's place.
Judge = Callable[[str, int, int], str]


def let_all_pass(line: str, connection: int, number: int) -> str:
    return PASS


class ControlProxy:
    """Listens on ``path``, connects to the control socket ``target``. ``heard`` has every command as it was sent,
    ``judge`` may be exchanged at any time, and ``edit``, which gets what tor says."""

    def __init__(self, reactor: Any, path: Path, target: Path, judge: Judge = let_all_pass) -> None:
        self.place = f"unix:{path}"
        self.judge = judge
        self.edit: Callable[[bytes], bytes] = bytes
        self.heard: list[str] = []
        self.connections = 0
        self._reactor = reactor
        self.target = target
        self._open: list[_Side] = []
        self._unnoticed: list[_Side] = []
        factory = Factory.forProtocol(lambda: _Side(self))
        factory.noisy = False
        self._port = reactor.listenUNIX(str(path), factory, mode=0o600)

    def cut(self) -> None:
        """End every connection."""
        for side in list(self._open):
            side.end()

    def cut_unnoticed(self, *, reset: bool) -> None:
        """End every connection for the daemon alone: tor's side stays open until tor says something, if ``reset``, as
        when that is answered by a machine that does not know it any more; or else until ``notice``."""
        for side in list(self._open):
            side.end_unnoticed(reset)

    def notice(self) -> None:
        """Let tor see the end of what was cut unnoticed."""
        for side in list(self._unnoticed):
            side.notice()

    async def stop(self) -> None:
        """Listen no more, and end every connection."""
        self.cut()
        self.notice()
        await self._port.stopListening()

    def verbs(self) -> set[str]:
        """Return the first words of what was heard."""
        return {line.partition(" ")[0] for line in self.heard}


class _Tor(Protocol):
    """The connection to tor: hands on what tor says, byte by byte."""

    def __init__(self, side: _Side) -> None:
        self._side = side

    def dataReceived(self, data: bytes) -> None:
        self._side.tor_said(data)

    def connectionLost(self, reason: Any = connectionDone) -> None:
        self._side.end()


class _Side(LineOnlyReceiver):
    """The connection to the daemon."""

    transport: Any
    MAX_LENGTH = 65_536

    def __init__(self, proxy: ControlProxy) -> None:
        self._proxy = proxy
        self._tor: Any = None
        self._early: list[bytes] = []
        self._commands = 0
        self._cut_at_answer = False
        self._resets: bool | None = None

    def connectionMade(self) -> None:
        self._proxy.connections += 1
        self._number = self._proxy.connections
        self._proxy._open.append(self)
        endpoint = UNIXClientEndpoint(self._proxy._reactor, str(self._proxy.target))
        factory = Factory.forProtocol(lambda: _Tor(self))
        factory.noisy = False
        endpoint.connect(factory).addCallbacks(self._reached, lambda _: self.end())

    def _reached(self, tor: Any) -> None:
        self._tor = tor
        for line in self._early:
            tor.transport.write(line)

    def lineReceived(self, line: bytes) -> None:
        self._commands += 1
        text = line.decode()
        self._proxy.heard.append(text)
        verdict = self._proxy.judge(text, self._number, self._commands)
        if verdict == CUT_BEFORE:
            self.end()
        elif verdict in (PASS, CUT_AFTER):
            self._cut_at_answer = verdict == CUT_AFTER
            self._say(line + b"\r\n")
        else:
            self.transport.write(verdict.encode() + b"\r\n")

    def _say(self, line: bytes) -> None:
        if self._tor is None:
            self._early.append(line)
        else:
            self._tor.transport.write(line)

    def tor_said(self, data: bytes) -> None:
        if self._resets is not None:
            if self._resets:
                self.notice()
        elif self._cut_at_answer and not data.startswith(b"650"):
            self.end()
        else:
            self.transport.write(self._proxy.edit(data))

    def end(self) -> None:
        if self.transport.connected:
            self.transport.abortConnection()

    def connectionLost(self, reason: Any = connectionDone) -> None:
        if self in self._proxy._open:
            self._proxy._open.remove(self)
        if self._tor is not None and self._resets is None:
            self._tor.transport.abortConnection()

    def end_unnoticed(self, reset: bool) -> None:
        self._resets = reset
        self._proxy._unnoticed.append(self)
        self.end()

    def notice(self) -> None:
        if self in self._proxy._unnoticed:
            self._proxy._unnoticed.remove(self)
        if self._tor is not None:
            self._tor.transport.abortConnection()


def plain(command: str) -> str:
    """Return a command without what differs each time: keys, addresses, cookies; of ADD_ONION the verb."""
    verb, _, rest = command.partition(" ")
    if verb in ("AUTHENTICATE", "AUTHCHALLENGE", "ADD_ONION"):
        return verb
    rest = re.sub(r"\b[a-z2-7]{56}\b", "ADDRESS", rest)
    return f"{verb} {re.sub(r'x25519:[A-Za-z0-9+/=]+', 'x25519:KEY', rest)}"
