"""The parts of a daemon that the control socket speaks for: what it asks of each, and which of them are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from whisperd.config import Config, PeerSection, RelaySection
from whisperd.errors import RoleDisabled, StoreAbsent, StoreLocked
from whisperd.interfaces import ITor

#: One row of what a part says of itself, ready for JSON.
Row = Mapping[str, object]
Rows = Sequence[Row]


class RelayRole(Protocol):
    """The relay, as far as it is administered."""

    def status(self) -> Row: ...
    def metrics(self) -> str: ...
    def limits(self) -> Rows: ...
    def reload(self, settings: RelaySection) -> None: ...
    def drain(self) -> None: ...
    def resume(self) -> None: ...
    async def drained(self, timeout: float | None) -> bool: ...
    def issue(self, uses: int, hours: float) -> Row: ...
    def codes(self) -> Rows: ...
    def revoke(self, name: str) -> None: ...


class ContactsRole(Protocol):
    """The contacts of the peer role."""

    async def call(self, name: str) -> Row: ...
    async def save(self, chat: str, name: str) -> Row: ...
    async def list(self) -> Rows: ...
    async def remove(self, name: str) -> Row: ...
    async def rename(self, name: str, new: str) -> Row: ...
    async def listen(self, name: str, off: bool = False) -> Row: ...
    async def block(self, name: str) -> Row: ...
    async def unblock(self, name: str) -> Row: ...


class InvitesRole(Protocol):
    """How conversations of the peer role begin."""

    async def invite(self, relay: str | Sequence[str] = "", expiry: int = 0, floor: str = "", access: str = "",
                     code: bool = False) -> Row: ...
    async def join(self, link: str = "", access: str = "", code: str = "", relay: str = "") -> Row: ...


class ChatsRole(Protocol):
    """The conversations of the peer role."""

    def resolve(self, word: str) -> str: ...
    async def list(self) -> Rows: ...
    async def find(self, chat: str = "", text: str = "", word: str = "") -> Row: ...
    async def verify(self, chat: str, confirm: bool = False, require: bool = False) -> Row: ...
    async def end(self, chat: str) -> Row: ...


class MessagesRole(Protocol):
    """The messages of conversations."""

    async def send(self, chat: str, text: str) -> Row: ...
    async def history(self, chat: str, after: int = 0) -> Rows: ...
    async def read(self, chat: str, id: int, after: int = 0) -> Row: ...


class FilesRole(Protocol):
    """The files of conversations, and messages that are taken back."""

    async def send(self, chat: str, name: str, file: int) -> Row: ...
    async def accept(self, chat: str, file: str) -> Row: ...
    async def refuse(self, chat: str, file: str) -> Row: ...
    async def cancel(self, chat: str, id: str) -> Row: ...
    async def list(self, chat: str = "") -> Rows: ...


class TimersRole(Protocol):
    """The timers of conversations."""

    async def timer(self, chat: str, time: str = "") -> Row: ...


class PeerRole(Protocol):
    """The peer role, in groups of what may be asked of it."""

    @property
    def invites(self) -> InvitesRole: ...
    @property
    def chats(self) -> ChatsRole: ...
    @property
    def messages(self) -> MessagesRole: ...
    @property
    def files(self) -> FilesRole: ...
    @property
    def timers(self) -> TimersRole: ...
    @property
    def contacts(self) -> ContactsRole: ...

    def reload(self, settings: PeerSection) -> None: ...


class VaultRole(Protocol):
    """The sealed store of the peer role."""

    def status(self) -> Row: ...
    async def unlock(self, passphrase: str) -> Row: ...
    async def lock(self) -> Row: ...
    async def change(self, old: str, new: str) -> Row: ...
    async def export(self, file: int, passphrase: str, move: bool = False) -> Row: ...
    async def take_in(self, file: int, passphrase: str) -> Row: ...
    async def wipe(self) -> Row: ...


class ConfinementRole(Protocol):
    """What the process is confined to."""

    def status(self) -> Row: ...


class PluginsRole(Protocol):
    """The plug-ins that this daemon knows."""

    def table(self) -> Rows: ...


class Roles:
    """The parts of one daemon; None where a role is off. There is no peer either while its sealed store is locked."""

    def __init__(self, config: Config, *, relay: RelayRole | None = None, tor: ITor | None = None,
                 peer: PeerRole | None = None, registry: PluginsRole | None = None,
                 vault: VaultRole | None = None) -> None:
        self._config = config
        self.relay = relay
        self.tor = tor
        self.peer = peer
        self.registry = registry
        self.vault = vault

    def attach_peer(self, peer: PeerRole | None) -> None:
        """Serve this peer from now on, or none while the store is locked."""
        self.peer = peer

    @property
    def publishes(self) -> bool:
        """Whether this daemon's relay is to be published as an onion service."""
        return self.relay is not None and self.tor is not None and self._config.onion.enabled

    def need_relay(self) -> RelayRole:
        """Return the relay; raises RoleDisabled."""
        if self.relay is None:
            raise RoleDisabled("this daemon does not run the relay role")
        return self.relay

    def need_tor(self) -> ITor:
        """Return tor; raises RoleDisabled."""
        if self.tor is None:
            raise RoleDisabled("this daemon does not use tor",
                               remedy="Set tor.mode to 'launch', 'attach' or 'managed'.")
        return self.tor

    def need_onion(self) -> ITor:
        """Return the tor that publishes the onion service; raises RoleDisabled."""
        if self.tor is None or not self.publishes:
            raise RoleDisabled("this daemon does not publish an onion service",
                               remedy="Set relay.enabled and onion.enabled to true, and tor.mode to 'launch', "
                                      "'attach' or 'managed'.")
        return self.tor

    def need_peer(self) -> PeerRole:
        """Return the peer; raises StoreLocked, RoleDisabled."""
        if self.peer is None and self._config.peer.enabled:
            raise StoreLocked
        if self.peer is None:
            raise RoleDisabled("this daemon does not run the peer role")
        return self.peer

    def need_vault(self) -> VaultRole:
        """Return the sealed store; raises StoreAbsent."""
        if self.vault is None:
            raise StoreAbsent
        return self.vault
