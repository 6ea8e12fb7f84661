"""The edge of files: carries out reads and writes of one conversation in threads, each file's in their order.

What becomes of a file that was dropped is not reported. One that was left by a run before is opened here, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from whisperd.errors import TooLate, WhisperdError
from whisperd.logs import unexpected
from whisperd.peer.effects import DropFile, FinishFile, ReadFile, WriteFile
from whisperd.peer.files.downloads import Downloads, Partial
from whisperd.peer.files.offers import FileEffect, Files
from whisperd.peer.files.transfer import OnDisk, Transfer
from whisperd.peer.files.uploads import Left, UploadSource
from whisperd.timers import Clock

Told = Callable[[Files, float], list[FileEffect]]
_File = Partial | UploadSource | Left
_T = TypeVar("_T")


class Threads(Clock, Protocol):
    """A reactor that has threads for what may block."""

    def getThreadPool(self) -> ThreadPool:
        """Return its pool. [twisted.internet.interfaces.IReactorThreads]"""


class _Open:
    """An open file; at most one thread works on it, and what is to be written meanwhile waits."""

    def __init__(self, file: _File) -> None:
        self.file = file
        self.busy = False
        self.dropped = False
        #: Whether all of it is in its place, for good.
        self.done = False
        self.waiting = bytearray()
        self.finish: FinishFile | None = None


class FilesOnDisk:
    """The open files of one conversation; ``report`` takes what its core has to be told, as a function of (files, now).
    """

    def __init__(self, downloads: Downloads, reactor: Threads, report: Callable[[Told], None]) -> None:
        self._downloads = downloads
        self._reactor = reactor
        self._report = report
        self._open: dict[int, _Open] = {}
        self._working = 0
        self._waiting: list[Deferred[None]] = []
        self._resting = False

    # -- commands -------------------------------------------------------------------------------------------------

    async def examine(self, source: UploadSource) -> tuple[bytes, str]:
        """Return the SHA-256 of a file that is to be sent, and where it is found after a restart, if there is one that
        it outlives; raises FileFailed."""
        digest, place = await self._thread(
            lambda: (source.digest(), source.place() if self._downloads.durable else ""))
        return digest, place

    def take(self, number: int, file: _File) -> None:
        """Look after an open file from now on."""
        self._open[number] = _Open(file)

    async def begin(self, number: int) -> Partial | None:
        """Open an incoming file for ``number``, the one that was left if there is one, or return None when it is open.

        Raises NoDownloads, FileFailed or TooLate."""
        opened = self._open.get(number)
        if opened is None:
            return await self._thread(self._downloads.open)
        partial = self._partial(opened)
        if opened.busy and not partial.is_open:
            raise TooLate("the file is already being opened")
        if partial.is_open:
            return None
        self._occupy(opened)
        try:
            await self._thread(partial.open)
        finally:
            self._leave(number, opened)
        return partial

    def go_on(self, transfers: Iterable[Transfer]) -> None:
        """Find the files of a run before, and report of those that are to go on now."""
        for transfer in transfers:
            number, place = transfer.number, transfer.on_disk
            if transfer.direction == "out":
                self._check(number, Left(place.place, transfer.size, transfer.digest))
            elif place.place:
                partial = self._downloads.left(place, transfer.size, transfer.digest)
                self.take(number, partial)
                if transfer.checking:
                    self._find(number, partial)

    def give_back(self, partial: Partial) -> None:
        """Close a file that ``begin`` opened and that is not wanted any more, or not in this run."""
        if self._resting:
            partial.shut()
        else:
            partial.close(wanted=False)

    def rest(self) -> None:
        """Close everything, and leave what is partial for another run."""
        self._resting = True
        for number, opened in list(self._open.items()):
            self._drop(number, opened)

    def quiet(self) -> Deferred[None]:
        """Return a Deferred that fires when no thread works on a file."""
        self._waiting.append(Deferred())
        waiting = self._waiting[-1]
        self._tell_quiet()
        return waiting

    # -- effects --------------------------------------------------------------------------------------------------

    def carry_out(self, effect: ReadFile | WriteFile | FinishFile | DropFile) -> None:
        """Do it, and report the outcome; a file that is not open any more needs nothing."""
        opened = self._open.get(effect.number)
        if opened is None:
            return
        if isinstance(effect, DropFile):
            opened.done = effect.done
            self._drop(effect.number, opened)
        elif isinstance(effect, ReadFile):
            self._read(opened, effect)
        else:
            if isinstance(effect, WriteFile):
                opened.waiting += effect.data
            else:
                opened.finish = effect
            if not opened.busy:
                self._write(effect.number, opened)

    def _check(self, number: int, left: Left) -> None:
        self.take(number, left)
        self._work(number, self._open[number], left.open, lambda source: self._checked(number, source))

    def _checked(self, number: int, source: UploadSource) -> None:
        self._open[number].file = source
        self._report(lambda files, now: files.sound(number))

    def _find(self, number: int, partial: Partial) -> None:
        self._work(number, self._open[number], partial.open,
                   lambda _: self._report(lambda files, now: files.found(number, partial.on_disk)))

    def _read(self, opened: _Open, effect: ReadFile) -> None:
        source = opened.file
        assert isinstance(source, UploadSource)
        number, offset = effect.number, effect.offset
        self._work(number, opened, lambda: source.read(offset, effect.size),
                   lambda data: self._report(lambda files, now: files.read(number, offset, data)))

    def _write(self, number: int, opened: _Open) -> None:
        partial = self._partial(opened)
        if opened.waiting:
            data, opened.waiting = bytes(opened.waiting), bytearray()
            self._work(number, opened, lambda: partial.write(data),
                       lambda _: self._written(number, partial.size, partial.on_disk))
        elif opened.finish is not None:
            finish, opened.finish = opened.finish, None
            self._work(number, opened, lambda: partial.finish(finish.name, finish.digest),
                       lambda name: self._report(lambda files, now: files.placed(number, name)))

    def _written(self, number: int, size: int, on_disk: OnDisk) -> None:
        self._report(lambda files, now: files.written(number, size, now, on_disk))

    def _drop(self, number: int, opened: _Open) -> None:
        opened.dropped = opened.file.abandoned = True
        if opened.busy:
            return
        self._open.pop(number, None)
        if self._resting:
            opened.file.shut()
        else:
            opened.file.close(wanted=opened.done)

    def _partial(self, opened: _Open) -> Partial:
        assert isinstance(opened.file, Partial)
        return opened.file

    def _occupy(self, opened: _Open) -> None:
        opened.busy = True
        self._working += 1

    def _leave(self, number: int, opened: _Open) -> None:
        opened.busy = False
        self._working -= 1
        if opened.dropped:
            self._drop(number, opened)
        self._tell_quiet()

    def _work(self, number: int, opened: _Open, work: Callable[[], _T], report: Callable[[_T], None]) -> None:
        self._occupy(opened)
        running = self._thread(work)
        running.addBoth(self._worked, number, opened, report)
        running.addErrback(_note_bug)

    def _worked(self, outcome: _T | Failure, number: int, opened: _Open, report: Callable[[_T], None]) -> None:
        opened.busy = False
        self._working -= 1
        if opened.dropped:
            if isinstance(outcome, UploadSource):
                outcome.shut()
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

    def _thread(self, work: Callable[[], _T]) -> Deferred[_T]:
        return deferToThreadPool(cast(IReactorFromThreads, self._reactor), self._reactor.getThreadPool(), work)


def _error_of(failure: Failure) -> WhisperdError:
    if isinstance(failure.value, WhisperdError):
        return failure.value
    _note_bug(failure)
    return WhisperdError()


def _note_bug(failure: Failure) -> None:
    assert failure.value is not None
    unexpected(failure.value.with_traceback(failure.getTracebackObject()))
