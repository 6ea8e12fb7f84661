"""The one door out of the daemon: every outgoing connection is opened here.

Onion names go to tor's SOCKS port as names and nowhere else. Loopback addresses are dialled directly, where that is
allowed. Everything else is refused: no name is ever looked up, no clearnet address is ever dialled.
"""

from __future__ import annotations

from typing import Generic, TypeVar, cast

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.protocol import Protocol as NetworkProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from whisperd.errors import DialFailed, DialRefused, TorUnavailable, WhisperdError
from whisperd.interfaces import ProtocolFactory
from whisperd.tor.dial import endpoints
from whisperd.tor.dial.onion_names import check_onion, is_onion, loopback_literal
from whisperd.tor.dial.socks import SocksClient
from whisperd.tor.event_loop import Network, StreamTransport, at_most, failure, quiet

P = TypeVar("P")


class Dialer:
    """Opens connections for the whole daemon.

    ``socks`` is where tor's SOCKS port is, ``"tcp:HOST:PORT"`` or ``"unix:/path"``, or None while there is no tor.
    ``loopback`` allows addresses of this machine; ``direct`` allows one call to reach the daemon's own relay.
    """

    def __init__(self, reactor: Network, *, loopback: bool = False, socks: str | None = None) -> None:
        self._socks = socks
        self._reactor = reactor
        self._loopback = loopback

    @property
    def socks(self) -> str | None:
        """Where tor's SOCKS port is, None while there is no tor."""
        return self._socks

    def use(self, socks: str | None) -> None:
        """Go through this SOCKS port from now on; None: there is no tor."""
        self._socks = socks

    async def connect(self, host: str, port: int, factory: ProtocolFactory[P], *, isolation: str = "",
                      direct: bool = False, timeout: float = 60.0) -> P:
        """As ``IDialer.connect``."""
        if not 0 < port < 65_536:
            raise DialRefused(f"{port} is not a port number", remedy="Copy the whole address again.")
        if is_onion(host):
            return await self._through_tor(check_onion(host), port, factory, isolation, timeout)
        address = loopback_literal(host)
        if address is None or not (self._loopback or direct):
            raise DialRefused
        there = endpoints.LocalAddress(host=address, port=port)
        return await self._within(timeout, there.connect(factory, self._reactor, timeout),
                                  "nothing listens at this address on this machine")

    async def _through_tor(self, host: str, port: int, factory: ProtocolFactory[P], isolation: str,
                           timeout: float) -> P:
        if self._socks is None:
            raise TorUnavailable("there is no tor to reach an onion address through",
                                 remedy="Wait until 'whisperctl status' shows that tor is up, or set tor.mode.")
        wrapper = quiet(lambda: _SocksProtocol(SocksClient(host, port, isolation), factory))
        deadline = self._reactor.seconds() + timeout
        connecting = endpoints.parse(self._socks).connect(wrapper, self._reactor, timeout)
        proxy = await self._within(timeout, connecting, "tor's SOCKS port does not answer")
        return await self._within(deadline - self._reactor.seconds(), proxy.reached, "tor did not answer in time")

    async def _within(self, seconds: float, connecting: Deferred[P], complaint: str) -> P:
        at_most(max(seconds, 0.0), connecting, self._reactor)
        try:
            return await connecting
        except WhisperdError:
            raise
        except (ConnectError, ConnectionClosed, ConnectTimeout, TimeoutError) as error:
            reason = f"{complaint} ({type(error).__name__})"
            raise DialFailed(f"the relay could not be reached: {reason}") from None


class _SocksProtocol(NetworkProtocol, Generic[P]):
    """Speaks SOCKS, then steps aside: the transport belongs to the wrapped protocol from then on."""

    transport: StreamTransport | None  # type: ignore[assignment]

    def __init__(self, client: SocksClient, factory: ProtocolFactory[P]) -> None:
        self._client = client
        self._wrapped = factory
        self.reached: Deferred[P] = Deferred(lambda _: self._abort())

    def connectionMade(self) -> None:
        self._write(self._client.begin())

    def dataReceived(self, data: bytes) -> None:
        try:
            answer = self._client.receive(data)
        except DialFailed as error:
            self._abort()
            self._finish(failure(error))
            return
        self._write(answer)
        if self._client.done and self.transport is not None:
            self._step_aside(self.transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._finish(failure(DialFailed("tor closed the connection while it was being opened")))

    def _write(self, data: bytes) -> None:
        if data and self.transport is not None:
            self.transport.write(data)

    def _step_aside(self, transport: StreamTransport) -> None:
        built = self._wrapped.buildProtocol(transport.getPeer())
        if built is None:
            self._abort()
            self._finish(failure(DialFailed("the connection was no longer needed when tor had opened it")))
            return
        protocol = cast(NetworkProtocol, built)
        transport.protocol = protocol
        protocol.makeConnection(transport)
        if self._client.leftover:
            protocol.dataReceived(self._client.leftover)
        self._finish(built)

    def _finish(self, result: P | Failure) -> None:
        if not self.reached.called:
            self.reached.callback(result)

    def _abort(self) -> None:
        if self.transport is not None:
            self.transport.abortConnection()
