"""Tor: having one, going out through it, and publishing onion services on it.

In: the sections ``tor`` and ``onion`` of the configuration, and where the relay listens. Out: an ITor (``make_tor``),
which tells how it stands, and a dialer that goes through it (``dial``). Beside it stand what is checked before the
start (``preflight``), what is examined where something is wrong (``doctor``), and a private network (``testnet``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whisperd.config import Config
    from whisperd.interfaces import ITor
    from whisperd.tor.dial.dialer import Dialer
    from whisperd.tor.event_loop import TorReactor


def make_tor(config: Config, *, reactor: TorReactor, dialer: Dialer, emit: Callable[..., object]) -> ITor:
    """Return the tor of the mode that ``config.tor.mode`` names: launch, attach or managed."""
    # Imports stand inside: a relay without tor loads nothing of this, and most processes need one of the two.
    if config.tor.mode == "managed":
        from whisperd.tor.managed import ManagedTor

        return ManagedTor(config, reactor=reactor, dialer=dialer, emit=emit)
    from whisperd.tor.service import TorService

    return TorService(config, reactor=reactor, dialer=dialer, emit=emit)
