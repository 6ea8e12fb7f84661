"""What tor is asked to publish, and the ways of asking it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from whisperd.tor.control.control_port import TorControl
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


@dataclass(frozen=True)
class Ports:
    """Where the relay listens on 127.0.0.1: ``plain``, and ``circuits`` for connections that name their circuit in the
    PROXY protocol (0: nowhere)."""

    plain: int
    circuits: int = 0


class PublicationMethod(Protocol):
    """A method of having a tor publish onion services."""

    @property
    def tells_circuits(self) -> bool:
        """Whether tor names circuits when it is asked in this way."""

    def lost(self, published: set[str], held: set[str]) -> bool:
        """Return whether tor has lost some of the addresses that it ``published``: it says that it holds ``held``
        for the control connection."""

    async def publish(self, control: TorControl, offer: Publication) -> None:
        """Have it published; raises TorCommandFailed, OnionTaken, TorControlUnreachable."""

    async def remove(self, control: TorControl, address: str, timeout: float) -> None:
        """Have it published no more; raises as ``publish``."""
