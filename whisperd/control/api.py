"""What the control methods do: one coroutine per row of ``control.commands``, on the services of this daemon.

A method's name is the command's with '.' turned into '_'. A role that is switched off answers RoleDisabled.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from whisperd import __version__
from whisperd.config import Config
from whisperd.errors import RoleDisabled

Row = dict[str, Any]

TOR_OFF: Row = {
    "mode": "off",
    "state": "off",
    "percent": 0,
    "summary": "",
    "version": None,
    "error": None,
    "onion": {"state": "absent", "address": None, "published_age": None},
}


class Api:
    """The daemon as its control socket sees it. ``relay``, ``tor`` and ``peer`` are None where the role is off."""

    def __init__(self, config: Config, *, relay: Any, tor: Any, peer: Any, registry: Any,
                 stop: Callable[[], None]) -> None:
        self._config = config
        self._relay = relay
        self._tor = tor
        self._peer = peer
        self._registry = registry
        self._stop = stop
        self._started = time.monotonic()

    async def status(self) -> Row:
        """The whole daemon on one screen."""
        return {
            "version": __version__,
            "pid": os.getpid(),
            "uptime": round(time.monotonic() - self._started, 1),
            "roles": {"relay": self._relay is not None, "peer": self._peer is not None},
            "relay": self._relay.status() if self._relay else None,
            "tor": self._tor_status(),
            "peer": await self._peer_status(),
            "opt_in": opt_ins(self._config),
            "socket": self._config.control.socket,
        }

    async def address(self, wait: int = 0) -> Row:
        """The onion address of this daemon's relay; with ``wait``, at most that many seconds until it is published."""
        if self._relay is None or self._tor is None or not self._config.onion.enabled:
            raise RoleDisabled("this daemon publishes no onion service",
                               remedy="Set relay.enabled and onion.enabled, and tor.mode to 'launch' or 'attach'.")
        if wait > 0:
            await self._tor.address(timeout=float(wait))
        onion = self._tor_status()["onion"]
        return {"address": onion["address"], "url": onion_url(self._config, onion["address"]), "state": onion["state"]}

    async def chat_invite(self, **params: Any) -> Row:
        return await self._peers().invite(**params)

    async def chat_join(self, **params: Any) -> Row:
        return await self._peers().join(**params)

    async def chat_list(self) -> list[Row]:
        return await self._peers().list()

    async def chat_send(self, **params: Any) -> Row:
        return await self._peers().send(**params)

    async def chat_history(self, **params: Any) -> list[Row]:
        return await self._peers().history(**params)

    async def chat_verify(self, **params: Any) -> Row:
        return await self._peers().verify(**params)

    async def chat_end(self, **params: Any) -> Row:
        return await self._peers().end(**params)

    async def plugins(self) -> list[Row]:
        """The key exchanges and ratchets that this daemon knows."""
        return self._registry.table() if self._registry else []

    async def stop(self) -> Row:
        """End every conversation, tell the relay's clients, and exit."""
        self._stop()
        return {"stopping": True}

    def _peers(self) -> Any:
        if self._peer is None:
            raise RoleDisabled("the peer role is switched off here")
        return self._peer

    def _tor_status(self) -> Row:
        return self._tor.status() if self._tor else TOR_OFF

    async def _peer_status(self) -> Row | None:
        if self._peer is None:
            return None
        chats = await self._peer.list()
        return {"chats": len(chats), "connected": sum(chat["state"] == "connected" for chat in chats)}


def onion_url(config: Config, address: str | None) -> str | None:
    """Return the relay's address as an invite names it."""
    if address is None:
        return None
    return f"http://{address}" if config.onion.port == 80 else f"http://{address}:{config.onion.port}"


def opt_ins(config: Config) -> list[str]:
    """Name what is switched on beyond the strict defaults."""
    found = {
        "peer.loopback": config.peer.loopback,
        "onion.key": config.onion.enabled and config.onion.key == "persistent",
        "tor.network": bool(config.tor.network),
        "peer.plugins": bool(config.peer.plugins),
        "log.level": config.log.level == "debug",
    }
    return [name for name, on in found.items() if on]
