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
MIN, MAX = 8, 4_096
#: What an entry of the keyring is called; the name of its user is the path of the store.
_SERVICE = "whisperd store"

_UNLOCK = "Unlock it and restart whisperd, or set store.unlock = 'passphrase'."
_NO_KEYRING = ("Start whisperd in a session with a Secret Service (for example gnome-keyring) and D-Bus, or set "
               "store.unlock = 'passphrase'.")
_PUT_BACK = ("If the file was moved, move it back. Or store its passphrase under its new path: 'keyring set "
             "\"whisperd store\" PATH'.")


def checked(passphrase: str) -> bytes:
    """Return a new passphrase as bytes; raises UsageError when it is too short or too long."""
    encoded = passphrase.encode("utf-8", "surrogateescape")
    if not MIN <= len(encoded) <= MAX:
        raise UsageError(f"a passphrase must have at least {MIN} characters",
                         remedy="Choose five or six random words that you can remember.")
    return encoded


def from_descriptor(descriptor: int) -> bytes:
    """Return the first line that an open file descriptor gives, and close it. Raises StoreKeyMissing."""
    try:
        with os.fdopen(descriptor, "rb") as given:
            line = given.readline(MAX + 2).rstrip(b"\r\n")
    except OSError as error:
        raise StoreKeyMissing(f"the passphrase could not be read from descriptor {descriptor}: "
                              f"{error.strerror}") from None
    return _long_enough(line, f"descriptor {descriptor}")


def from_credential(name: str, environment: Mapping[str, str]) -> bytes:
    """Return what systemd hands over as LoadCredential= or LoadCredentialEncrypted=. Raises StoreKeyMissing."""
    folder = environment.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise StoreKeyMissing("the service manager passes no credentials to this daemon",
                              remedy=f"Add 'LoadCredentialEncrypted={name}' to the unit. See whisperd.toml(5), STORE.")
    try:
        with (Path(folder) / Path(name).name).open("rb") as given:
            return _long_enough(given.read(MAX + 2).rstrip(b"\r\n"), f"the credential {name}")
    except OSError as error:
        raise StoreKeyMissing(f"the credential {name} cannot be read: {error.strerror}") from None


def from_keyring(path: Path, *, new: bool, random: Random) -> bytes:
    """Return what the keyring of the user's session has for the store at ``path``; for a new store it is made.

    Raises StoreKeyMissing where there is no keyring, where it is locked, or where it has nothing. It may ask the person
    to unlock it, so it blocks. It needs the extra 'keyring'.
    """
    name = str(path)
    try:
        ring = _keyring()
        kept = ring.get_password(_SERVICE, name)
        if not kept and new:
            kept = random(32).hex()
            ring.set_password(_SERVICE, name, kept)
            if ring.get_password(_SERVICE, name) != kept:
                raise StoreKeyMissing("the keyring did not store the passphrase")
    except (ImportError, StoreKeyMissing) as error:
        raise error if isinstance(error, StoreKeyMissing) else StoreKeyMissing(
            "the Python package keyring is not installed",
            remedy="Install whisperd with the extra 'keyring'.") from None
    except Exception as error:  # its backends raise what they like
        locked = type(error).__name__ == "KeyringLocked"
        raise StoreKeyMissing("the keyring of this session is locked" if locked else
                              f"the keyring failed: {type(error).__name__}", remedy=_UNLOCK) from None
    if not kept:
        raise StoreKeyMissing(f"the keyring contains no passphrase for the store {name}", remedy=_PUT_BACK)
    return str(kept).encode()


def _keyring() -> Any:
    """Return the best keyring of this session; raises ImportError, and StoreKeyMissing if there is none worth its name.

    The package ranks what it finds, and by its own rule [keyring, backend.py: ``recommended``] what ranks below 1 does
    not protect anything: a file in the clear, or nothing at all.
    """
    found: Any = import_module("keyring").get_keyring()
    best = next(iter(getattr(found, "backends", ())), found)  # a chain of several, the best one first
    if best.priority < 1:
        raise StoreKeyMissing("this session has no keyring", remedy=_NO_KEYRING)
    return best


def _long_enough(passphrase: bytes, place: str) -> bytes:
    if not MIN <= len(passphrase) <= MAX:
        raise StoreKeyMissing(f"the content of {place} is not a passphrase of {MIN} to {MAX} bytes")
    return passphrase
