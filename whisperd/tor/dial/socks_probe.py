"""Knocking at tor's SOCKS port and at the relay behind an onion address, to see whether they answer as they should."""

from __future__ import annotations

from twisted.internet import defer, error
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from whisperd.errors import DialFailed, TorUnavailable
from whisperd.interfaces import IDialer, ProtocolFactory
from whisperd.timers import Clock
from whisperd.tor.dial import endpoints
from whisperd.tor.event_loop import Network, StreamTransport, at_most, quiet

#: Where a system's tor and Tor Browser have their SOCKS ports.
USUAL_SOCKS_PORTS = ("unix:/run/tor/socks", "tcp:127.0.0.1:9050", "tcp:127.0.0.1:9150")
#: Seconds that a SOCKS port has to answer; one of a tor that hangs takes connections all the same.
SOCKS_TIMEOUT = 10.0

#: SOCKS 5, without authentication or by name and password [RFC 1928, 3].
_GREETING, _TAKEN = b"\x05\x02\x00\x02", (b"\x05\x00", b"\x05\x02")
_REQUEST = b"GET /health HTTP/1.1\r\nHost: relay\r\n\r\n"
#: What a relay answers that serves, and one that drains.
_SERVES = (b"HTTP/1.1 200 ", b"HTTP/1.1 503 ")


class _Knocking(Protocol):
    """Says one thing, and waits for so many bytes or the end."""

    transport: StreamTransport  # type: ignore[assignment]

    def __init__(self, words: bytes, size: int) -> None:
        self.answer: Deferred[bytes] = Deferred()
        self._words, self._size, self._heard = words, size, b""

    def connectionMade(self) -> None:
        if self._words:
            self.transport.write(self._words)

    def dataReceived(self, data: bytes) -> None:
        self._heard += data
        if len(self._heard) >= self._size:
            self._finish()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._finish()

    def _finish(self) -> None:
        if not self.answer.called:
            self.answer.callback(self._heard[:self._size])
        self.transport.abortConnection()


def _factory(words: bytes, size: int) -> ProtocolFactory[_Knocking]:
    return quiet(lambda: _Knocking(words, size))


async def find_socks(address: str, *, reactor: Network) -> str:
    """Return ``address`` (empty: the first usual one) if a SOCKS port answers there.

    Raises TorUnavailable, ConfigError."""
    for one in (address,) if address else USUAL_SOCKS_PORTS:
        if await _is_socks(endpoints.parse(one), reactor):
            return one
    where = f"on {address}" if address else "at any of the usual places"
    raise TorUnavailable(f"tor's SOCKS port does not answer {where}",
                         remedy="Set SocksPort in torrc and name it in tor.socks. This user must be able to open it.")


async def _is_socks(address: endpoints.LocalAddress, reactor: Network) -> bool:
    try:
        knocking = await address.connect(_factory(_GREETING, 2), reactor, SOCKS_TIMEOUT)
    except (error.ConnectError, error.TimeoutError):
        return False
    try:
        return await at_most(SOCKS_TIMEOUT, knocking.answer, reactor) in _TAKEN
    except defer.TimeoutError:
        return False
    finally:
        knocking.transport.abortConnection()


async def knock(dialer: IDialer, address: str, port: int, *, reactor: Clock, isolation: str, timeout: float) -> None:
    """Ask the relay behind an onion address for its health.

    Raises DialFailed when it is not reached, or what is reached is no relay; and as ``Dialer.connect`` does.
    """
    end = reactor.seconds() + timeout
    knocking = await dialer.connect(address, port, _factory(_REQUEST, len(_SERVES[0])), isolation=isolation,
                                    timeout=timeout)
    try:
        answer = await at_most(max(end - reactor.seconds(), 0.0), knocking.answer, reactor)
    except defer.TimeoutError:
        answer = b""
    finally:
        knocking.transport.abortConnection()
    if answer not in _SERVES:
        raise DialFailed("the onion service was reached, but no relay answers behind it", remedy=_REMEDY)


async def touch(dialer: IDialer, address: str, port: int, *, isolation: str, timeout: float) -> None:
    """Connect to an onion service and say nothing; raises as ``Dialer.connect`` does."""
    reached = await dialer.connect(address, port, _factory(b"", 1), isolation=isolation, timeout=timeout)
    reached.transport.abortConnection()


_REMEDY = ("HiddenServicePort in torrc must lead to a listener in relay.listen. That listener must begin with "
           "'haproxy:' if, and only if, torrc contains 'HiddenServiceExportCircuitID haproxy'.")
