"""The control methods of the store."""

from __future__ import annotations

from whisperd.control.answers import Methods, made
from whisperd.control.roles import Roles
from whisperd.wire import results


class StoreMethods:
    """The methods ``store.*``."""

    def __init__(self, roles: Roles) -> None:
        self._roles = roles

    @property
    def methods(self) -> Methods:
        """The methods by their names."""
        return {"store.status": self.status, "store.unlock": self.unlock, "store.lock": self.lock,
                "store.passphrase": self.change_passphrase, "store.export": self.export, "store.import": self.take_in,
                "store.wipe": self.wipe}

    async def status(self) -> results.StoreStatus:
        """Return the state of the peer role's store."""
        if self._roles.vault is None:
            return results.StoreStatus(kind="memory", state="open")
        return made(results.StoreStatus, self._roles.vault.status())

    async def unlock(self, passphrase: str) -> results.StoreStatus:
        """Unlock the store."""
        return made(results.StoreStatus, await self._roles.need_vault().unlock(passphrase))

    async def lock(self) -> results.StoreStatus:
        """Lock the store: pause all conversations and erase their keys from memory."""
        return made(results.StoreStatus, await self._roles.need_vault().lock())

    async def change_passphrase(self, old: str, new: str) -> results.StoreStatus:
        """Change the passphrase of the store."""
        return made(results.StoreStatus, await self._roles.need_vault().change(old, new))

    async def export(self, file: int, passphrase: str, move: bool = False) -> results.Exported:
        """Write an encrypted export to the file with descriptor ``file``."""
        return made(results.Exported, await self._roles.need_vault().export(file, passphrase, move))

    async def take_in(self, file: int, passphrase: str) -> results.Imported:
        """Import an export from the file with descriptor ``file``."""
        return made(results.Imported, await self._roles.need_vault().take_in(file, passphrase))

    async def wipe(self) -> results.StoreStatus:
        """Destroy everything in the store."""
        return made(results.StoreStatus, await self._roles.need_vault().wipe())
