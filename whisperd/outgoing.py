"""What the rest of the daemon asks of tor: outgoing connections, and onion services of single conversations.

Protocols only: ``whisperd.tor`` has what they describe, and tests have doubles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

Built = TypeVar("Built")
_Built = TypeVar("_Built", covariant=True)


class ProtocolFactory(Protocol[_Built]):
    """Builds the protocol of a connection. [twisted.internet.interfaces.IProtocolFactory]"""

    def buildProtocol(self, addr: object, /) -> _Built | None:
        """Return a protocol that is not connected yet; None: the connection is not wanted."""


class Dials(Protocol):
    """What opens connections."""

    async def connect(self, host: str, port: int, factory: ProtocolFactory[Built], *, isolation: str = "",
                      direct: bool = False, timeout: float = 60.0) -> Built:
        """Return the protocol that ``factory`` built, connected to ``host``:``port`` within ``timeout`` seconds.

        Requests with different words of ``isolation`` never share a circuit; ``direct`` allows an address of this
        machine. Raises DialRefused for an address that may not be dialled, TorUnavailable without a tor, and
        DialFailed with the reason."""
        raise NotImplementedError


class OnionService(Protocol):
    """The onion service of one conversation."""

    @property
    def address(self) -> str:
        """Its onion name."""

    async def close(self) -> None:
        """Withdraw it for good."""


class OnionServices(Protocol):
    """What publishes onion services of single conversations, and holds the credentials for those of other sides."""

    def open(self, inside: int, client: bytes, told: Callable[[str], None], /) -> OnionService:
        """Publish what listens on 127.0.0.1:``inside`` for the holder of the key that belongs to ``client`` (32 bytes).

        ``told`` hears each change: publishing, up, lost (until there is a tor again) or refused by this tor."""

    async def admit(self, address: str, secret: bytes, /) -> None:
        """Let this daemon reach ``address`` by the x25519 key ``secret`` (32 bytes).

        Raises DialRefused or TorCommandFailed."""

    async def forget(self, address: str, /) -> None:
        """Reach ``address`` no more; nothing happens when it was not admitted."""
