"""Who may reach the daemon's private onion service, as its administrator changes it."""

from __future__ import annotations

from collections.abc import Callable

from whisperd.config import OnionSection
from whisperd.errors import RoleDisabled
from whisperd.interfaces import ClientRow
from whisperd.tor.onion.client_auth import new_credential
from whisperd.tor.onion.rotation import Addresses


class OnionClients:
    """The clients of what ``addresses`` publishes. Each change publishes it anew, which breaks what is connected."""

    def __init__(self, settings: OnionSection, addresses: Addresses, random: Callable[[int], bytes]) -> None:
        self._settings = settings
        self._addresses = addresses
        self._random = random

    def add(self, name: str) -> ClientRow:
        """Let one more in; returns name, address and the line that they need, which is recorded nowhere.

        Raises RoleDisabled, UsageError, OnionKeyUnusable.
        """
        self._check()
        credential = new_credential(self._addresses.credential().address, self._random)
        self._addresses.clients.add(name, credential.public)
        self._addresses.again()
        return {"name": name, "address": credential.address, "line": credential.line}

    def names(self) -> list[str]:
        """Return who may reach it; raises RoleDisabled, OnionKeyUnusable."""
        self._check()
        return self._addresses.clients.names

    def remove(self, name: str) -> None:
        """Let one in no more; raises RoleDisabled, UsageError, OnionKeyUnusable."""
        self._check()
        self._addresses.clients.remove(name)
        self._addresses.again()

    def _check(self) -> None:
        if not self._settings.private:
            raise RoleDisabled("the onion service is not private: everybody with its address can reach it",
                               remedy="Set onion.private = true in whisperd.toml, and restart the daemon.")
