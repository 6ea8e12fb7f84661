"""Where a local service of tor listens: ``unix:/path`` or ``tcp:host:port``, with a host that needs no resolver."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, UNIXClientEndpoint
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from zope.interface import implementer

from whisperd.errors import ConfigError


@dataclass(frozen=True)
class Place:
    """A unix socket (``path``), or an address of digits and a port."""

    path: str = ""
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path else f"tcp:{self.host}:{self.port}"

    def endpoint(self, reactor: Any, timeout: float) -> Any:
        """Return the Twisted client endpoint; ``timeout`` is for the connection alone, in seconds."""
        if self.path:
            return UNIXClientEndpoint(reactor, self.path, timeout)
        kind = TCP6ClientEndpoint if ":" in self.host else TCP4ClientEndpoint
        return _AtOnce(kind(reactor, self.host, self.port, timeout))


@implementer(IStreamClientEndpoint)
class _AtOnce:
    """A TCP endpoint whose connections send small writes at once: with Nagle's algorithm each would wait until the one
    before is acknowledged, some 40 ms. autobahn sets the option from an attribute that its clients have not got yet,
    and passes over the error."""

    def __init__(self, endpoint: TCP4ClientEndpoint | TCP6ClientEndpoint) -> None:
        self._endpoint = endpoint

    def connect(self, factory: IProtocolFactory) -> Deferred[Any]:
        """Return what ``factory`` built, once it is connected; nothing that it wrote has been sent before."""
        return self._endpoint.connect(factory).addCallback(_send_at_once)


def _send_at_once(protocol: Any) -> Any:
    protocol.transport.setTcpNoDelay(True)
    return protocol


def parse(text: str) -> Place:
    """Return the place that ``text`` describes; raises ConfigError."""
    kind, _, rest = text.partition(":")
    if kind == "unix" and rest.startswith("/"):
        return Place(path=rest)
    host, _, port = rest.rpartition(":")
    if kind != "tcp" or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
        raise ConfigError(f"'{text}' is not a place", remedy="Write 'unix:/path' or 'tcp:127.0.0.1:PORT'.")
    return Place(host=_digits(host, text), port=int(port))


def _digits(host: str, text: str) -> str:
    if host == "localhost":
        return "127.0.0.1"
    try:
        return str(ip_address(host.strip("[]")))
    except ValueError:
        raise ConfigError(f"'{text}' names a host that would have to be looked up",
                          remedy="Give the host's address in digits, as in 'tcp:127.0.0.1:9051'.") from None
