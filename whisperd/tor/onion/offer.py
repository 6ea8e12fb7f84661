"""The onion service that a relay offers: its key, who may reach it, and what tor is told of it."""

from __future__ import annotations

from collections.abc import Callable

from whisperd.config import OnionSection
from whisperd.tor.onion.authorized_clients import ClientList
from whisperd.tor.onion.client_auth import Credential, new_credential
from whisperd.tor.onion.key import OnionKey
from whisperd.tor.onion.publication import Ports, Publication


class OnionOffer:
    """One address. ``read_key`` returns its key, or raises OnionKeyUnusable for as long as it cannot be had;
    ``clients`` may reach a private service."""

    def __init__(self, settings: OnionSection, read_key: Callable[[], OnionKey], clients: ClientList,
                 random: Callable[[int], bytes]) -> None:
        self._settings = settings
        self._read_key = read_key
        self._clients = clients
        self._random = random
        self._key: OnionKey | None = None
        self._own: Credential | None = None

    @property
    def address(self) -> str | None:
        """The onion name, as soon as its key is there."""
        return self._key.address if self._key else None

    @property
    def private(self) -> bool:
        """Whether only clients with a credential reach it."""
        return self._settings.private

    @property
    def publish_timeout(self) -> float:
        """Seconds that publishing may take before that is told."""
        return self._settings.publish_timeout

    def key(self) -> OnionKey:
        """Return its key; raises OnionKeyUnusable."""
        self._key = self._key or self._read_key()
        return self._key

    def credential(self) -> Credential:
        """Return the credential with which the daemon reaches its own private service; raises OnionKeyUnusable.

        It is on the list in any case: without any client on it, tor would let everybody in."""
        if self._own is None:
            self._own = new_credential(self.key().address, self._random)
        return self._own

    def publication(self, ports: Ports, *, circuits: bool) -> Publication:
        """Return what tor is asked to publish, with all defences; raises OnionKeyUnusable.

        ``circuits``: with connections that name their circuit, which ``ports`` has a listener for."""
        settings = self._settings
        clients = [self.credential().public, *self._clients.keys] if settings.private else []
        return Publication(self.key(), settings.port, ports.circuits if circuits else ports.plain, clients,
                           settings.max_streams, settings.pow, circuits)
