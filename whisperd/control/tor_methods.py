"""The control methods of the onion service and of tor."""

from __future__ import annotations

from typing import Any

from whisperd.config import Config
from whisperd.control.answers import Methods, made
from whisperd.control.roles import Roles
from whisperd.control.settings import Settings
from whisperd.wire import results

TOR_OFF: dict[str, Any] = {
    "mode": "off",
    "state": "off",
    "percent": 0,
    "summary": "",
    "version": None,
    "error": None,
    "onion": {"state": "absent", "address": None, "published_age": None, "reached_age": None, "private": False,
              "pow": False, "circuits": False, "retiring": None},
}


class OnionMethods:
    """The methods ``address``, ``onion.*`` and ``tor.*``."""

    def __init__(self, roles: Roles, settings: Settings) -> None:
        self._roles = roles
        self._settings = settings

    @property
    def methods(self) -> Methods:
        """The methods by their names."""
        return {"address": self.address, "onion.republish": self.republish, "onion.rotate": self.rotate,
                "onion.retire": self.retire, "onion.client.add": self.add_client,
                "onion.client.list": self.list_clients, "onion.client.remove": self.remove_client,
                "tor.credential.add": self.add_credential, "tor.credential.list": self.list_credentials,
                "tor.credential.remove": self.remove_credential, "tor.newnym": self.newnym}

    def status(self) -> results.TorStatus:
        """Return the state of tor and of the onion service, with the configuration of the onion service."""
        tor: dict[str, Any] = dict(self._roles.tor.status()) if self._roles.tor else TOR_OFF
        interval = 60 * self._settings.config.onion.probe_interval
        onion = made(results.OnionStatus, {**tor["onion"], "wanted": self._roles.publishes, "probe_interval": interval})
        return made(results.TorStatus, {**tor, "onion": onion})

    async def address(self, wait: float = 0) -> results.OnionAddress:
        """Return the onion address of this daemon's relay; with ``wait``, wait up to that many seconds for it to be
        published."""
        tor = self._roles.need_onion()
        if wait > 0:
            await tor.address(timeout=float(wait))
        onion = self.status().onion
        return results.OnionAddress(address=onion.address, url=self._url(onion.address), state=onion.state,
                                    retiring=onion.retiring)

    async def republish(self, wait: float = 0) -> results.OnionRepublished:
        """Publish the onion service again; with ``wait``, wait up to that many seconds for it."""
        await self._roles.need_onion().republish(float(wait))
        onion = self.status().onion
        return results.OnionRepublished(address=onion.address, state=onion.state)

    async def rotate(self, overlap: float = 0, now: bool = False, wait: float = 0) -> results.OnionRotated:
        """Give the relay a new onion address. The old one works for ``overlap`` more hours (0: as configured); with
        ``now`` it stops at once."""
        hours = 0 if now else overlap or self._settings.config.onion.overlap
        rotated = await self._roles.need_onion().rotate(3600.0 * hours, float(wait))
        return made(results.OnionRotated, {**rotated, "url": self._url(str(rotated["address"])),
                                           "state": self.status().onion.state})

    async def retire(self) -> results.OnionRetired:
        """Withdraw the onion address that the last rotation replaced."""
        return results.OnionRetired(address=self._roles.need_onion().retire(), retired=True)

    async def add_client(self, name: str) -> results.OnionClientAdded:
        """Give a client access to the private onion service. The answer contains its credential, which is not shown
        again."""
        return made(results.OnionClientAdded, self._roles.need_onion().private.add(name))

    async def list_clients(self) -> list[results.OnionClient]:
        """Return the names of the clients that have access to the private onion service."""
        return [results.OnionClient(name=name) for name in self._roles.need_onion().private.names()]

    async def remove_client(self, name: str) -> results.OnionClientRemoved:
        """Remove a client's access to the private onion service."""
        self._roles.need_onion().private.remove(name)
        return results.OnionClientRemoved(name=name, removed=True)

    async def add_credential(self, line: str) -> results.CredentialAddress:
        """Add a credential, so that this daemon can reach a private onion service; return its address."""
        return results.CredentialAddress(address=await self._roles.need_tor().add_credential(line))

    async def list_credentials(self) -> list[results.CredentialAddress]:
        """Return the addresses of the private onion services for which this daemon has a credential."""
        return [results.CredentialAddress(address=address) for address in self._roles.need_tor().credentials()]

    async def remove_credential(self, address: str) -> results.CredentialRemoved:
        """Delete the credential for a private onion service."""
        await self._roles.need_tor().remove_credential(address)
        return results.CredentialRemoved(address=address, removed=True)

    async def newnym(self) -> results.NewCircuits:
        """Make tor use new circuits for all new connections."""
        await self._roles.need_tor().newnym()
        return results.NewCircuits(newnym=True)

    def _url(self, address: str | None) -> str | None:
        return onion_url(self._settings.config, address)


def onion_url(config: Config, address: str | None) -> str | None:
    """Return the relay's address as an invite names it."""
    if address is None:
        return None
    return f"http://{address}" if config.onion.port == 80 else f"http://{address}:{config.onion.port}"
