"""What the methods of the control socket return, a class for each kind. [whisperd-protocol(7), CONTROL RESULTS]

The daemon makes these and encodes them; ``whisperctl`` compares what it gets with them; the manual's table and the
tests read their fields. A field that is not in every answer is UNSET where it is left out. Whoever decodes takes no
notice of fields that are not here, which a later daemon may send. Conversations and contacts are in ``chat_results``.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from whisperd.wire.hidden import hidden

#: Seconds, or a number a second, with a fraction where it has one: an int stays an int in JSON.
Number = int | float
#: A value of a configuration key.
KeyValue = bool | int | str | tuple[str, ...]


def said(text: str) -> msgspec.Meta:
    """Return what the manual says of a field."""
    return msgspec.Meta(description=text)


Seconds = Annotated[int, said("seconds")]
Bytes = Annotated[int, said("bytes")]
Always = Annotated[bool, said("true")]
Never = Annotated[bool, said("false")]


class ControlResult(msgspec.Struct, frozen=True, kw_only=True):
    """What all answers have in common: nothing can be changed, and fields are given by name."""


class Trouble(ControlResult, frozen=True, kw_only=True):
    """An error, as it stands in a status."""

    code: str
    message: str
    remedy: str


# -- the daemon -------------------------------------------------------------------------------------------------------


class RolesServed(ControlResult, frozen=True, kw_only=True):
    """Which roles the daemon serves."""

    relay: bool
    peer: bool


class LimitHit(ControlResult, frozen=True, kw_only=True):
    """A limit of the relay that has refused or slowed down somebody."""

    limit: str
    scope: str
    refused: int
    slowed: int


class RelayStatus(ControlResult, frozen=True, kw_only=True):
    """How the relay stands."""

    rooms: int
    waiting: int
    paired: int
    connections: int
    listeners: list[str]
    refused: Annotated[dict[str, int], said("{code: number}")]
    max_connections: int
    max_rooms: int
    draining: bool
    access: Annotated[str, said('"open" or "code"')]
    limits_hit: list[LimitHit]


class RetiringOnion(ControlResult, frozen=True, kw_only=True):
    """The onion address before a rotation, while it still answers."""

    address: str
    state: str
    seconds: Annotated[int, said("until it no longer answers")]


class OnionStatus(ControlResult, frozen=True, kw_only=True):
    """How the onion service stands; what a managed tor does not tell is None."""

    state: str
    address: str | None
    published_age: int | None
    private: bool | None
    pow: bool | None
    circuits: bool | None
    retiring: RetiringOnion | None
    reached_age: Annotated[int | None, said("since it was last reached, or null")]
    wanted: Annotated[bool, said("whether one is to be published")]
    probe_interval: Seconds


class TorStatus(ControlResult, frozen=True, kw_only=True):
    """How tor stands."""

    mode: str
    state: str
    percent: int
    summary: str
    version: str | None
    error: Trouble | None
    onion: OnionStatus


class PeerStatus(ControlResult, frozen=True, kw_only=True):
    """How many conversations there are, how many of them are connected, and for how many contacts the peer listens."""

    chats: int
    connected: int
    listens: int


class Argon2(ControlResult, frozen=True, kw_only=True):
    """What one guess at a passphrase costs."""

    memory: Annotated[int, said("MiB")]
    passes: int
    lanes: int


class StoreStatus(ControlResult, frozen=True, kw_only=True):
    """How the store stands; a store in memory has its kind and its state only."""

    kind: Annotated[str, said('"memory" or "sealed"')]
    state: Annotated[str, said('"new", "locked" or "open"')]
    trouble: Trouble | UnsetType | None = UNSET
    file: str | UnsetType = UNSET
    size: Annotated[int | UnsetType, said("bytes")] = UNSET
    records: Annotated[int | UnsetType, said("0 while locked")] = UNSET
    unlock: str | UnsetType = UNSET
    argon2: Argon2 | UnsetType = UNSET
    history: bool | UnsetType = UNSET
    history_days: int | UnsetType = UNSET


class ConfinementStatus(ControlResult, frozen=True, kw_only=True):
    """What the process has taken away from itself, and what the kernel says of it."""

    sandbox: str
    landlock: Annotated[int, said("the kernel's ABI, 0 where it is not in force")]
    seccomp: list[str]
    why: str
    remedy: str
    writable: list[str]
    programs: list[str]
    no_new_privileges: bool
    no_core_dump: bool
    no_tracing: bool


class DaemonStatus(ControlResult, frozen=True, kw_only=True):
    """The whole daemon."""

    version: str
    pid: int
    uptime: Annotated[Number, said("seconds")]
    roles: RolesServed
    relay: RelayStatus | None
    tor: TorStatus
    peer: PeerStatus | None
    store: StoreStatus
    confinement: ConfinementStatus
    opt_in: Annotated[list[str], said("[key, ...]")]
    socket: str


class Stopping(ControlResult, frozen=True, kw_only=True):
    """The daemon stops."""

    stopping: Always


class Metrics(ControlResult, frozen=True, kw_only=True):
    """What the daemon counts, in the text format of Prometheus."""

    text: str


class Subscribed(ControlResult, frozen=True, kw_only=True):
    """Events come from now on."""

    subscribed: Always


class FollowingLog(ControlResult, frozen=True, kw_only=True):
    """Lines of the log come from now on, as events."""

    following: Always


class PluginRow(ControlResult, frozen=True, kw_only=True):
    """A key exchange or a ratchet; what is stated by code that was not run is None."""

    kind: str
    id: str
    distribution: str
    version: int | None
    api: int | None
    level: str | None
    state: str
    sha256: str | None


# -- the configuration ------------------------------------------------------------------------------------------------


class KeyShown(ControlResult, frozen=True, kw_only=True):
    """A key with its value in force."""

    key: str
    value: Annotated[KeyValue, said('"(set)" for a secret that is set')]
    origin: Annotated[str, said('"default", "file", "environment", "credential" or "caller"')]


class ConfigShown(ControlResult, frozen=True, kw_only=True):
    """The configuration in force."""

    source: Annotated[str, said("path")]
    keys: list[KeyShown]


class KeyDiffers(ControlResult, frozen=True, kw_only=True):
    """A key whose value in the file is another one."""

    key: str
    running: KeyValue
    file: KeyValue
    needs: Annotated[str, said('"reload" or "restart"')]


class ConfigDiff(ControlResult, frozen=True, kw_only=True):
    """What stands in the file and is not in force."""

    source: Annotated[str, said("path")]
    changes: list[KeyDiffers]


class Reloaded(ControlResult, frozen=True, kw_only=True):
    """The keys that a reload has put into force, and those that wait for a restart."""

    changed: Annotated[list[str], said("[keys applied now]")]
    restart: Annotated[list[str], said("[keys that need a restart]")]


# -- the onion service and tor ----------------------------------------------------------------------------------------


class OnionAddress(ControlResult, frozen=True, kw_only=True):
    """The relay's onion address."""

    address: Annotated[str | None, said("onion name or null")]
    url: str | None
    state: str
    retiring: RetiringOnion | None


