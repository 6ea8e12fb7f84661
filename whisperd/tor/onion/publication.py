"""What tor is asked to publish, and the ways of asking it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from whisperd.tor.control.connection import TorControlConnection
from whisperd.tor.onion.key import OnionKey


@dataclass(frozen=True)
class Publication:
    """An onion service: connections to port ``outside`` of its address go to 127.0.0.1:``inside``.

    With ``clients`` (public keys in base32) nobody else finds it. A circuit that opens more than ``max_streams``
    connections at a time is closed (0: any number). ``pow`` has clients prove work when it is flooded. ``circuits``:
    each connection begins with a line that names its circuit, in the PROXY protocol; for a way that can do so.
    """

    key: OnionKey
    outside: int
    inside: int
    clients: Sequence[str] = ()
    max_streams: int = 0
    pow: bool = False
    circuits: bool = False


class Way(Protocol):
    """One way of having a tor publish onion services."""

    #: Whether tor names circuits when it is asked in this way.
    tells_circuits: bool

    async def publish(self, control: TorControlConnection, offer: Publication) -> None:
        """Have it published; raises TorCommandFailed, OnionTaken, TorControlUnreachable."""

    async def remove(self, control: TorControlConnection, address: str, timeout: float) -> None:
        """Have it published no more; raises as ``publish``."""
