"""The file in which access codes outlive the relay, if ``relay.access_keep`` names one: mode 0600, whole or not there.

It holds hashes, no codes; but the key of the hashes too. Whoever can read it can try all codes at leisure.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec
from msgspec import Struct

from whisperd.errors import ConfigError
from whisperd.interfaces import Random
from whisperd.relay.access import AccessCodes, Grant

_VERSION = 1


class _Record(Struct):
    version: int
    key: bytes
    grants: list[Grant]


def kept(path: str, random: Random) -> AccessCodes:
    """Return the access codes of the file ``path``, which is written anew at each change.

    Raises ConfigError when the file is there and cannot be read, is readable by others or is not what was written.
    """
    found = read(path)
    if found is None:
        access = AccessCodes(random, changed=lambda access: _write(path, access))
        _write(path, access)
        return access
    return AccessCodes(random, key=found.key, grants=found.grants, changed=lambda access: _write(path, access))


def read(path: str) -> _Record | None:
    """Return what the file holds, None when there is none; raises ConfigError as ``kept`` does."""
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise _unusable(path, "other users than its owner may read it")
            found = msgspec.json.decode(file.read(), type=_Record)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(path, error.strerror or "it cannot be read") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _unusable(path, "its content is not what this program writes") from None
    if found.version != _VERSION or len(found.key) != 32:
        raise _unusable(path, "it was written by another version of whisperd")
    return found


def _write(path: str, access: AccessCodes) -> None:
    content = msgspec.json.encode(_Record(_VERSION, access.key, list(access.grants.values())))
    beside = f"{path}.new"
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        folder = os.open(Path(path).parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise _unusable(path, error.strerror or "it cannot be written") from None


def _unusable(path: str, why: str) -> ConfigError:
    return ConfigError(f"relay.access_keep: {path} cannot be used: {why}",
                       remedy="Mend the file or its folder. Or move the file away; its access codes are lost then.")
