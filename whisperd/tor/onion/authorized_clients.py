"""Who may reach a private onion service: a name and a public key for each, in memory or in one file of mode 0600."""

from __future__ import annotations

import re
from pathlib import Path

from whisperd.errors import CredentialMalformed, OnionKeyUnusable, UsageError
from whisperd.tor.onion.client_auth import unbase32
from whisperd.tor.onion.key_file import read_private, write_private

#: Maximum number of clients: a descriptor has room for some more.
MAX_CLIENTS = 256
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,32}\Z")


class ClientList:
    """The clients by name; recorded in ``path``, one line each (name, public key), or in memory where that is None."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._keys: dict[str, str] | None = {} if path is None else None

    @property
    def names(self) -> list[str]:
        """The names, in the order in which they came; raises OnionKeyUnusable when the file cannot be used."""
        return list(self._loaded())

    @property
    def keys(self) -> list[str]:
        """The public keys, 52 characters of base32 each; raises as ``names``."""
        return list(self._loaded().values())

    def add(self, name: str, public: str) -> None:
        """Let whoever holds the key that belongs to ``public`` in; raises UsageError, OnionKeyUnusable."""
        known = self._loaded()
        if not _NAME.match(name):
            raise UsageError(f"{name!r} is not a valid name for a "
                             "client", remedy="Use 1 to 32 letters, digits, '.', '_' and "
                             "'-'.")
        if name in known:
            raise UsageError(f"there already is a client named {name}",
                             remedy=f"Choose another name, or first run 'whisperctl onion client remove {name}'.")
        if len(known) >= MAX_CLIENTS:
            raise UsageError(f"there are {MAX_CLIENTS} clients, which is the maximum",
                             remedy="Remove the ones that are no longer needed.")
        self._record({**known, name: public})

    def remove(self, name: str) -> None:
        """Let the client ``name`` in no more; raises UsageError, OnionKeyUnusable."""
        known = self._loaded()
        if name not in known:
            raise UsageError("there is no client with this name", remedy="To see the clients, run 'whisperctl onion "
                             "client list'.")
        self._record({one: key for one, key in known.items() if one != name})

    def _loaded(self) -> dict[str, str]:
        if self._keys is None:
            assert self._path is not None
            text = read_private(self._path) or b""
            self._keys = _parsed(text.decode("ascii", "replace"), self._path)
        return self._keys

    def _record(self, keys: dict[str, str]) -> None:
        if self._path is not None:
            write_private(self._path, "".join(f"{name} {key}\n" for name, key in keys.items()))
        self._keys = keys


def _parsed(text: str, path: Path) -> dict[str, str]:
    keys: dict[str, str] = {}
    for line in text.splitlines():
        name, _, key = line.partition(" ")
        try:
            unbase32(key)
        except CredentialMalformed:
            raise OnionKeyUnusable(f"{path} is not a list of clients",
                                   remedy="Restore it from a backup, or move it away; then no client can reach the "
                                   "onion service.") from None
        keys[name] = key
    return keys
