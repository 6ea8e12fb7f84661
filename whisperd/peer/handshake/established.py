"""What a handshake comes to."""

from __future__ import annotations

from dataclasses import dataclass, field

from whisperd.peer.handshake.keys import SessionKeys
from whisperd.peer.handshake.plugins import RatchetSession
from whisperd.wire.envelope import SuiteOffer


@dataclass(frozen=True)
class Established:
    """A session, its keys, and the suite that both sides chose."""

    session: RatchetSession = field(repr=False)
    keys: SessionKeys = field(repr=False)
    kex: SuiteOffer
    ratchet: SuiteOffer
