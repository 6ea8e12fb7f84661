"""Where a local service of tor listens: ``unix:/path`` or ``tcp:host:port``, with a host that needs no resolver."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Protocol, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, UNIXClientEndpoint
from twisted.internet.interfaces import IProtocol, IProtocolFactory
from twisted.internet.protocol import Protocol as NetworkProtocol

from whisperd.errors import ConfigError
from whisperd.interfaces import ProtocolFactory
from whisperd.tor.event_loop import Network, StreamTransport

P = TypeVar("P")


class Endpoint(Protocol):
    """Twisted's client endpoints. [twisted.internet.interfaces.IStreamClientEndpoint]"""

    def connect(self, factory: IProtocolFactory, /) -> Deferred[IProtocol]:
        """Return what ``factory`` built, once it is connected."""


@dataclass(frozen=True)
class LocalAddress:
    """A unix socket (``path``), or an address of digits and a port."""

    path: str = ""
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path else f"tcp:{self.host}:{self.port}"

    def connect(self, factory: ProtocolFactory[P], reactor: Network, timeout: float) -> Deferred[P]:
        """Return what ``factory`` built, once it is connected; ``timeout`` is for the connection alone, in seconds."""
        endpoint, connected = self._endpoint(reactor, timeout)
        connecting = endpoint.connect(cast(IProtocolFactory, factory))
        connecting.addCallback(connected)
        return cast("Deferred[P]", connecting)

    def _endpoint(self, reactor: Network, timeout: float) -> tuple[Endpoint, Callable[[IProtocol], IProtocol]]:
        if self.path:
            unix: Endpoint = UNIXClientEndpoint(reactor, self.path, timeout)
            return unix, lambda protocol: protocol
        kind = TCP6ClientEndpoint if ":" in self.host else TCP4ClientEndpoint
        return kind(reactor, self.host, self.port, timeout), _send_at_once


def _send_at_once(protocol: IProtocol) -> IProtocol:
    """Have small writes sent at once: with Nagle's algorithm each would wait until the one before is acknowledged,
    some 40 ms. autobahn sets the option from an attribute that its clients have not got yet, and passes over the
    error."""
    cast(StreamTransport, cast(NetworkProtocol, protocol).transport).setTcpNoDelay(True)
    return protocol


def parse(text: str) -> LocalAddress:
    """Return the address that ``text`` describes; raises ConfigError."""
    kind, _, rest = text.partition(":")
    if kind == "unix" and rest.startswith("/"):
        return LocalAddress(path=rest)
    host, _, port = rest.rpartition(":")
    if kind != "tcp" or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
        raise ConfigError(f"'{text}' is not the address of a socket",
                          remedy="Write 'unix:/path' or 'tcp:127.0.0.1:PORT'.")
    return LocalAddress(host=_digits(host, text), port=int(port))


def _digits(host: str, text: str) -> str:
    if host == "localhost":
        return "127.0.0.1"
    try:
        return str(ip_address(host.strip("[]")))
    except ValueError:
        raise ConfigError(f"'{text}' contains a host name, which whisperd would have to look up",
                          remedy="Write the host's IP address, as in 'tcp:127.0.0.1:9051'.") from None
