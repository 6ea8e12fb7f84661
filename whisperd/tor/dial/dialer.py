"""The one door out of the daemon: every outgoing connection is opened here.

Onion names go to tor's SOCKS port as names and nowhere else. Loopback addresses are dialled directly, where that is
allowed. Everything else is refused: no name is ever looked up, no clearnet address is ever dialled.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from whisperd.errors import DialFailed, DialRefused, TorUnavailable, WhisperdError
from whisperd.tor.dial import endpoints
from whisperd.tor.dial.onion_names import check_onion, is_onion, loopback_literal
from whisperd.tor.dial.socks import SocksClient


class Dialer:
    """Opens connections for the whole daemon.

    ``socks`` is where tor's SOCKS port is, ``"tcp:HOST:PORT"`` or ``"unix:/path"``, or None while there is no tor.
    ``loopback`` allows addresses of this machine; ``direct`` allows one call to reach the daemon's own relay.
    """

    def __init__(self, reactor: Any, *, loopback: bool = False) -> None:
        self.socks: str | None = None
        self._reactor = reactor
        self._loopback = loopback

    async def connect(self, host: str, port: int, factory: IProtocolFactory, *, isolation: str = "",
                      direct: bool = False, timeout: float = 60.0) -> Any:
        """Return the protocol that ``factory`` built, connected to ``host``:``port`` within ``timeout`` seconds.

        Raises DialRefused for an address that may not be dialled, TorUnavailable without a tor, and DialFailed with
        the reason.
        """
        if not 0 < port < 65_536:
            raise DialRefused(f"{port} is not a port", remedy="Copy the whole address again.")
        if is_onion(host):
            return await self._through_tor(check_onion(host), port, factory, isolation, timeout)
        address = loopback_literal(host)
        if address is None or not (self._loopback or direct):
            raise DialRefused
        place = endpoints.Place(host=address, port=port)
        return await self._within(timeout, place.endpoint(self._reactor, timeout).connect(factory),
                                  "nothing listens at this address on this machine")

    async def _through_tor(self, host: str, port: int, factory: Any, isolation: str, timeout: float) -> Any:
        if self.socks is None:
            raise TorUnavailable("there is no tor to reach an onion address through",
                                 remedy="Wait until 'whisperctl status' shows tor as up, or set tor.mode.")
        wrapper = _SocksFactory(SocksClient(host, port, isolation), factory)
        deadline = self._reactor.seconds() + timeout
        endpoint = endpoints.parse(self.socks).endpoint(self._reactor, timeout)
        proxy = await self._within(timeout, endpoint.connect(wrapper), "tor's SOCKS port does not answer")
        return await self._within(deadline - self._reactor.seconds(), proxy.reached, "tor took too long")

    async def _within(self, seconds: float, connecting: Deferred[Any], complaint: str) -> Any:
        connecting.addTimeout(max(seconds, 0.0), self._reactor)
        try:
            return await connecting
        except WhisperdError:
            raise
        except (ConnectError, ConnectionClosed, ConnectTimeout, TimeoutError) as error:
            reason = f"{complaint} ({type(error).__name__})"
            raise DialFailed(f"the relay could not be reached: {reason}") from None


class _SocksProtocol(Protocol):
    """Speaks SOCKS, then steps aside: the transport belongs to the wrapped protocol from then on."""

    transport: Any

    def __init__(self, client: SocksClient, factory: Any) -> None:
        self._client = client
        self._wrapped = factory
        self.reached: Deferred[Any] = Deferred(lambda _: self._abort())

    def connectionMade(self) -> None:
        self._write(self._client.begin())

    def dataReceived(self, data: bytes) -> None:
        try:
            answer = self._client.receive(data)
        except DialFailed as error:
            self._abort()
            self._finish(Failure(error))
            return
        self._write(answer)
        if self._client.done:
            self._step_aside()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._finish(Failure(DialFailed("tor closed the connection while it was being opened")))

    def _write(self, data: bytes) -> None:
        if data:
            self.transport.write(data)

    def _step_aside(self) -> None:
        transport = self.transport
        protocol = self._wrapped.buildProtocol(transport.getPeer())
        if protocol is None:
            self._abort()
            self._finish(Failure(DialFailed("the connection was not wanted any more when tor had opened it")))
            return
        transport.protocol = protocol
        protocol.makeConnection(transport)
        if self._client.leftover:
            protocol.dataReceived(self._client.leftover)
        self._finish(protocol)

    def _finish(self, result: Any) -> None:
        if not self.reached.called:
            self.reached.callback(result)

    def _abort(self) -> None:
        if self.transport is not None:
            self.transport.abortConnection()


class _SocksFactory(Factory):
    noisy = False

    def __init__(self, client: SocksClient, factory: Any) -> None:
        self._client = client
        self._wrapped = factory

    def buildProtocol(self, addr: Any) -> _SocksProtocol:
        return _SocksProtocol(self._client, self._wrapped)
