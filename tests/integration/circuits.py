"""What tests share that tell the circuits apart over which people reach a relay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater

from tests.relay.kit import OURS, RawClient
from tests.tor.kit import reach
from whisperd.tor.dial.dialer import Dialer

reactor: Any = _reactor
_RAW = Factory.forProtocol(RawClient)
_RAW.noisy = False


async def dialled(dialer: Dialer, onion: str, isolation: str) -> RawClient:
    """Return a raw connection that has asked for a WebSocket; those of one ``isolation`` share a circuit."""
    client: RawClient = await reach(dialer, onion, reactor, isolation=isolation, factory=_RAW)
    client.transport.write(OURS)  # type: ignore[call-arg,union-attr]
    return client


async def until(holds: Callable[[], Any], seconds: float = 60) -> Any:
    """Return what ``holds`` returns as soon as that is true."""
    for _ in range(round(seconds * 10)):
        if found := holds():
            return found
        await deferLater(reactor, 0.1)
    raise AssertionError("it was waited for in vain")
