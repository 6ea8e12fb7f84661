"""What the control socket serves: for each method of ``control.commands`` a coroutine, on the roles of this daemon.

Methods of a role that is switched off raise RoleDisabled, those of a peer whose sealed store is locked StoreLocked.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from whisperd import __version__
from whisperd import metrics as measured
from whisperd.config import Config
from whisperd.control.answers import Method, Methods, made, made_all
from whisperd.control.chat_methods import ChatMethods, ContactMethods
from whisperd.control.relay_methods import RelayMethods
from whisperd.control.roles import ConfinementRole, Roles
from whisperd.control.settings import Settings
from whisperd.control.store_methods import StoreMethods
from whisperd.control.tor_methods import OnionMethods
from whisperd.wire import results


class Api:
    """The daemon as its control socket sees it; ``stop()`` stops it."""

    def __init__(self, roles: Roles, settings: Settings, *, confinement: ConfinementRole,
                 stop: Callable[[], None]) -> None:
        self._roles = roles
        self._settings = settings
        self._confinement = confinement
        self._stop = stop
        self._started = time.monotonic()
        self.chats = ChatMethods(roles)
        self.contacts = ContactMethods(roles)
        self.onion = OnionMethods(roles, settings)
        self.relay = RelayMethods(roles, stop)
        self.store = StoreMethods(roles)
        self._methods: Methods = {
            "status": self.status, "metrics": self.metrics, "reload": self.reload, "config.show": self.show_config,
            "config.diff": self.compare_config, "plugins": self.plugins, "stop": self.stop,
            **self.chats.methods, **self.contacts.methods, **self.onion.methods, **self.relay.methods,
            **self.store.methods}

    def method(self, name: str) -> Method:
        """Return the coroutine function that answers a method; raises KeyError."""
        return self._methods[name]

    def conversation(self, word: str) -> str:
        """Return the id of the conversation that ``word`` means."""
        return self._roles.need_peer().chats.resolve(word)

    async def status(self) -> results.DaemonStatus:
        """The whole daemon on one screen."""
        config = self._settings.config
        return results.DaemonStatus(
            version=__version__, pid=os.getpid(), uptime=round(time.monotonic() - self._started, 1),
            roles=results.RolesServed(relay=self._roles.relay is not None, peer=config.peer.enabled),
            relay=self.relay.status(), tor=self.onion.status(), peer=await self._peer_status(),
            store=await self.store.status(), confinement=made(results.ConfinementStatus, self._confinement.status()),
            opt_in=opt_ins(config), socket=config.control.socket)

    async def metrics(self) -> results.Metrics:
        """What the daemon counts, as one text."""
        relay = self._roles.relay
        return results.Metrics(text=measured.text(await self.status()) + (relay.metrics() if relay else ""))

    async def reload(self) -> results.Reloaded:
        """The configuration is read again; what is in force now, and what waits for the next start."""
        return self._settings.reload()

    async def show_config(self) -> results.ConfigShown:
        """Every key with its value in force and where that comes from."""
        return self._settings.show()

    async def compare_config(self) -> results.ConfigDiff:
        """What is in the file and not in force, and what would put it into force."""
        return self._settings.diff()

    async def plugins(self) -> list[results.PluginRow]:
        """The key exchanges and ratchets that this daemon knows."""
        return made_all(results.PluginRow, self._roles.registry.table()) if self._roles.registry else []

    async def stop(self) -> results.Stopping:
        """End every conversation, tell the relay's clients, and exit."""
        self._stop()
        return results.Stopping(stopping=True)

    async def _peer_status(self) -> results.PeerStatus | None:
        if self._roles.peer is None:
            return None
        chats = await self.chats.list()
        contacts = await self.contacts.list()
        return results.PeerStatus(chats=len(chats), connected=sum(chat.state == "connected" for chat in chats),
                                  listens=sum(row.listens and row.state != "blocked" for row in contacts))


def opt_ins(config: Config) -> list[str]:
    """Name what is switched on beyond the strict defaults."""
    found = {
        "peer.loopback": config.peer.loopback,
        "control.audit": bool(config.control.audit),
        "onion.key": config.onion.enabled and config.tor.mode != "managed" and config.onion.key == "persistent",
        "tor.network": bool(config.tor.network),
        "peer.downloads": bool(config.peer.downloads),
        "peer.plugins": bool(config.peer.plugins),
        "log.level": config.log.level == "debug",
        "relay.access": config.relay.enabled and config.relay.access == "code",
        "store.kind": config.peer.enabled and config.store.kind == "sealed",
        "store.history": config.peer.enabled and config.store.kind == "sealed" and config.store.history,
        "relay.access_file": config.relay.enabled and bool(config.relay.access_file),
        "relay.tls_listen": config.relay.enabled and bool(config.relay.tls_listen),
        "relay.onion_location": config.relay.enabled and config.relay.onion_location,
        "relay.cors": config.relay.enabled and bool(config.relay.cors),
    }
    return [name for name, on in found.items() if on]
