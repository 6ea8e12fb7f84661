"""What the methods of conversations and contacts return. [whisperd-protocol(7), CONTROL RESULTS]"""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, UnsetType

from whisperd.wire.hidden import hidden
from whisperd.wire.results import Always, Bytes, ControlResult, Number, Seconds, said

Direction = Annotated[str, said('"in" or "out"')]


# -- conversations ----------------------------------------------------------------------------------------------------


class Invited(ControlResult, frozen=True, kw_only=True):
    """A new conversation and what somebody needs to join it: a link, or a spoken code and where to meet."""

    chat: str
    link: Annotated[str | UnsetType, said("unless a code was asked for")] = UNSET
    code: Annotated[str | UnsetType, said("if it was asked for")] = UNSET
    relay: Annotated[str | UnsetType, said("beside a code")] = UNSET
    expires_at: Annotated[int, said("unix seconds")]

    __repr__ = hidden


class ChatState(ControlResult, frozen=True, kw_only=True):
    """A conversation and its state."""

    chat: str
    state: str


class ChatFound(ControlResult, frozen=True, kw_only=True):
    """Which conversation was meant."""

    chat: Annotated[str, said("its id")]
    state: str
    contact: Annotated[str | None, said("name or null")]


class SuiteNames(ControlResult, frozen=True, kw_only=True):
    """The plug-ins of a conversation, None before its key is confirmed."""

    kex: str | None
    ratchet: str | None


class TimerState(ControlResult, frozen=True, kw_only=True):
    """The timer of a conversation."""

    seconds: Annotated[int, said("in force, 0 if messages stay")]
    proposed: Annotated[int | None, said("seconds or null")]
    by: Annotated[str | None, said('"us", "them" or null')]


class ChatTimer(ControlResult, frozen=True, kw_only=True):
    """The timer of the conversation that is named."""

    chat: str
    seconds: Annotated[int, said("in force, 0 if messages stay")]
    proposed: Annotated[int | None, said("seconds or null")]
    by: Annotated[str | None, said('"us", "them" or null')]


class ChatRow(ControlResult, frozen=True, kw_only=True):
    """A conversation in a list."""

    chat: str
    role: Annotated[str, said('"inviter" or "joiner"')]
    state: str
    reason: str
    level: str | None
    suite: SuiteNames
    verified: bool
    queued: int
    sent: int
    delivered: int
    received: int
    timer: TimerState
    contact: Annotated[str | None, said("name or null")]
    require_verify: bool
    link: str | None
    direct: str
    trouble: Annotated[str | None, said("code or null")]
    created_age: int


class MessageAccepted(ControlResult, frozen=True, kw_only=True):
    """A message that was accepted for sending."""

    chat: str
    id: int
    state: str


class MessageRow(ControlResult, frozen=True, kw_only=True):
    """A message of a conversation."""

    id: int
    direction: Direction
    text: str
    state: str
    timer: Seconds
    unread: bool

    __repr__ = hidden


class Read(ControlResult, frozen=True, kw_only=True):
    """Messages were marked as read."""

    chat: str
    unread: Annotated[int, said("number of messages that are still unread")]


class FileRow(ControlResult, frozen=True, kw_only=True):
    """A file that was offered, and how far it is."""

    chat: str
    file: str
    direction: Direction
    filename: str
    size: Bytes
    state: str
    reason: str
    moved: Bytes
    rate: Annotated[int, said("bytes per second")]
    remaining: Annotated[Number | None, said("seconds or null")]

    __repr__ = hidden


class Cancelled(ControlResult, frozen=True, kw_only=True):
    """A file was given up, or a message taken back."""

    chat: str
    id: str
    state: Annotated[str, said('"cancelled"')]


class Verification(ControlResult, frozen=True, kw_only=True):
    """What two people compare."""

    chat: str
    words: Annotated[list[str], said("[six words]")]
    number: str
    verified: bool
    level: str | None
    contact: Annotated[str | None, said("name or null")]
    require_verify: bool

    __repr__ = hidden


# -- contacts ---------------------------------------------------------------------------------------------------------


class ContactSaved(ControlResult, frozen=True, kw_only=True):
    """A contact was saved, or the other side was asked."""

    contact: str
    chat: str
    state: Annotated[str, said('"offered" or "saved"')]


class ContactRow(ControlResult, frozen=True, kw_only=True):
    """A contact, or an offer to exchange contacts that is not answered yet."""

    contact: Annotated[str | None, said("name or null")]
    relays: list[str]
    level: Annotated[str | None, said("minimum level of calls, or null")]
    verified: bool
    listens: bool
    state: Annotated[str, said('"saved", "listening", "here", "blocked", "offered", "unconfirmed", "asked" or the '
                                'state of "chat"')]
    chat: Annotated[str | None, said("conversation or null")]


class ContactRemoved(ControlResult, frozen=True, kw_only=True):
    """A contact was removed, or an offer taken back."""

    contact: str
    removed: Always


class ContactRenamed(ControlResult, frozen=True, kw_only=True):
    """A contact by its new name."""

    contact: str


class ContactListens(ControlResult, frozen=True, kw_only=True):
    """Whether the daemon waits for a contact's calls."""

    contact: str
    listens: bool


class ContactBlocking(ControlResult, frozen=True, kw_only=True):
    """Whether a contact is blocked now."""

    contact: str
    blocked: bool
