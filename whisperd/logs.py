"""What the daemon may say in its log: a closed set of events, each with a closed set of fields.

Anything else cannot be logged: no code, room, address, payload or key has a field to go into. Values are whole
numbers, booleans, or words of at most 40 characters out of a-z, 0-9 and '-'. Free text that comes from Twisted,
autobahn or txtorcon never reaches the log; of a failure only the exception's type and place are kept.

Lines go to a stream, and to those who follow the log; the last RECENT of them are kept in memory for these.
"""

from __future__ import annotations

import os
import re
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

#: Most lines that are kept for those who follow the log.
RECENT = 1_000
#: The priorities by which the journal sorts lines that begin with them. [sd-daemon(3)]
PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3}
LEVELS = ("debug", "info", "warning", "error")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


@dataclass(frozen=True)
class LogEvent:
    """One kind of line: its severity, the fields it may have, and what it means."""

    level: str
    help: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class Line:
    """One line that was written: unix seconds, severity, event, and the fields as they may be shown."""

    time: float
    level: str
    event: str
    fields: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return " ".join([self.level, self.event, *(f"{name}={value}" for name, value in self.fields)])

    @property
    def stamp(self) -> str:
        """The time in UTC, to the second."""
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.time))


EVENTS: dict[str, LogEvent] = {
    "daemon-started": LogEvent("info", "The daemon serves its control socket.", ("version", "relay", "peer")),
    "daemon-stopping": LogEvent("info", "The daemon was asked to stop.", ("signal",)),
    "daemon-failed": LogEvent("error", "The daemon could not start or go on.", ("code",)),
    "daemon-reloaded": LogEvent("info", "SIGHUP had the configuration read again; 'none', or why that changed nothing.",
                                ("code",)),
    "control-refused": LogEvent("warning", "A local user without the right used the control socket.", ("uid",)),
    "control-audit": LogEvent("info", "A local user asked for something administrative; only where control.audit says "
                                      "so.", ("method", "uid", "outcome")),
    "control-audit-failed": LogEvent("error", "The file of control.audit could not be written."),
    "control-dropped": LogEvent("warning", "A local user followed the log, did not read it, and was cut off.",
                                ("uid",)),
    "relay-listening": LogEvent("info", "The relay accepts connections.", ("listeners",)),
    "relay-refused": LogEvent("debug", "The relay refused a connection or a frame.", ("code",)),
    "relay-room-expired": LogEvent("debug", "A room that was not paired expired."),
    "relay-access-not-kept": LogEvent("error", "The file of access codes could not be written."),
    "tor-state": LogEvent("info", "Where the connection to tor stands.", ("state", "percent", "code")),
    "onion-state": LogEvent("info", "Where the onion service stands.", ("state", "code")),
    "onion-probe": LogEvent("info", "Whether the onion service was reached through Tor.", ("reached", "code")),
    "link-state": LogEvent("debug", "A link of some conversation went up or down.", ("link", "state", "reason")),
    "handshake-failed": LogEvent("warning", "A handshake with a peer stopped.", ("code",)),
    "chat-state": LogEvent("debug", "Some conversation changed its state.", ("state",)),
    "store-state": LogEvent("info", "The sealed store is new, locked, open, or failing to be written.", ("state",)),
    "unexpected": LogEvent("error", "A bug: an exception that nobody expected.", ("type", "place")),
}

_threshold = LEVELS.index("info")
_stream: TextIO | None = None  # standard error, whatever that is when a line is written
_journal = False
_recent: deque[Line] = deque(maxlen=RECENT)
_followers: dict[object, Callable[[Line], None]] = {}


def configure(*, level: str = "info", stream: TextIO | None = None, journal: bool = False) -> None:
    """Set the least level that is written, where to, and whether the journal adds the time itself."""
    global _stream, _journal
    set_level(level)
    _stream = stream
    _journal = journal


def set_level(level: str) -> None:
    """Set the least level that is written, and leave the rest as it is."""
    global _threshold
    _threshold = LEVELS.index(level)


def goes_to_journal(environment: Mapping[str, str], descriptor: int = 2) -> bool:
    """Return whether a descriptor is the journal's stream that the service manager names. [systemd.exec(5)]"""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def note(event: str, **fields: int | bool | str) -> None:
    """Write one line; raises KeyError or ValueError when the event or a field is not in the closed set."""
    kind = EVENTS[event]
    unknown = set(fields) - set(kind.fields)
    if unknown:
        raise KeyError(f"log event {event} has no field {', '.join(sorted(unknown))}")
    line = Line(time.time(), kind.level, event, tuple((name, _safe(value)) for name, value in fields.items()))
    if LEVELS.index(kind.level) < _threshold:
        return
    lead = f"<{PRIORITIES[kind.level]}>" if _journal else f"{line.stamp} "
    print(f"{lead}{line}", file=_stream or sys.stderr, flush=True)
    _recent.append(line)
    for tell in list(_followers.values()):
        tell(line)


def recent(level: str, most: int) -> list[Line]:
    """Return the last lines of at least this severity, ``most`` at most, the oldest first."""
    wanted = [line for line in _recent if LEVELS.index(line.level) >= LEVELS.index(level)]
    return wanted[len(wanted) - min(most, len(wanted)):]


def follow(tell: Callable[[Line], None]) -> Callable[[], None]:
    """Call ``tell`` with each line that is written from now on, in whatever thread; return what ends it.

    It must return at once, must not raise, and has to bound what it keeps.
    """
    key = object()
    _followers[key] = tell
    return lambda: _followers.pop(key, None) and None


def unexpected(error: BaseException) -> None:
    """Write down a bug: the exception's type and the innermost place of it, never its text."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename.rsplit('/', 1)[-1]}-{frames[-1].lineno}" if frames else "unknown"
    note("unexpected", type=type(error).__name__[:64], place=place[:64])


def adopt_twisted() -> None:
    """Send Twisted's own log here: failures by type and place, everything else nowhere."""
    from twisted.logger import ILogObserver, globalLogBeginner
    from zope.interface import implementer

    @implementer(ILogObserver)
    def observe(event: dict[str, Any]) -> None:
        failure = event.get("log_failure")
        if failure is not None:
            unexpected(failure.value.with_traceback(failure.getTracebackObject()))

    globalLogBeginner.beginLoggingTo([observe], redirectStandardIO=False, discardBuffer=True)


def _safe(value: int | bool | str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if not _WORD.match(value):
        raise ValueError("a log field is a number, a boolean or one plain word")
    return value
