"""What the control methods do: one coroutine per row of ``control.commands``, on the services of this daemon.

A method's name is the command's with '.' turned into '_'. A role that is switched off answers RoleDisabled.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import ensureDeferred
from twisted.python.failure import Failure

from whisperd import __version__
from whisperd import metrics as measured
from whisperd.config import Config
from whisperd.confine import Confinement
from whisperd.control.settings import Settings
from whisperd.errors import RoleDisabled, StoreAbsent, StoreLocked
from whisperd.logs import unexpected

Row = dict[str, Any]

TOR_OFF: Row = {
    "mode": "off",
    "state": "off",
    "percent": 0,
    "summary": "",
    "version": None,
    "error": None,
    "onion": {"state": "absent", "address": None, "published_age": None, "reached_age": None, "private": False,
              "pow": False, "circuits": False, "retiring": None},
}


class Api:
    """The daemon as its control socket sees it. ``relay``, ``tor`` and ``peer`` are None where the role is off; the
    peer, too, while the sealed store of ``vault`` is locked."""

    def __init__(self, config: Config, *, relay: Any, tor: Any, peer: Any, registry: Any,
                 stop: Callable[[], None], confinement: Confinement, reopen: Callable[[], None] = lambda: None,
                 vault: Any = None) -> None:
        self._config = config
        self._relay = relay
        self._tor = tor
        self._peer = peer
        self._registry = registry
        self._stop = stop
        self._confinement = confinement
        self._vault = vault
        self._started = time.monotonic()
        self._settings = Settings(config, relay=relay, peer=peer, reopen=reopen)
        self._stopping = False  # when the relay is drained

    async def status(self) -> Row:
        """The whole daemon on one screen."""
        return {
            "version": __version__,
            "pid": os.getpid(),
            "uptime": round(time.monotonic() - self._started, 1),
            "roles": {"relay": self._relay is not None, "peer": self._config.peer.enabled},
            "relay": {**self._relay.status(), "limits_hit": self._limits_hit()} if self._relay else None,
            "tor": self._tor_status(),
            "peer": await self._peer_status(),
            "store": await self.store_status(),
            "confinement": self._confinement.status(),
            "opt_in": opt_ins(self._settings.config),
            "socket": self._config.control.socket,
        }

    async def address(self, wait: int = 0) -> Row:
        """The onion address of this daemon's relay; with ``wait``, at most that many seconds until it is published."""
        tor = self._onion_role()
        if wait > 0:
            await tor.address(timeout=float(wait))
        onion = self._tor_status()["onion"]
        return {"address": onion["address"], "url": onion_url(self._config, onion["address"]), "state": onion["state"],
                "retiring": onion["retiring"]}

    async def onion_republish(self, wait: float = 0) -> Row:
        """The onion service is published anew; with ``wait``, at most that many seconds until it is."""
        await self._onion_role().republish(float(wait))
        onion = self._tor_status()["onion"]
        return {"address": onion["address"], "state": onion["state"]}

    async def onion_rotate(self, overlap: float = 0, now: bool = False, wait: float = 0) -> Row:
        """The relay has a new onion address; the one before still answers for some hours, or no longer."""
        hours = 0 if now else overlap or self._config.onion.overlap
        rotated = await self._onion_role().rotate(3600.0 * hours, float(wait))
        return {**rotated, "url": onion_url(self._config, rotated["address"]),
                "state": self._tor_status()["onion"]["state"]}

    async def onion_retire(self) -> Row:
        """The address before the last rotation answers no more."""
        return {"address": self._onion_role().retire(), "retired": True}

    async def onion_client_add(self, name: str) -> Row:
        """One more may reach the private onion service; the line that they need is shown this once."""
        return self._onion_role().private.add(name)

    async def onion_client_list(self) -> list[Row]:
        """Who may reach the private onion service."""
        return [{"name": name} for name in self._onion_role().private.names()]

    async def onion_client_remove(self, name: str) -> Row:
        """One may reach the private onion service no more."""
        self._onion_role().private.remove(name)
        return {"name": name, "removed": True}

    async def tor_credential_add(self, line: str) -> Row:
        """A private onion service is opened to this daemon's tor."""
        return {"address": await self._tor_role().add_credential(line)}

    async def tor_credential_list(self) -> list[Row]:
        """The addresses that the credentials held here open."""
        return [{"address": address} for address in self._tor_role().credentials()]

    async def tor_credential_remove(self, address: str) -> Row:
        """A credential is forgotten."""
        await self._tor_role().remove_credential(address)
        return {"address": address, "removed": True}

    async def tor_newnym(self) -> Row:
        """Tor uses new circuits for every connection from now on."""
        await self._tor_role().newnym()
        return {"newnym": True}

    async def chat_invite(self, **params: Any) -> Row:
        return await self._peers().invite(**params)

    async def chat_join(self, **params: Any) -> Row:
        return await self._peers().join(**params)

    async def chat_list(self) -> list[Row]:
        return await self._peers().list()

    async def chat_find(self, **params: Any) -> Row:
        return await self._peers().find(**params)

    async def chat_send(self, **params: Any) -> Row:
        return await self._peers().send(**params)

    async def chat_history(self, **params: Any) -> list[Row]:
        return await self._peers().history(**params)

    async def chat_read(self, **params: Any) -> Row:
        return await self._peers().read(**params)

    async def chat_send_file(self, **params: Any) -> Row:
        return await self._peers().send_file(**params)

    async def chat_accept(self, **params: Any) -> Row:
        return await self._peers().accept(**params)

    async def chat_refuse(self, **params: Any) -> Row:
        return await self._peers().refuse(**params)

    async def chat_cancel(self, **params: Any) -> Row:
        return await self._peers().cancel(**params)

    async def chat_files(self, **params: Any) -> list[Row]:
        return await self._peers().files(**params)

    async def chat_verify(self, **params: Any) -> Row:
        return await self._peers().verify(**params)

    async def chat_timer(self, **params: Any) -> Row:
        return await self._peers().timer(**params)

    async def chat_end(self, **params: Any) -> Row:
        return await self._peers().end(**params)

    async def chat_call(self, **params: Any) -> Row:
        return await self._peers().contacts.call(**params)

    async def contact_save(self, **params: Any) -> Row:
        return await self._peers().contacts.save(**params)

    async def contact_list(self) -> list[Row]:
        return await self._peers().contacts.list()

    async def contact_remove(self, **params: Any) -> Row:
        return await self._peers().contacts.remove(**params)

    async def contact_rename(self, **params: Any) -> Row:
        return await self._peers().contacts.rename(**params)

    async def contact_listen(self, **params: Any) -> Row:
        return await self._peers().contacts.listen(**params)

    async def contact_block(self, **params: Any) -> Row:
        return await self._peers().contacts.block(**params)

    async def contact_unblock(self, **params: Any) -> Row:
        return await self._peers().contacts.unblock(**params)

    async def relay_limits(self) -> list[Row]:
        """Each limit of the relay with its use and its refusals."""
        return self._relay_role().limits()

    async def relay_drain(self, stop: bool = False, wait: float = 0) -> Row:
        """No room is opened any more; with ``stop`` the daemon stops when none is left; waits at most ``wait``
        seconds for that."""
        relay = self._relay_role()
        relay.drain()
        if stop and not self._stopping:
            self._stopping = True
            ensureDeferred(self._stop_when_drained(relay)).addErrback(_report)
        drained = await relay.drained(wait)
        return {"draining": True, "drained": drained, "rooms": relay.status()["rooms"], "stop": self._stopping}

    async def relay_resume(self) -> Row:
        """Rooms are opened again."""
        self._relay_role().resume()
        return {"draining": False}

    async def access_issue(self, uses: int = 1, hours: float = 24) -> Row:
        """A new access code, which is shown this once."""
        return {**self._relay_role().issue(uses, hours), "required": self._relay_role().status()["access"] == "code"}

    async def access_list(self) -> list[Row]:
        """The access codes that are good, without the codes."""
        return self._relay_role().codes()

    async def access_revoke(self, id: str) -> Row:
        """An access code is worth nothing from now on."""
        self._relay_role().revoke(id)
        return {"id": id, "revoked": True}

    async def metrics(self) -> Row:
        """What the daemon counts, as one text."""
        return {"text": measured.text(await self.status()) + (self._relay.metrics() if self._relay else "")}

    async def reload(self) -> Row:
        """The configuration is read again; what is in force now, and what waits for the next start."""
        return self._settings.reload()

    async def config_show(self) -> Row:
        """Every key with its value in force and where that comes from."""
        return self._settings.show()

    async def config_diff(self) -> Row:
        """What is in the file and not in force, and what would put it into force."""
        return self._settings.diff()

    @property
    def config(self) -> Config:
        """The configuration that is in force."""
        return self._settings.config

    def conversation(self, word: str) -> str:
        """Return the id of the conversation that ``word`` means."""
        found: str = self._peers().conversation(word)
        return found

    def attach_peer(self, peer: Any) -> None:
        """Serve this peer from now on, or none while the store is locked."""
        self._peer = peer
        self._settings.attach_peer(peer)

    async def store_status(self) -> Row:
        """Where the peer role keeps what it remembers."""
        return self._vault.status() if self._vault else {"kind": "memory", "state": "open"}

    async def store_unlock(self, passphrase: str) -> Row:
        return await self._sealed().unlock(passphrase)

    async def store_lock(self) -> Row:
        return await self._sealed().lock()

    async def store_passphrase(self, old: str, new: str) -> Row:
        return await self._sealed().change(old, new)

    async def store_export(self, file: int, passphrase: str, move: bool = False) -> Row:
        return await self._sealed().export(file, passphrase, move)

    async def store_import(self, file: int, passphrase: str) -> Row:
        return await self._sealed().take_in(file, passphrase)

    async def store_wipe(self) -> Row:
        return await self._sealed().wipe()

    async def plugins(self) -> list[Row]:
        """The key exchanges and ratchets that this daemon knows."""
        return self._registry.table() if self._registry else []

    async def stop(self) -> Row:
        """End every conversation, tell the relay's clients, and exit."""
        self._stop()
        return {"stopping": True}

    async def _stop_when_drained(self, relay: Any) -> None:
        """Stop at the end of a drain; a relay that resumes goes on."""
        self._stopping = await relay.drained(None)
        if self._stopping:
            self._stop()

    def _tor_role(self) -> Any:
        if self._tor is None:
            raise RoleDisabled("this daemon has no tor", remedy="Set tor.mode to 'launch', 'attach' or 'managed'.")
        return self._tor

    def _onion_role(self) -> Any:
        if self._relay is None or self._tor is None or not self._config.onion.enabled:
            raise RoleDisabled("this daemon publishes no onion service",
                               remedy="Set relay.enabled and onion.enabled, and tor.mode to 'launch', 'attach' or "
                                      "'managed'.")
        return self._tor

    def _relay_role(self) -> Any:
        if self._relay is None:
            raise RoleDisabled("the relay role is switched off here")
        return self._relay

    def _peers(self) -> Any:
        if self._peer is None and self._config.peer.enabled:
            raise StoreLocked
        if self._peer is None:
            raise RoleDisabled("the peer role is switched off here")
        return self._peer

    def _sealed(self) -> Any:
        if self._vault is None:
            raise StoreAbsent
        return self._vault

    def _tor_status(self) -> Row:
        tor = self._tor.status() if self._tor else TOR_OFF
        onion = self._settings.config.onion
        wanted = self._relay is not None and self._tor is not None and onion.enabled
        return {**tor, "onion": {**tor["onion"], "wanted": wanted, "probe_interval": 60 * onion.probe_interval}}

    def _limits_hit(self) -> list[Row]:
        """Return the limits that refused or slowed down somebody, and how often."""
        return [{name: row[name] for name in ("limit", "scope", "refused", "slowed")}
                for row in self._relay.limits() if row["refused"] or row["slowed"]]

    async def _peer_status(self) -> Row | None:
        if self._peer is None:
            return None
        chats = await self._peer.list()
        contacts = await self._peer.contacts.list()
        return {"chats": len(chats), "connected": sum(chat["state"] == "connected" for chat in chats),
                "listens": sum(row["listens"] and row["state"] != "blocked" for row in contacts)}


def _report(failure: Failure) -> None:
    if failure.value is not None:
        unexpected(failure.value)


def onion_url(config: Config, address: str | None) -> str | None:
    """Return the relay's address as an invite names it."""
    if address is None:
        return None
    return f"http://{address}" if config.onion.port == 80 else f"http://{address}:{config.onion.port}"


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
        "relay.access_keep": config.relay.enabled and bool(config.relay.access_keep),
        "relay.tls_listen": config.relay.enabled and bool(config.relay.tls_listen),
        "relay.onion_location": config.relay.enabled and config.relay.onion_location,
        "relay.cors": config.relay.enabled and bool(config.relay.cors),
    }
    return [name for name, on in found.items() if on]
