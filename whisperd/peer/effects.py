"""What a conversation wants done: the cores return these, the edge carries them out in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from whisperd.peer.secrets import SessionKeys
from whisperd.wire.envelope import Offer


@dataclass(frozen=True)
class SendFrame:
    """Hand one binary frame to the link."""

    frame: bytes = field(repr=False)


@dataclass(frozen=True)
class Emit:
    """Tell the user: an event of ``control.events`` with its fields."""

    name: str
    fields: dict[str, str | int]


@dataclass(frozen=True)
class Rejoin:
    """Leave the room, and take a seat again after ``delay`` seconds."""

    delay: float


@dataclass(frozen=True)
class Confirmed:
    """The key of this conversation is confirmed: its invite has been used."""


@dataclass(frozen=True)
class Ended:
    """The conversation is over and its keys are destroyed; leave the room for good."""


Effect = SendFrame | Emit | Rejoin | Confirmed | Ended


@dataclass(frozen=True)
class Established:
    """A handshake has come to a key; ``session`` is an IRatchetSession."""

    session: Any = field(repr=False)
    keys: SessionKeys = field(repr=False)
    kex: Offer
    ratchet: Offer
