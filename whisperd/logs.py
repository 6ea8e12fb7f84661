"""What the daemon may say in its log: a closed set of events, each with a closed set of fields.

Anything else cannot be logged: no code, room, address, payload or key has a field to go into. Values are whole
numbers, booleans, or words of at most 40 characters out of a-z, 0-9 and '-'. Free text that comes from Twisted,
autobahn or txtorcon never reaches the log; of a failure only the exception's type and place are kept.

Lines go to a stream, and to those who follow the log; the last RECENT of them are kept in memory for these.

Nothing here raises or waits, whatever became of the stream and whatever it is given: state machines log in the middle
of a step. ``strict`` has mistakes of the code raised, for tests.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any, TextIO

#: Most lines that are kept for those who follow the log.
RECENT = 1_000
#: The priorities by which the journal sorts lines that begin with them. [sd-daemon(3)]
PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3}
LEVELS = ("debug", "info", "warning", "error")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_NOT_OF_A_WORD = re.compile(r"[^A-Za-z0-9._-]+")
#: What stands for a value that is no word.
WITHHELD = "withheld"


@dataclass(frozen=True)
class LogEvent:
    """One kind of line: its severity, the fields it may have, and what it means."""

    level: str
    help: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class LogLine:
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
    "daemon-started": LogEvent("info", "The daemon has started and answers on its control "
                               "socket.", ("version", "relay", "peer")),
    "daemon-stopping": LogEvent("info", "The daemon was asked to stop.", ("signal",)),
    "daemon-failed": LogEvent("error", "The daemon could not start, or had to stop.", ("code",)),
    "daemon-reloaded": LogEvent("info", "The configuration was read again after SIGHUP. 'code' is 'none', or the "
                                "reason why nothing changed.",
                                ("code",)),
    "control-refused": LogEvent("warning", "A local user without the necessary right used the control "
                                "socket.", ("uid",)),
    "control-audit": LogEvent("info", "A local user gave an administrative command. Only if control.audit "
                                      "is 'log'.", ("method", "uid", "outcome")),
    "control-audit-failed": LogEvent("error", "The file of control.audit could not be written."),
    "control-dropped": LogEvent("warning", "A local user who followed the log did not read it fast enough, and was "
                                "disconnected.",
                                ("uid",)),
    "relay-listening": LogEvent("info", "The relay accepts connections.", ("listeners",)),
    "relay-refused": LogEvent("debug", "The relay refused a connection or a frame.", ("code",)),
    "relay-room-expired": LogEvent("debug", "A room with fewer than two clients expired."),
    "relay-access-not-written": LogEvent("error", "The file of access codes could not be written."),
    "tor-state": LogEvent("info", "The state of the connection to tor changed.", ("state", "percent", "code")),
    "onion-state": LogEvent("info", "The state of the onion service changed.", ("state", "code")),
    "onion-probe": LogEvent("info", "The result of a probe of the onion service through Tor.", ("reached", "code")),
    "link-state": LogEvent("debug", "A link of a conversation went up or down.", ("link", "state", "reason")),
    "handshake-failed": LogEvent("warning", "A handshake with a peer failed.", ("code",)),
    "chat-state": LogEvent("debug", "The state of a conversation changed.", ("state",)),
    "store-state": LogEvent("info", "The sealed store is new, locked, open, or cannot be written. 'code' is the "
                            "reason.",
                            ("state", "code")),
    "log-lines-lost": LogEvent("warning", "Lines are missing here, because standard error was full or could not be "
                               "written.",
                               ("lines",)),
    "unexpected": LogEvent("error", "A bug in whisperd: an unexpected exception.", ("type", "place")),
}

_threshold = LEVELS.index("info")
_stream: TextIO | None = None  # standard error, whatever that is when a line is written
_journal = False
_strict = False
_recent: deque[LogLine] = deque(maxlen=RECENT)
_followers: dict[object, Callable[[LogLine], None]] = {}


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


def strict(on: bool) -> None:
    """Have ``note`` and ``mistaken`` raise what is wrong in the code that calls them, for tests; off at the start."""
    global _strict
    _strict = on


def goes_to_journal(environment: Mapping[str, str], descriptor: int = 2) -> bool:
    """Return whether a descriptor is the journal's stream that the service manager names. [systemd.exec(5)]"""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def note(event: str, **fields: object) -> None:
    """Write one line. An event or a field that is not in the closed set is left out, a value that is no word is
    withheld, and where that happened is written down; with ``strict`` it raises KeyError or ValueError."""
    try:
        line, mistake = _line(event, fields)
    except Exception as error:
        line, mistake = None, error
    if mistake is not None:
        if _strict:
            raise mistake
        _write(_bug(mistake, sys._getframe(1)))
    if line is not None:
        _write(line)


def mistaken(error: Exception) -> None:
    """Write down a mistake of the caller's caller that is survived; with ``strict`` it is raised."""
    if _strict:
        raise error
    _write(_bug(error, sys._getframe(2)))


