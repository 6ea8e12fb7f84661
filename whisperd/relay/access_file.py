"""The file in which access codes outlive the relay, if ``relay.access_file`` names one: mode 0600, whole or not there.

It holds hashes, no codes; but the key of the hashes too. Whoever can read it can try all codes at leisure.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from whisperd import private_files
from whisperd.errors import ConfigError
from whisperd.relay.access_codes import MAX_CODES, AccessRecord, Grant
from whisperd.wire.hidden import hidden

_VERSION = 1
#: Bytes; one code takes about 150.
_MAX_SIZE = 512 * MAX_CODES


class _Content(Struct):
    version: int
    key: bytes
    grants: list[Grant]

    __repr__ = hidden


class AccessFile:
    """The file of this path, written anew at each change."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def read(self) -> AccessRecord | None:
        """Return what the file holds, None when there is none.

        Raises ConfigError when it cannot be read, is readable by others or is not what was written.
        """
        try:
            content = private_files.read(self._path, _MAX_SIZE)
            found = None if content is None else msgspec.json.decode(content, type=_Content)
        except private_files.OthersMayRead:
            raise self._unusable("other users than its owner may read it") from None
        except OSError as error:
            raise self._unusable(error.strerror or "it cannot be read") from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self._unusable("its content is not what this program writes") from None
        if found is None:
            return None
        if found.version != _VERSION or len(found.key) != 32:
            raise self._unusable("it was written by another version of whisperd")
        return AccessRecord(found.key, found.grants)

    def write(self, record: AccessRecord) -> None:
        """Replace the file; raises ConfigError."""
        try:
            private_files.write(self._path, msgspec.json.encode(_Content(_VERSION, record.key, record.grants)),
                                make_folder=False)
        except OSError as error:
            raise self._unusable(error.strerror or "it cannot be written") from None

    def _unusable(self, why: str) -> ConfigError:
        return ConfigError(f"relay.access_file: {self._path} cannot be used: {why}",
                           remedy="Mend the file or its folder. Or move the file away; its access codes are lost then.")
