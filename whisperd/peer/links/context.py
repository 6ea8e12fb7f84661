"""What every link is made with: the reactor, the dialer, randomness, and how long things may take."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import Protocol

from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Factory

from whisperd.interfaces import IDialer, Random
from whisperd.timers import Clock


@dataclass(frozen=True)
class LinkTiming:
    """How long things may take, in seconds."""

    #: The pauses between two attempts to connect: the first, and the maximum.
    first_pause: float = 0.5
    max_pause: float = 30.0
    #: How long a connection has to live for the next attempt to count as the first.
    steady: float = 30.0
    #: What tor has for a connection: at the first attempt, and at most when attempts fail.
    first_dial: float = 20.0
    max_dial: float = 60.0
    #: After which a relay is asked again that did not let this side in, and the maximum that one may ask for.
    refused_pause: float = 30.0
    max_retry: float = 300.0
    #: What a relay has to give a seat, and to answer a goodbye.
    seat: float = 30.0
    close: float = 5.0
    #: Between two pings; a connection on which two of them were not answered is dead.
    ping: float = 30.0
    #: What a connection has to show that it lives, after the machine has slept.
    wake: float = 10.0
    #: In which an authentic frame has to come over a new stream.
    proof: float = 30.0


class ListeningPort(Protocol):
    """A port that is listened on. [twisted.internet.interfaces.IListeningPort]"""

    def getHost(self) -> IPv4Address:
        """Return its address."""

    def stopListening(self) -> Awaitable[object]:
        """Close it, and return what fires when it is closed."""


class LinkStream(Protocol):
    """The connection below a protocol. [twisted.internet.interfaces.ITCPTransport]"""

    def write(self, data: bytes, /) -> None:
        """Send bytes."""

    def writeSequence(self, data: Iterable[bytes], /) -> None:
        """Send several pieces of bytes, one after the other."""

    def setTcpNoDelay(self, enabled: bool, /) -> None:
        """Send small writes at once, or not."""

    def loseConnection(self) -> None:
        """Close it, after what was written."""

    def abortConnection(self) -> None:
        """Close it at once."""


class LinkReactor(Clock, Protocol):
    """A reactor that tells time and listens on this machine."""

    def listenTCP(self, port: int, factory: Factory, backlog: int = ..., interface: str = ...) -> ListeningPort:
        """Listen on ``interface``; port 0 is any that is free."""


@dataclass(frozen=True)
class LinkContext:
    """What the links of one daemon have in common."""

    reactor: LinkReactor
    dialer: IDialer
    random: Random
    timing: LinkTiming = LinkTiming()
