"""Publishing as torrc does, so that tor tells circuits apart: a HiddenServiceDir for each key, set by SETCONF.

Only so does tor name the circuit of each connection [tor(1), HiddenServiceExportCircuitID]. It wants the key in a file:
the folders lie in that of a launched tor's sockets, mode 0700, which goes with it, and a key that is to be forgotten is
given to a file system in memory only.
"""

from __future__ import annotations

import base64
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from twisted.internet.defer import DeferredLock

from whisperd.errors import HostnameUnusable, OnionKeyUnusable, TorCommandFailed
from whisperd.tor.control.control_port import COMMAND_TIMEOUT, TorControl
from whisperd.tor.onion.hostname_file import read_hostname
from whisperd.tor.onion.key import OnionKey
from whisperd.tor.onion.publication import Publication
from whisperd.tor.process import torrc

#: What tor writes before the 64 bytes of an expanded key, 32 bytes in all.
_HEAD = b"== ed25519v1-secret: type0 ==\0\0\0"


class ServiceFolders:
    """The way of a tor that nobody else configures; the folders are made below ``root``, which has mode 0700."""

    tells_circuits = True

    def __init__(self, root: Path) -> None:
        self._root = root
        self._offers: dict[str, Publication] = {}
        self._turn = DeferredLock()

    def lost(self, published: set[str], held: set[str]) -> bool:
        """As ``PublicationMethod.lost``: what is configured does not end with the connection."""
        return False

    async def publish(self, control: TorControl, offer: Publication) -> None:
        """As ``PublicationMethod.publish``; raises OnionKeyUnusable too, when the key cannot be
        written, or tor took another."""
        address = offer.key.address
        async with _Turn(self._turn):
            before = dict(self._offers)
            self._offers[address] = offer
            try:
                await self._configure(control, COMMAND_TIMEOUT)
                if read_hostname(self._folder(address) / "hostname") != address:
                    raise OnionKeyUnusable("tor did not accept the onion key")
            except (TorCommandFailed, OnionKeyUnusable, HostnameUnusable):
                self._offers = before
                raise

    async def remove(self, control: TorControl, address: str, timeout: float) -> None:
        """As ``PublicationMethod.remove``; the key's folder goes whatever tor says."""
        async with _Turn(self._turn):
            self._offers.pop(address, None)
            try:
                await self._configure(control, timeout)
            finally:
                shutil.rmtree(self._folder(address), ignore_errors=True)

    async def _configure(self, control: TorControl, timeout: float) -> None:
        words = ["SETCONF"] if self._offers else ["SETCONF HiddenServiceDir"]
        for address, offer in self._offers.items():
            words += _words(self._written(address, offer), offer)
        await control.request(" ".join(words), timeout)

    def _folder(self, address: str) -> Path:
        return self._root / address[:16]

    def _written(self, address: str, offer: Publication) -> Path:
        """Write the folder: with the key missing from it, tor would make one of its own."""
        folder = self._folder(address)
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            _write(folder / "hs_ed25519_secret_key", key_file(offer.key))
            clients = folder / "authorized_clients"
            shutil.rmtree(clients, ignore_errors=True)
            clients.mkdir(mode=0o700)
            for number, client in enumerate(offer.clients):
                _write(clients / f"{number}.auth", f"descriptor:x25519:{client}\n".encode())
        except OSError as error:
            raise OnionKeyUnusable(f"the onion key cannot be passed to the launched tor: {error.strerror}",
                                   remedy="Free some space in the folder of the control socket, or set onion.circuits "
                                   "= false.") \
                from None
        return folder


@dataclass
class _Turn:
    """Holds a lock for the length of a block: what one SETCONF sets, the next sets again."""

    lock: DeferredLock

    async def __aenter__(self) -> None:
        await self.lock.acquire()

    async def __aexit__(self, kind: type[BaseException] | None, raised: BaseException | None,
                        traceback: TracebackType | None) -> None:
        self.lock.release()


def key_file(key: OnionKey) -> bytes:
    """Return what the file ``hs_ed25519_secret_key`` (96 bytes) of a key has."""
    return _HEAD + base64.b64decode(key.text.partition(":")[2])


def _words(folder: Path, offer: Publication) -> list[str]:
    """Return the settings of one service, the folder first, as SETCONF takes them [control-spec, 3.1]."""
    words = [f"HiddenServiceDir={torrc.quoted(folder)}",
             f'HiddenServicePort="{offer.outside} 127.0.0.1:{offer.inside}"']
    words += ["HiddenServiceExportCircuitID=haproxy"] if offer.circuits else []
    if offer.max_streams:
        words += [f"HiddenServiceMaxStreams={offer.max_streams}", "HiddenServiceMaxStreamsCloseCircuit=1"]
    return words + (["HiddenServicePoWDefensesEnabled=1"] if offer.pow else [])


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
