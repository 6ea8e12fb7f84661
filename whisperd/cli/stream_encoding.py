"""Standard input, output and error, as a program can rely on them: able to carry every character, and failing with an
error that names them, standard error never. They write as ``output`` does."""

from __future__ import annotations

import io
import os
import select
import sys
from contextlib import suppress
from typing import TextIO

from whisperd.cli import checked_stdout
from whisperd.cli.closed_descriptors import was_closed
from whisperd.errors import InputFailed, OutputFailed

_IN, _OUT, _ERROR = range(3)


def prepare() -> None:
    """Put streams in place of those that Python opened. Does nothing to those that somebody else put there."""
    if sys.stdin is None or sys.stdin is sys.__stdin__:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(_Input(_IN)), _reads(sys.stdin), "surrogateescape")
    if sys.stdout is None or sys.stdout is sys.__stdout__:
        sys.stdout = _text(_Output(_OUT), sys.stdout)
    if sys.stderr is None or sys.stderr is sys.__stderr__:
        sys.stderr = _text(_Error(_ERROR), sys.stderr)


def flush() -> None:
    """Write what is left; raises OutputFailed or ReaderGone, and from then on nothing is written any more."""
    try:
        sys.stdout.flush()
    except BaseException:
        abandon()
        raise


def abandon() -> None:
    """Let standard output swallow what is still to be written: Python would complain of it at exit."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(raw, _Output):
        raw.abandoned = True


def is_standard_error(stream: TextIO) -> bool:
    """Return whether a stream is the one that was put in place for standard error."""
    return isinstance(getattr(getattr(stream, "buffer", None), "raw", None), _Error)


class _Descriptor(io.RawIOBase):
    """A descriptor that is never closed, and may be one that can be neither read nor written."""

    def __init__(self, number: int) -> None:
        self._number = number

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)


class _Input(_Descriptor):
    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        while True:
            try:
                return os.readv(self._number, [buffer])
            except BlockingIOError:  # somebody else who has it open has made it so
                select.select([self._number], [], [])
            except OSError as error:
                why = "is closed" if was_closed(self._number) else f"cannot be read: {error.strerror}"
                raise InputFailed(f"standard input {why}") from None


class _Output(_Descriptor):
    abandoned = False

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        if not self.abandoned:
            checked_stdout.write_all(self._number, data)
        return len(data)


class _Error(_Descriptor):
    """What cannot be said here cannot be said anywhere: it is dropped."""

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        with suppress(OutputFailed, checked_stdout.ReaderGone):
            checked_stdout.write_all(self._number, data)
        return len(data)


def _text(raw: _Descriptor, before: TextIO | None) -> TextIO:
    encoding = getattr(before, "encoding", None) or "utf-8"
    lines = bool(getattr(before, "line_buffering", raw.isatty() or isinstance(raw, _Error)))
    through = bool(getattr(before, "write_through", False))
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, "backslashreplace", line_buffering=lines,
                            write_through=through)


def _reads(before: TextIO | None) -> str:
    """Return the encoding of what comes in: where the locale knows ASCII only, the rest is UTF-8."""
    encoding = getattr(before, "encoding", None) or "utf-8"
    return "utf-8" if encoding.lower().replace("_", "-") in ("ascii", "us-ascii", "ansi-x3.4-1968", "646") else encoding
