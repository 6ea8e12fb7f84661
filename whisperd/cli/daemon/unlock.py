"""The sealed store at the start of ``whisperd``: opened before anything runs, by whatever holds its passphrase."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from whisperd.cli import passphrase
from whisperd.config import Config
from whisperd.errors import WrongPassphrase
from whisperd.store import passphrases

if TYPE_CHECKING:
    from whisperd.store.sealed import SealedStore

_OTHERS = ("Restore the store file that belongs to it. Or start with store.unlock = 'passphrase'; then run "
           "'whisperctl store unlock' and type the right passphrase, or run 'whisperctl store wipe' to delete the "
           "store.")


def store_at_start(config: Config, descriptor: int | None) -> SealedStore | None:
    """Return the store of this configuration, None where everything stays in memory.

    It is open if its passphrase came from ``descriptor``, from the place that store.unlock names, or from somebody at
    the terminal, and locked if nobody could be asked. Raises the errors of ``SealedStore`` and ``store.sources``.
    """
    if config.store.kind != "sealed" or not config.peer.enabled:
        return None
    from whisperd.store.vault import make_store  # a relay alone does not load cryptography

    store = make_store(config.store)
    try:
        given = _given(config, store, descriptor)
        if given is not None:
            _open(store, given, "passphrase" if descriptor is not None else config.store.unlock)
        elif passphrase.can_ask():
            _ask(store)
    except BaseException:
        store.close()
        raise
    return store


def _given(config: Config, store: SealedStore, descriptor: int | None) -> bytes | None:
    if descriptor is not None:
        return passphrases.from_descriptor(descriptor)
    if config.store.unlock == "credential":
        return passphrases.from_credential(config.store.credential, os.environ)
    if config.store.unlock == "keyring":
        return passphrases.from_keyring(store.path, new=store.state == "new", random=os.urandom)
    return None


def _open(store: SealedStore, given: bytes, place: str) -> None:
    try:
        store.open_with(given)
    except WrongPassphrase:
        if place == "passphrase":
            raise
        raise WrongPassphrase(f"the passphrase from the {place} does not open the store "
                              f"{store.path}", remedy=_OTHERS) from None


def _ask(store: SealedStore) -> None:
    if store.state == "new":
        _say(f"whisperd: the sealed store {store.path} is new. Choose its passphrase now.")
        store.open_with(passphrase.ask_new("New passphrase").encode(errors="surrogateescape"))
        return
    for left in reversed(range(passphrase.TRIES)):
        try:
            store.open_with(passphrase.ask("Passphrase of the store").encode(errors="surrogateescape"))
            return
        except WrongPassphrase as error:
            if not left:
                raise
            _say(f"whisperd: {error.message}.")


def _say(line: str) -> None:
    """Say it where standard error is read; the question goes to the terminal itself."""
    with suppress(OSError):
        if sys.stderr is not None:
            print(line, file=sys.stderr)
