"""The persistent key of an onion service: one line in one file that only its owner can read."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from whisperd import private_files
from whisperd.errors import OnionKeyUnusable

_TYPE = "ED25519-V3"
#: Bytes of an expanded Ed25519 private key, as tor gives and takes it.
_SIZE = 64


class KeyFile:
    """``path`` holds ``ED25519-V3:<base64 of 64 bytes>`` and has mode 0600, or does not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> str | None:
        """Return the key as ADD_ONION takes it, or None when there is no file.

        Raises OnionKeyUnusable when others may read the file, or when it holds no key.
        """
        content = read_private(self.path)
        return None if content is None else checked_key(content.decode("ascii", "replace").strip(), self.path)

    def save(self, key: str) -> None:
        """Write the key in one step: after a crash there is the whole key or none. Makes the folder where it lacks.

        Raises OnionKeyUnusable when it cannot be written."""
        write_private(self.path, f"{key}\n")


def read_private(path: Path) -> bytes | None:
    """Return what a file of mode 0600 holds, its first 64 KiB, or None when there is none; raises OnionKeyUnusable."""
    try:
        return private_files.read(path)
    except private_files.OthersMayRead:
        raise OnionKeyUnusable(f"other users than its owner may read {path}",
                               remedy="Anybody who has read it can take over the address. If you are sure that "
                               f"nobody has: chmod 600 {path}") \
            from None
    except OSError as error:
        raise OnionKeyUnusable(f"{path} cannot be read: {error.strerror}") from None


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600 in one step, and its folder where it lacks; raises OnionKeyUnusable."""
    try:
        private_files.write(path, text.encode())
    except OSError as error:
        raise OnionKeyUnusable(f"the onion key cannot be stored in {path}: {error.strerror}",
                               remedy="Set onion.key_file to a place that the daemon may write to, or set onion.key = "
                                      "'ephemeral'.") from None


def remove_private(path: Path) -> None:
    """Remove a file for good, if it is there; raises OnionKeyUnusable."""
    try:
        private_files.remove(path)
    except OSError as error:
        raise OnionKeyUnusable(f"{path} cannot be deleted: {error.strerror}", remedy="Delete it by hand.") from None


def checked_key(key: str, path: Path) -> str:
    """Return ``key``, which was read from ``path``, if it is one; raises OnionKeyUnusable."""
    kind, _, encoded = key.partition(":")
    try:
        valid = kind == _TYPE and len(base64.b64decode(encoded, validate=True)) == _SIZE
    except (binascii.Error, ValueError):
        valid = False
    if not valid:
        raise OnionKeyUnusable(f"{path} contains no {_TYPE} key")
    return key
