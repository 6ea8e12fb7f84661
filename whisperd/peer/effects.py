"""What a conversation wants done: the cores return these, the edge carries them out in order."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class SendFrame:
    """Hand one binary frame to the link; a ``reply`` goes where the frame came from that it answers."""

    frame: bytes = field(repr=False)
    reply: bool = False


@dataclass(frozen=True)
class Emit:
    """Tell the user: an event of ``control.events`` with its fields."""

    name: str
    fields: dict[str, str | int | float | None]


@dataclass(frozen=True)
class Rejoin:
    """Leave the room, and take a seat again after ``delay`` seconds."""

    delay: float


@dataclass(frozen=True)
class Confirmed:
    """The key of this conversation is confirmed: its invite has been used. ``verification`` is what the next secret of
    a contact is made of, which the conversation may have destroyed when this is carried out."""

    verification: bytes = field(repr=False)


@dataclass(frozen=True)
class Settled:
    """The other side was heard in the channel for the first time."""


@dataclass(frozen=True)
class ContactMessageReceived:
    """The other side said something about contacts. [whisperd-protocol(7), CONTACTS] ``verification`` is what the
    secret of a contact is made of, which the conversation may have destroyed when this is carried out."""

    payload: bytes = field(repr=False)
    verification: bytes = field(repr=False)


@dataclass(frozen=True)
class Ended:
    """The conversation is over and its keys are destroyed; leave the room for good."""


@dataclass(frozen=True)
class Heard:
    """The frame that came in is the other side's; ``greeting`` says that it began to use the link that it came over."""

    greeting: bool


@dataclass(frozen=True)
class ToldOfLinks:
    """The other side said something of its links. [whisperd-protocol(7), PATHS]"""

    payload: bytes = field(repr=False)


@dataclass(frozen=True)
class ContactMessageAcknowledged:
    """The other side has all that was said to it about contacts."""


@dataclass(frozen=True)
class ReadFile:
    """Read ``size`` bytes of the outgoing file ``number``, from ``offset`` on, and hand them back."""

    number: int
    offset: int
    size: int


@dataclass(frozen=True)
class WriteFile:
    """Append to the incoming file ``number``, and tell how far it is written."""

    number: int
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class FinishFile:
    """All of the incoming file ``number`` is written: compare its SHA-256, and give it its name."""

    number: int
    name: str = field(repr=False)
    digest: bytes = field(repr=False)


@dataclass(frozen=True)
class DropFile:
    """Close the file ``number``; what was written of an incoming one that is not ``done`` is removed."""

    number: int
    done: bool = False


DiskEffect = ReadFile | WriteFile | FinishFile | DropFile
Effect = (SendFrame | Emit | Rejoin | Confirmed | Settled | ContactMessageReceived | ContactMessageAcknowledged | Ended
          | Heard | ToldOfLinks | DiskEffect)


@dataclass(frozen=True)
class Post:
    """Send a payload on the stream of files; it carries the bytes from ``start`` to ``end`` of the file ``number``."""

    payload: bytes = field(repr=False)
    number: int = 0
    start: int = 0
    end: int = 0

