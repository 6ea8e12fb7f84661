"""What a store has of a conversation, as values: the cores fill them in and begin again from them.

Each is a MessagePack array whose first part is the version of its form. Payloads and texts are apart from the rest,
because they are written once and the rest each time a key was used.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from whisperd.errors import StoreDamaged
from whisperd.wire.hidden import hidden

FORM = 1
#: A ticket and a stream.
Place = tuple[int, int]


class _Record(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """One value."""

    __repr__ = hidden


class ChannelRecord(_Record):
    """Of a channel; ``session`` is IRatchetSession.dump. Unacknowledged data frames have one number after the other."""

    session: bytes
    last_ticket: int
    last_sent: int
    last_received: int
    encrypted: int
    decrypted: int
    unacknowledged: list[Place]
    waiting: list[Place]


class SessionRecord(_Record):
    """Of what a handshake led to: ids, versions and levels of the suite, keys, the channel."""

    kex: tuple[str, int, int]
    ratchet: tuple[str, int, int]
    verification: bytes
    associated_data: bytes
    channel: ChannelRecord


class MessagesRecord(_Record):
    """Of the texts: which message an undelivered payload has, and which nobody has been shown yet."""

    last_id: int
    counts: dict[str, int]
    undelivered: list[tuple[int, int]]
    unread: list[int]


class TransferRecord(_Record):
    """One open file; ``place`` is the path of an outgoing one, and else the name of what is partial. ``sure`` bytes of
    it are on the disk here, with this SHA-256, or, of an outgoing one, at the other side."""

    number: int
    direction: str
    wire: int
    name: str
    size: int
    digest: bytes
    state: str
    reason: str
    limit: int
    furthest: int
    place: str
    sure: int
    sure_digest: bytes


class FilesRecord(_Record):
    """Of the files: the last numbers, those that are open, and, of a version before that recorded these, what was open
    by direction and its sender's number."""

    last: int
    last_in: int
    last_out: int
    open: list[tuple[str, int]]
    transfers: list[TransferRecord] = []


class TimerRecord(_Record):
    """Of the timer: proposals are a number and seconds; of ours, the ticket too."""

    agreed: tuple[int, int] = (0, 0)
    theirs: tuple[int, int] = (0, 0)
    ours: list[tuple[int, int, int]] = []
    honoured: list[int] = []


class ConversationRecord(_Record):
    """Of a conversation; ``invite`` has the fields of InviteKeys before the key is confirmed, and is empty then;
    ``contacts`` is what was heard last about contacts."""

    form: int
    inviter: bool
    expires: float
    invite_floor: int
    floor: int
    confirmed: bool
    verified: bool
    failures: int
    ended: str
    invite: list[bytes]
    agreed: SessionRecord | None
    chat: MessagesRecord
    files: FilesRecord
    timer: TimerRecord = msgspec.field(default_factory=TimerRecord)
    contacts: bytes = b""


class MessageRecord(_Record):
    """One text; ``at`` is when it was first recorded, in unix seconds. It disappears ``timer`` seconds after its
    delivery, or stays (0); ``disappears_at`` is when, once it was delivered."""

    direction: str
    text: str
    state: str
    at: float
    timer: int = 0
    disappears_at: float | None = None


class RelayRecord(_Record):
    """A seat: the relay as an invite names it, its access code, and the token (32)."""

    url: str
    access: str
    token: bytes


class Route(_Record):
    """How the two sides meet: the room (32) and the seats in it, the best relay first."""

    room: bytes
    relays: list[RelayRecord]


class BindingRecord(_Record):
    """Of a conversation's contact: its key, and whether words have to be compared first; the name that was offered,
    the nonces of both sides and ours that the other side certainly has, and how many secrets were agreed on."""

    contact: str
    required: bool
    name: str = ""
    ours: bytes = b""
    theirs: bytes = b""
    heard: bytes = b""
    agreed: int = 0


class ConversationSnapshot(_Record):
    """One conversation's record: the core's part, the route, and what it must not be joined by a second time."""

    conversation: ConversationRecord
    route: Route
    label: bytes
    created: float
    binding: BindingRecord


def exported(last_id: int) -> ConversationSnapshot:
    """Return what stands for a conversation of which only the history is there, because it lives elsewhere."""
    conversation = ConversationRecord(FORM, False, 0.0, 1, 1, True, False, 0, "exported", [], None,
                                    MessagesRecord(last_id, {}, [], []), FilesRecord(0, 0, 0, []))
    return ConversationSnapshot(conversation, Route(bytes(32), []), b"", 0.0, BindingRecord("", False))


_T = TypeVar("_T", bound=msgspec.Struct)
_encode = msgspec.msgpack.Encoder().encode


def encode(value: _Record) -> bytes:
    """Return the bytes of a record."""
    return _encode(value)


def decode(data: bytes, kind: type[_T]) -> _T:
    """Return the value of a record; raises StoreDamaged, as only another version could have written it so."""
    try:
        value = msgspec.msgpack.decode(data, type=kind)
    except msgspec.DecodeError:
        raise StoreDamaged("the store contains a record from another version of whisperd") from None
    if isinstance(value, ConversationSnapshot) and value.conversation.form != FORM:
        raise StoreDamaged("the store contains a conversation from another version of whisperd")
    return value
