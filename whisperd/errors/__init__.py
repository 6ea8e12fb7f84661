"""Every failure that a user can see, one class each.

A class has a stable ``code`` (a word on the wire, in ``--json`` output and in logs), the ``exit_status`` that
``whisperd`` and ``whisperctl`` end with, and a ``remedy``: one sentence that says what to do. The message says what
happened. ``whisperctl(1)``, EXIT STATUS, lists them all, and a test compares.
Each family stands in a file of its own; all are imported from here.
"""

from __future__ import annotations

from whisperd.errors.administration import LogDropped
from whisperd.errors.base import WhisperdError
from whisperd.errors.contacts import (
    ContactAbsent,
    ContactBlocked,
    ContactChanged,
    ContactExists,
    ContactUnconfirmed,
    ContactUnknown,
    ContactUnreadable,
    NotVerified,
)
from whisperd.errors.control import (
    AddressInUse,
    ConfigError,
    DaemonRunning,
    DaemonUnreachable,
    Interrupted,
    OutputFailed,
    PermissionRefused,
    TimedOut,
    UsageError,
)
from whisperd.errors.conversations import (
    ChannelBroken,
    ChatEnded,
    ChatNotConnected,
    ChatUnknown,
    MessageTooLarge,
    NoRelay,
    QueueFull,
    RoleDisabled,
    TooManyChats,
)
from whisperd.errors.files import (
    FileChanged,
    FileFailed,
    FileTooLarge,
    FileUnknown,
    HashMismatch,
    NoDownloads,
    TooLate,
    TooManyFiles,
)
from whisperd.errors.handshake import (
    CodeSpent,
    CodeWrong,
    ConfirmationFailed,
    FloorNotMet,
    HandshakeTampered,
    KeyExchangeRefused,
    OffersStripped,
    WrongSecret,
)
from whisperd.errors.invites import (
    CodeMalformed,
    InviteExpired,
    InviteMalformed,
    InviteTruncated,
    InviteUsed,
    InviteVersionUnknown,
    NameplatesTaken,
)
from whisperd.errors.plugins import (
    MessageRejected,
    PluginRefused,
    PluginUnknown,
)
from whisperd.errors.relay import (
    AccessFull,
    AccessUnknown,
    RelayRefused,
    RoomFull,
)
from whisperd.errors.store import (
    StateRolledBack,
    StoreAbsent,
    StoreBusy,
    StoreDamaged,
    StoreFailed,
    StoreKeyMissing,
    StoreLocked,
    StoreNotEmpty,
    StoreUnusable,
    WrongPassphrase,
)
from whisperd.errors.tor import (
    CredentialMalformed,
    CredentialRefused,
    DialFailed,
    DialRefused,
    HostnameUnusable,
    OnionKeyUnusable,
    OnionNotPublished,
    OnionTaken,
    OnionUnreachable,
    RotationRefused,
    TestnetFailed,
    TorAuthRefused,
    TorCommandFailed,
    TorControlForbidden,
    TorControlUnreachable,
    TorManaged,
    TorNotBootstrapped,
    TorNotInstalled,
    TorUnavailable,
    TransportNotInstalled,
)

__all__ = [
    "AccessFull",
    "AccessUnknown",
    "AddressInUse",
    "ChannelBroken",
    "ChatEnded",
    "ChatNotConnected",
    "ChatUnknown",
    "CodeMalformed",
    "CodeSpent",
    "CodeWrong",
    "ConfigError",
    "ConfirmationFailed",
    "ContactAbsent",
    "ContactBlocked",
    "ContactChanged",
    "ContactExists",
    "ContactUnconfirmed",
    "ContactUnknown",
    "ContactUnreadable",
    "CredentialMalformed",
    "CredentialRefused",
    "DaemonRunning",
    "DaemonUnreachable",
    "DialFailed",
    "DialRefused",
    "FileChanged",
    "FileFailed",
    "FileTooLarge",
    "FileUnknown",
    "FloorNotMet",
    "HandshakeTampered",
    "HashMismatch",
    "HostnameUnusable",
    "Interrupted",
    "InviteExpired",
    "InviteMalformed",
    "InviteTruncated",
    "InviteUsed",
    "InviteVersionUnknown",
    "KeyExchangeRefused",
    "LogDropped",
    "MessageRejected",
    "MessageTooLarge",
    "NameplatesTaken",
    "NoDownloads",
    "NoRelay",
    "NotVerified",
    "OffersStripped",
    "OnionKeyUnusable",
    "OnionNotPublished",
    "OnionTaken",
    "OnionUnreachable",
    "OutputFailed",
    "PermissionRefused",
    "PluginRefused",
    "PluginUnknown",
    "QueueFull",
    "RelayRefused",
    "RoleDisabled",
    "RoomFull",
    "RotationRefused",
    "StateRolledBack",
    "StoreAbsent",
    "StoreBusy",
    "StoreDamaged",
    "StoreFailed",
    "StoreKeyMissing",
    "StoreLocked",
    "StoreNotEmpty",
    "StoreUnusable",
    "TestnetFailed",
    "TimedOut",
    "TooLate",
    "TooManyChats",
    "TooManyFiles",
    "TorAuthRefused",
    "TorCommandFailed",
    "TorControlForbidden",
    "TorControlUnreachable",
    "TorManaged",
    "TorNotBootstrapped",
    "TorNotInstalled",
    "TorUnavailable",
    "TransportNotInstalled",
    "UsageError",
    "WhisperdError",
    "WrongPassphrase",
    "WrongSecret",
    "catalogue",
]


def catalogue() -> dict[str, type[WhisperdError]]:
    """Return every error class by its code."""
    found: list[type[WhisperdError]] = [WhisperdError]
    for error in found:  # it grows meanwhile
        found.extend(error.__subclasses__())
    return {error.code: error for error in found}
