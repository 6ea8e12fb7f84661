"""What tor needs of Twisted's reactor, stated as Protocols, and waiting by its clock.

Twisted states its contracts as zope interfaces, which no type checker follows: whatever has to be said of that to one
is said here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, Protocol, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory, ProcessProtocol
from twisted.internet.protocol import Protocol as NetworkProtocol
from twisted.python.failure import Failure

from whisperd.interfaces import ProtocolFactory
from whisperd.timers import Clock

T = TypeVar("T")
P = TypeVar("P", bound=NetworkProtocol)


class Network(Clock, Protocol):
    """A reactor that opens connections."""

    def connectTCP(self, host: str, port: int, factory: Factory, timeout: float = ..., bindAddress: object = ...,
                   /) -> object:
        """Connect to an address of digits."""

    def connectUNIX(self, address: str, factory: Factory, timeout: float = ..., checkPID: bool = ..., /) -> object:
        """Connect to a unix socket."""


class TorReactor(Network, Protocol):
    """A reactor that starts processes as well."""

    def spawnProcess(self, protocol: ProcessProtocol, executable: str, args: Sequence[str], env: Mapping[str, str],
                     /) -> object:
        """Start a process that ``protocol`` talks to."""


class StreamTransport(Protocol):
    """The connection below a protocol. [twisted.internet.interfaces.ITCPTransport]

    ``protocol`` is whose connection it is; Twisted has no other way of handing it on."""

    protocol: NetworkProtocol

    def write(self, data: bytes, /) -> None:
        """Send bytes."""

    def abortConnection(self) -> None:
        """Close it at once."""

    def setTcpNoDelay(self, enabled: bool, /) -> None:
        """Send small writes at once, or not."""

    def getPeer(self) -> object:
        """Return the address of the other end."""


class ProcessTransport(Protocol):
    """The process below a ProcessProtocol. [twisted.internet.interfaces.IProcessTransport]"""

    pid: int

    def write(self, data: bytes, /) -> None:
        """Send bytes to its standard input."""

    def closeStdin(self) -> None:
        """Close its standard input."""

    def signalProcess(self, name: str, /) -> None:
        """Send it a signal; raises ProcessExitedAlready."""


def quiet(build: Callable[[], P]) -> ProtocolFactory[P]:
    """Return a factory of what ``build`` returns that logs nothing."""
    factory = Factory.forProtocol(build)
    factory.noisy = False
    return cast("ProtocolFactory[P]", factory)


def at_most(seconds: float, waiting: Deferred[T], clock: Clock) -> Deferred[T]:
    """Return ``waiting``, which is cancelled after so many seconds and then fails with defer.TimeoutError."""
    return waiting.addTimeout(seconds, cast(IReactorTime, clock))


def sleep(seconds: float, clock: Clock) -> Deferred[None]:
    """Return a Deferred that fires after so many seconds, unless it is cancelled."""
    waiting: Deferred[None] = Deferred(lambda _: call.cancel())
    call = clock.callLater(seconds, lambda: waiting.callback(None))
    return waiting


def failure(reason: BaseException) -> Failure:
    """Return ``reason`` as a Deferred takes it."""
    return Failure(reason)


class Waiters(Generic[T]):
    """Those who wait for one thing; what is cancelled waits no more."""

    def __init__(self) -> None:
        self._waiting: list[Deferred[T]] = []

    def wait(self) -> Deferred[T]:
        """Return a Deferred that fires at the next ``tell``."""
        waiter: Deferred[T] = Deferred(self._waiting.remove)
        self._waiting.append(waiter)
        return waiter

    def tell(self, what: T) -> None:
        """Fire all that wait now."""
        waiting, self._waiting = self._waiting, []
        for waiter in list(waiting):
            if not waiter.called:
                waiter.callback(what)