def lost(lines: int) -> str:
    """Return what stands in the stream, and nowhere else, where so many lines are missing."""
    return _shown(_own("log-lines-lost", lines=str(lines)))


def _line(event: str, fields: Mapping[str, object]) -> tuple[LogLine | None, Exception | None]:
    """Return the line, as far as it may be written, and what is wrong with it."""
    kind = EVENTS.get(event)
    if kind is None:
        return None, KeyError("there is no such log event")
    unknown = set(fields) - set(kind.fields)
    mistake: Exception | None = KeyError(f"log event {event} has no such field") if unknown else None
    shown = []
    for name, value in fields.items():
        if name not in unknown:
            word = _word(value)
            mistake = mistake or (ValueError(f"the log field {name} must be a number, a boolean or one plain word")
                                  if word is None else None)
            shown.append((name, word or WITHHELD))
    return LogLine(time.time(), kind.level, event, tuple(shown)), mistake


def _write(line: LogLine) -> None:
    """Hand the line to the stream and to the followers; one that fails is no follower any more."""
    if LEVELS.index(line.level) < _threshold:
        return
    with suppress(Exception, SystemExit):  # nobody is left to be told; rich exits where its reader is gone
        stream = _stream or sys.stderr
        if stream is not None:
            stream.write(_shown(line))
            stream.flush()
    _recent.append(line)
    for key, tell in list(_followers.items()):
        try:
            tell(line)
        except Exception as error:
            _followers.pop(key, None)
            unexpected(error)


def _shown(line: LogLine) -> str:
    lead = f"<{PRIORITIES[line.level]}>" if _journal else f"{line.stamp} "
    return f"{lead}{line}\n"


def recent(level: str, limit: int) -> list[LogLine]:
    """Return the last lines of at least this severity, at most ``limit`` of them, the oldest first."""
    wanted = [line for line in list(_recent) if LEVELS.index(line.level) >= LEVELS.index(level)]
    return wanted[len(wanted) - min(limit, len(wanted)):]


def follow(tell: Callable[[LogLine], None]) -> Callable[[], None]:
    """Call ``tell`` with each line that is written from now on, in whatever thread; return what ends it.

    It must return at once, and has to bound what it keeps. One that raises is told nothing more.
    """
    key = object()
    _followers[key] = tell
    return lambda: _followers.pop(key, None) and None


def unexpected(error: BaseException, trace: TracebackType | None = None) -> None:
    """Write down a bug: the exception's type and the innermost place of it, or of ``trace``, never its text."""
    try:
        frame, number = None, 0
        step = trace or error.__traceback__
        while step is not None:
            frame, number, step = step.tb_frame, step.tb_lineno, step.tb_next
        line = _bug(error, frame, number)
    except Exception as another:
        line = _bug(another, None)
    _write(line)


def _bug(error: BaseException, frame: FrameType | None, number: int = 0) -> LogLine:
    place = "unknown" if frame is None else _place(frame.f_code.co_filename, number or frame.f_lineno)
    return _bug_line(type(error).__name__, place)


def _bug_line(name: str, place: str) -> LogLine:
    return _own("unexpected", type=_made_a_word(name), place=place)


def _own(event: str, **fields: str) -> LogLine:
    """Return a line of this module's own, whose fields are words."""
    return LogLine(time.time(), EVENTS[event].level, event, tuple(fields.items()))


def _place(file: str, number: int) -> str:
    return _made_a_word(f"{file.rpartition('/')[2]}-{number}")


def _made_a_word(text: str) -> str:
    """Return names of files and types, which may be anything, as a word."""
    return _NOT_OF_A_WORD.sub("-", text).strip("._-")[:64] or "unknown"


def adopt_twisted() -> None:
    """Send Twisted's own log here: failures by type and place, everything else nowhere."""
    from twisted.logger import ILogObserver, globalLogBeginner
    from zope.interface import implementer

    @implementer(ILogObserver)  # type: ignore[untyped-decorator]  # of zope
    def observe(event: dict[str, Any]) -> None:
        failure = event.get("log_failure")
        if failure is not None:
            unexpected(failure.value, failure.getTracebackObject())

    globalLogBeginner.beginLoggingTo([observe], redirectStandardIO=False, discardBuffer=True)


def adopt_python() -> None:
    """Send here what Python itself would print with its text: what destructors and threads raise, and warnings."""
    sys.unraisablehook = lambda raised: unexpected(raised.exc_value or raised.exc_type(), raised.exc_traceback)
    threading.excepthook = lambda raised: unexpected(raised.exc_value or raised.exc_type(), raised.exc_traceback)
    warnings.showwarning = _warned


def _warned(message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None,
            line: str | None = None) -> None:
    _write(_bug_line(category.__name__, _place(filename, lineno)))


def _word(value: object) -> str | None:
    """Return a value as it is shown, or None for one that may not be."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    return str(value) if isinstance(value, str) and _WORD.match(value) else None
