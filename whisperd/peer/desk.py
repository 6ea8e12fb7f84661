"""The edge of files: carries out reads and writes of one conversation in threads, each file's in their order.

What becomes of a file that was dropped is not reported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from whisperd.errors import WhisperdError
from whisperd.logs import unexpected
from whisperd.peer.downloads import Downloads, Partial, Source
from whisperd.peer.effects import DropFile, KeepFile, ReadFile, WriteFile
from whisperd.peer.files import FileEffect, Files

Told = Callable[[Files, float], list[FileEffect]]


class _Open:
    """An open file; at most one thread works on it, and what is to be written meanwhile waits."""

    def __init__(self, file: Partial | Source) -> None:
        self.file = file
        self.busy = False
        self.dropped = False
        self.waiting = bytearray()
        self.keep: KeepFile | None = None


class Desk:
    """The open files of one conversation; ``report`` takes what its core has to be told, as a function of (files, now).
    """

    def __init__(self, downloads: Downloads, reactor: Any, report: Callable[[Told], None]) -> None:
        self._downloads = downloads
        self._reactor = reactor
        self._report = report
        self._open: dict[int, _Open] = {}
        self._working = 0
        self._waiting: list[Deferred[None]] = []

    # -- commands -------------------------------------------------------------------------------------------------

    async def examine(self, source: Source) -> bytes:
        """Return the SHA-256 of a file that is to be sent; raises FileFailed."""
        return await self._thread(source.digest)

    def take(self, number: int, file: Partial | Source) -> None:
        """Look after an open file from now on."""
        self._open[number] = _Open(file)

    async def begin(self, number: int) -> Partial | None:
        """Open a new incoming file for ``number``, or return None when there is one; NoDownloads, FileFailed."""
        if number in self._open:
            return None
        partial: Partial = await self._thread(self._downloads.open)
        return partial

    def quiet(self) -> Deferred[None]:
        """Return a Deferred that fires when no thread works on a file."""
        self._waiting.append(Deferred())
        waiting = self._waiting[-1]
        self._tell_quiet()
        return waiting

    # -- effects --------------------------------------------------------------------------------------------------

    def carry_out(self, effect: ReadFile | WriteFile | KeepFile | DropFile) -> None:
        """Do it, and report the outcome; a file that is not open any more needs nothing."""
        opened = self._open.get(effect.number)
        if opened is None:
            return
        if isinstance(effect, DropFile):
            self._drop(effect.number, opened)
        elif isinstance(effect, ReadFile):
            self._read(opened, effect)
        else:
            if isinstance(effect, WriteFile):
                opened.waiting += effect.data
            else:
                opened.keep = effect
            if not opened.busy:
                self._write(effect.number, opened)

    def _read(self, opened: _Open, effect: ReadFile) -> None:
        source = opened.file
        assert isinstance(source, Source)
        number, offset = effect.number, effect.offset
        self._work(number, opened, lambda: source.read(offset, effect.size),
                   lambda data: self._report(lambda files, now: files.read(number, offset, data)))

    def _write(self, number: int, opened: _Open) -> None:
        partial = opened.file
        assert isinstance(partial, Partial)
        if opened.waiting:
            data, opened.waiting = bytes(opened.waiting), bytearray()
            self._work(number, opened, lambda: partial.write(data),
                       lambda _: self._report(lambda files, now: files.written(number, partial.size, now)))
        elif opened.keep is not None:
            keep, opened.keep = opened.keep, None
            self._work(number, opened, lambda: partial.keep(keep.name, keep.digest),
                       lambda name: self._kept(number, partial, name))

    def _kept(self, number: int, partial: Partial, name: str) -> None:
        del self._open[number]
        partial.close(wanted=True)
        self._report(lambda files, now: files.kept(number, name))

    def _drop(self, number: int, opened: _Open) -> None:
        opened.dropped = True
        if not opened.busy:
            del self._open[number]
            opened.file.close(wanted=False)

    def _work(self, number: int, opened: _Open, work: Callable[[], Any], report: Callable[[Any], None]) -> None:
        opened.busy = True
        self._working += 1
        running = self._thread(work)
        running.addBoth(self._worked, number, opened, report)
        running.addErrback(_note_bug)

    def _worked(self, outcome: Any, number: int, opened: _Open, report: Callable[[Any], None]) -> None:
        opened.busy = False
        self._working -= 1
        if opened.dropped:
            self._drop(number, opened)
        elif isinstance(outcome, Failure):
            opened.waiting.clear()
            self._report(lambda files, now: files.disk_failed(number, _error_of(outcome)))
        else:
            report(outcome)
            if not opened.busy and not opened.dropped and isinstance(opened.file, Partial):
                self._write(number, opened)
        self._tell_quiet()

    def _tell_quiet(self) -> None:
        while not self._working and self._waiting:
            self._waiting.pop().callback(None)

    def _thread(self, work: Callable[..., Any]) -> Deferred[Any]:
        return deferToThreadPool(self._reactor, self._reactor.getThreadPool(), work)


def _error_of(failure: Any) -> WhisperdError:
    if isinstance(failure.value, WhisperdError):
        return failure.value
    _note_bug(failure)
    return WhisperdError()


def _note_bug(failure: Any) -> None:
    unexpected(failure.value.with_traceback(failure.getTracebackObject()))
