"""The credentials for other people's private onion services, in memory only, given to every tor that there is."""

from __future__ import annotations

from contextlib import suppress

from whisperd.errors import TorCommandFailed, TorControlUnreachable, UsageError
from whisperd.tor.control.control_port import TorControl
from whisperd.tor.onion.client_auth import Credential


class HeldCredentials:
    """The credentials, one for an address, and the daemon's own, with which it dials itself."""

    def __init__(self) -> None:
        self._own: Credential | None = None
        self._held: dict[str, Credential] = {}
        #: Addresses whose credential a tor may still have that could not be told to forget it.
        self._owed: set[str] = set()

    @property
    def addresses(self) -> list[str]:
        """The addresses that they open, without the daemon's own."""
        return list(self._held)

    async def add(self, credential: Credential, control: TorControl | None) -> None:
        """Hold it, for the tor behind ``control`` (None: there is none now) and every later one.

        Raises TorCommandFailed when tor refuses it, and holds it not. A tor that is lost meanwhile gets it when it is
        back.
        """
        before = self._held.get(credential.address)
        self._held[credential.address] = credential
        self._owed.discard(credential.address)
        if control is None:
            return
        try:
            with suppress(TorControlUnreachable):
                await control.request(credential.command)
        except TorCommandFailed:
            if before is None:
                del self._held[credential.address]
            else:
                self._held[credential.address] = before
            raise

    async def add_own(self, credential: Credential, control: TorControl) -> None:
        """Hold the daemon's own, in the place of another own one; raises TorCommandFailed, TorControlUnreachable."""
        self._own = credential
        await control.request(credential.command)

    async def remove(self, address: str, control: TorControl | None) -> None:
        """Forget the credential for ``address``, and have every tor forget it, one that is lost meanwhile when it is
        back; raises UsageError when there is none."""
        if self._held.pop(address, None) is None:
            raise UsageError("there is no credential for this address",
                             remedy="To see the credentials, run 'whisperctl tor credential list'.")
        self._owed.add(address)
        if control is not None:
            with suppress(TorControlUnreachable):
                await self._settle(control)

    async def give(self, control: TorControl) -> None:
        """Give all of them to a tor; raises TorCommandFailed when it refuses one, TorControlUnreachable."""
        await self._settle(control)
        for credential in self._all():
            await control.request(credential.command)

    async def _settle(self, control: TorControl) -> None:
        for address in sorted(self._owed):
            await _take_back(control, address)
            self._owed.discard(address)

    async def take_back(self, control: TorControl) -> None:
        """Leave nothing of them in a tor that goes on after this daemon."""
        for credential in self._all():
            await _take_back(control, credential.address)

    def _all(self) -> list[Credential]:
        return [*self._held.values(), *([self._own] if self._own else [])]


async def _take_back(control: TorControl, address: str) -> None:
    with suppress(TorCommandFailed):  # tor has lost it already
        await control.request(f"ONION_CLIENT_AUTH_REMOVE {address.removesuffix('.onion')}")
