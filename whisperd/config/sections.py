"""The configuration as typed values: a class for each section with a field for each key, and all of them as ``Config``.

``KEYS`` has the default, the bounds and the help of each key; a test compares its rows with the fields here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import msgspec

from whisperd.config.keys import KEYS, Value
from whisperd.wire.hidden import hidden

#: What is named as the source where no file was read.
BUILT_IN = "built-in defaults"


class DaemonSection(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of [daemon]."""

    sandbox: Literal["require", "prefer", "off"]
    ready: Literal["onion", "listeners"]


class ControlSection(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of [control]."""

    socket: str
    group: str
    admin_group: str
    audit: str


class LogSection(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of [log]."""

    level: Literal["debug", "info", "warning", "error"]
    journal: bool


class RelaySection(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of [relay]."""

    enabled: bool
    listen: tuple[str, ...]
    max_connections: int
    max_rooms: int
    max_waiting: int
    max_frame: int
    max_unsent: int
    max_unsent_total: int
    room_expiry: int
    handshake_timeout: int
    join_timeout: int
    burst: int
    connection_rate: int
    join_rate: int
    frame_rate: int
    byte_rate: int
    listener_share: int
    circuit_connections: int
    circuit_rooms: int
    circuit_waiting: int
    circuit_connection_rate: int
    circuit_join_rate: int
    circuit_frame_rate: int
    circuit_byte_rate: int
    tls_listen: tuple[str, ...]
    tls_certificate: str
    tls_key: str
    tls_require_pq: bool
    cors: tuple[str, ...]
    onion_location: bool
    access: Literal["open", "code"]
    access_file: str
    access_guesses: int
    circuit_access_guesses: int


class TorSection(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of [tor]."""

    mode: Literal["launch", "attach", "managed", "off"]
    binary: str
    data_dir: str
    network: str
    control: str
    password: str
    socks: str
    bridges: tuple[str, ...]
    options: tuple[str, ...]
    bootstrap_timeout: int

    __repr__ = hidden


class OnionSection(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of [onion]."""

    enabled: bool
    key: Literal["ephemeral", "persistent"]
    key_file: str
    hostname_file: str
    overlap: int
    listen: str
    port: int
    private: bool
    pow: bool
    max_streams: int
    circuits: bool
    probe_interval: int
    publish_timeout: int


class PeerSection(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of [peer]."""

    enabled: bool
    relay: tuple[str, ...]
    links: tuple[Literal["onion", "relay"], ...]
    loopback: bool
    floor: Literal["standard", "enhanced", "quantum-resistant"]
    kex: tuple[str, ...]
    ratchet: tuple[str, ...]
    invite_expiry: int
    max_chats: int
    max_queue: int
    downloads: str
    max_file: int
    max_files: int
    require_verify: bool
    plugins: tuple[str, ...]


class StoreSection(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of [store]."""

    kind: Literal["memory", "sealed"]
    file: str
    unlock: Literal["passphrase", "credential", "keyring"]
    credential: str
    argon2_memory: int
    argon2_passes: int
    history: bool
    history_days: int


SectionT = TypeVar("SectionT", bound=msgspec.Struct)


@dataclass(frozen=True)
class Config:
    """Every key with its value in force, by section: ``config.relay.max_frame``."""

    daemon: DaemonSection
    control: ControlSection
    log: LogSection
    relay: RelaySection
    tor: TorSection
    onion: OnionSection
    peer: PeerSection
    store: StoreSection
    source: str = BUILT_IN
    origins: Mapping[str, str] = field(default_factory=dict)  #: by key; others: default

    @classmethod
    def of(cls, values: Mapping[str, Value], source: str = BUILT_IN,
           origins: Mapping[str, str] | None = None) -> Config:
        """Return the configuration of these values: every key by its full name, checked by its row of ``KEYS``."""
        def section(kind: type[SectionT], name: str) -> SectionT:
            fields = {key.field: values[key.name] for key in KEYS if key.section == name}
            return msgspec.convert(fields, kind)

        return cls(daemon=section(DaemonSection, "daemon"), control=section(ControlSection, "control"),
                   log=section(LogSection, "log"), relay=section(RelaySection, "relay"),
                   tor=section(TorSection, "tor"), onion=section(OnionSection, "onion"),
                   peer=section(PeerSection, "peer"), store=section(StoreSection, "store"),
                   source=source, origins=origins or {})

    def with_values(self, values: Mapping[str, Value], origins: Mapping[str, str]) -> Config:
        """Return this with other values of some keys, by their full names."""
        return Config.of({**self.flat(secrets=True), **values}, self.source, origins)

    def flat(self, *, secrets: bool = False) -> dict[str, Value]:
        """Return every key's value by its full name; secrets are shown as ``"(set)"`` unless asked for."""
        shown: dict[str, Value] = {}
        for key in KEYS:
            value: Value = getattr(getattr(self, key.section), key.field)
            shown[key.name] = "(set)" if key.secret and value and not secrets else value
        return shown
