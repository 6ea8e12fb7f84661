"""The audit trail: which administrative method was asked for, by whom, and what came of it. Off unless configured.

A record has no parameter and no result, so that it can name no conversation, code or address. What belongs to
conversations is not recorded at all, but for attempts by those who may not.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress

from whisperd import logs
from whisperd.errors import ConfigError

#: Value of control.audit that stands for the log.
TO_LOG = "log"
DONE = "done"
#: A pipe that nobody reads fails, and is not waited for.
_OPEN_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Audit:
    """Records go where ``place`` says: "log", a file's path, or nowhere when it is empty."""

    def __init__(self, place: str = "") -> None:
        self._place = place
        self._file: int | None = None
        self._failed = False
        self._torn = False  # the last record that was written is not whole

    def open(self) -> None:
        """Open the file, where it is one; raises ConfigError when records could not be written."""
        if self._place and self._place != TO_LOG:
            try:
                self._file = self._opened()
            except OSError as error:
                raise _unusable(self._place, error) from None

    def preflight(self) -> None:
        """Raise ConfigError when there is a file to which records could not be written; make none."""
        if self._place and self._place != TO_LOG:
            try:
                os.close(os.open(self._place, _OPEN_FLAGS))
            except FileNotFoundError:
                return
            except OSError as error:
                raise _unusable(self._place, error) from None

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def reopen(self) -> None:
        """Open the file anew, after the old one was moved away; where that fails the old one stays in use."""
        if self._file is not None:
            with suppress(OSError):
                fresh = self._opened()
                self.close()
                self._file = fresh

    def record(self, method: str, uid: int, outcome: str) -> None:
        """Write one record; ``outcome`` is DONE or an error's code. A file that fails is complained of once."""
        if self._place == TO_LOG:
            logs.note("control-audit", method=method, uid=uid, outcome=outcome)
        elif self._file is not None:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            line = json.dumps({"time": stamp, "method": method, "uid": uid, "outcome": outcome}) + "\n"
            self._write(line.encode())

    def _write(self, line: bytes) -> None:
        assert self._file is not None
        try:
            rest = b"\n" + line if self._torn else line
            while rest:
                rest = rest[os.write(self._file, rest):]
                self._torn = bool(rest)
            self._failed = False
        except OSError:
            if not self._failed:
                logs.note("control-audit-failed")
            self._failed = True

    def _opened(self) -> int:
        return os.open(self._place, _OPEN_FLAGS | os.O_CREAT, 0o600)


def _unusable(place: str, error: OSError) -> ConfigError:
    return ConfigError(f"control.audit: {place} cannot be written: {error.strerror}",
                       remedy="Name a file that the daemon's user may write to, or 'log'.")