class OnionRepublished(ControlResult, frozen=True, kw_only=True):
    """The onion service is published anew."""

    address: Annotated[str | None, said("onion name or null")]
    state: str


class OnionRotated(ControlResult, frozen=True, kw_only=True):
    """The relay has another onion address."""

    address: Annotated[str, said("the new one")]
    old: str
    seconds: Annotated[int, said("for which the old one still answers")]
    url: str | None
    state: str


class OnionRetired(ControlResult, frozen=True, kw_only=True):
    """An onion address is gone."""

    address: Annotated[str, said("the one that no longer answers")]
    retired: Always


class OnionClientAdded(ControlResult, frozen=True, kw_only=True):
    """Somebody may reach the private onion service."""

    name: str
    address: str
    line: Annotated[str, said("the credential, shown only this once")]

    __repr__ = hidden


class OnionClient(ControlResult, frozen=True, kw_only=True):
    """Somebody who may reach the private onion service."""

    name: str


class OnionClientRemoved(ControlResult, frozen=True, kw_only=True):
    """Somebody may no longer reach the private onion service."""

    name: str
    removed: Always


class CredentialAddress(ControlResult, frozen=True, kw_only=True):
    """The private onion service that a credential opens."""

    address: Annotated[str, said("for which it is")]


class CredentialRemoved(ControlResult, frozen=True, kw_only=True):
    """A credential is forgotten."""

    address: str
    removed: Always


class NewCircuits(ControlResult, frozen=True, kw_only=True):
    """Tor uses new circuits."""

    newnym: Always


# -- the relay --------------------------------------------------------------------------------------------------------


class LimitRow(ControlResult, frozen=True, kw_only=True):
    """A limit of the relay that is in force; of a rate ``max`` and ``used`` are of what may come in one burst."""

    limit: str
    scope: Annotated[str, said('"circuit", "listener", "connection" or "total"')]
    max: Annotated[Number, said("for a rate, of one burst")]
    used: Annotated[Number | None, said("number or null")]
    refused: int
    slowed: int


class Drained(ControlResult, frozen=True, kw_only=True):
    """No room is opened any more."""

    draining: Always
    drained: Annotated[bool, said("whether no room is left")]
    rooms: int
    stop: Annotated[bool, said("whether the daemon stops when no room is left")]


class Resumed(ControlResult, frozen=True, kw_only=True):
    """Rooms are opened again."""

    draining: Never


class AccessIssued(ControlResult, frozen=True, kw_only=True):
    """A new access code, shown this once."""

    code: str
    id: str
    uses: int
    left: int
    expires_in: Seconds
    required: Annotated[bool, said("whether the relay requires access codes")]

    __repr__ = hidden


class AccessRow(ControlResult, frozen=True, kw_only=True):
    """An access code that is good, without the code."""

    id: str
    uses: int
    left: int
    expires_in: Seconds


class AccessRevoked(ControlResult, frozen=True, kw_only=True):
    """An access code is worth nothing."""

    id: str
    revoked: Always


# -- the store --------------------------------------------------------------------------------------------------------


class Exported(ControlResult, frozen=True, kw_only=True):
    """What was written into an export."""

    records: int
    size: Bytes
    moved: Annotated[bool, said("whether live conversations went along")]


class Imported(ControlResult, frozen=True, kw_only=True):
    """What was taken in from an export."""

    records: int
