"""Where the passphrase of a sealed store comes from when nobody is asked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whisperd.errors import StoreKeyMissing, UsageError

if TYPE_CHECKING:
    from whisperd.interfaces import Random

#: Fewest bytes of a passphrase, and most that are read.
LEAST, MOST = 8, 4_096
_SERVICE = "whisperd store"


def checked(passphrase: str) -> bytes:
    """Return a new passphrase as bytes; raises UsageError when it is too short or too long."""
    encoded = passphrase.encode("utf-8", "surrogateescape")
    if not LEAST <= len(encoded) <= MOST:
        raise UsageError(f"a passphrase has at least {LEAST} characters",
                         remedy="Take five or six random words, which can be remembered.")
    return encoded


def from_descriptor(descriptor: int) -> bytes:
    """Return the first line that an open file descriptor gives, and close it. Raises StoreKeyMissing."""
    try:
        with os.fdopen(descriptor, "rb") as given:
            line = given.readline(MOST + 2).rstrip(b"\r\n")
    except OSError as error:
        raise StoreKeyMissing(f"no passphrase can be read from descriptor {descriptor}: {error.strerror}") from None
    return _long_enough(line, f"descriptor {descriptor}")


def from_credential(name: str, environment: Mapping[str, str]) -> bytes:
    """Return what systemd hands over as LoadCredential= or LoadCredentialEncrypted=. Raises StoreKeyMissing."""
    folder = environment.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise StoreKeyMissing("the service manager gives this daemon no credentials",
                              remedy=f"Add 'LoadCredentialEncrypted={name}' to the unit: whisperd.toml(5), STORE.")
    try:
        with (Path(folder) / Path(name).name).open("rb") as given:
            return _long_enough(given.read(MOST + 2).rstrip(b"\r\n"), f"the credential {name}")
    except OSError as error:
        raise StoreKeyMissing(f"the credential {name} cannot be read: {error.strerror}") from None


def from_keyring(path: Path, *, new: bool, random: Random) -> bytes:
    """Return what the user's keyring has for the store at ``path``; for a new store it is made. StoreKeyMissing.

    It needs the extra 'keyring'.
    """
    try:
        keyring: Any = import_module("keyring")
        kept = keyring.get_password(_SERVICE, str(path))
        if kept is None and new:
            kept = random(32).hex()
            keyring.set_password(_SERVICE, str(path), kept)
    except ImportError:
        raise StoreKeyMissing("the Python package keyring is not installed",
                              remedy="Install whisperd with its extra 'keyring'.") from None
    except Exception as error:  # its backends raise what they like
        raise StoreKeyMissing(f"the keyring failed: {type(error).__name__}",
                              remedy="Unlock the session's keyring, or set store.unlock = 'passphrase'.") from None
    if not kept:
        raise StoreKeyMissing("the keyring has nothing for this store")
    return str(kept).encode()


def _long_enough(passphrase: bytes, place: str) -> bytes:
    if not LEAST <= len(passphrase) <= MOST:
        raise StoreKeyMissing(f"what {place} holds is no passphrase of {LEAST} to {MOST} bytes")
    return passphrase
