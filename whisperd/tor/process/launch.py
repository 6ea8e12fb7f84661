"""A tor of the daemon's own: started with a torrc that no file holds, ended with the daemon.

Its control and SOCKS ports are unix sockets in a folder (mode 0700) that is removed at the end; only the data
directory, with tor's guards and consensus, stays. No line of /etc/tor/torrc is read.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
from pathlib import Path
from typing import cast

from twisted.internet import defer, error
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from whisperd.config import TorSection, tor_options
from whisperd.errors import ConfigError, TorControlUnreachable, TorNotInstalled
from whisperd.timers import Clock
from whisperd.tor.event_loop import ProcessTransport, TorReactor, Waiters, at_most, failure
from whisperd.tor.process import torrc
from whisperd.tor.process.socket_folder import SocketsFolder
from whisperd.tor.process.transports import bridge_lines
from whisperd.tor.timing import TorTiming

_OPENED = "Opened Control listener"
_COMPLAINT = re.compile(r"\[(?:warn|err)\] (.*)")
#: What tor warns of at every start under these circumstances; no reason for any end.
_NO_REASON = re.compile(r"TestingTorNetwork is set|You are running Tor as root")
_NOT_INHERITED = ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")


class LaunchedTor:
    """A running tor: ``control`` and ``socks`` are its sockets (``unix:/path``)."""

    def __init__(self, folder: SocketsFolder, process: TorProcess, reactor: Clock, timing: TorTiming) -> None:
        self.control = f"unix:{folder.path / 'control'}"
        self.socks = f"unix:{folder.path / 'socks'}"
        self.pid = process.pid
        #: Where only this user, and nobody after this tor, finds anything.
        self.folder = folder.path
        self._folder = folder
        self._process = process
        self._reactor = reactor
        self._timing = timing

    @property
    def complaint(self) -> str:
        """What it warned of last, or nothing."""
        return self._process.complaint

    async def why_gone(self) -> TorControlUnreachable | None:
        """Return why the process has ended, in tor's own words, or None when it runs on for another second."""
        try:
            await at_most(1.0, self._process.when_ended(), self._reactor)
        except defer.TimeoutError:
            return None
        return self._process.end

    async def stop(self) -> None:
        """End the process, wait for it, and remove its sockets, whatever became of it."""
        try:
            await self._end()
        finally:
            self._folder.remove()

    async def _end(self) -> None:
        for name in ("TERM", "KILL"):
            try:
                self._process.signal(name)
                await at_most(self._timing.stop, self._process.when_ended(), self._reactor)
            except error.ProcessExitedAlready:
                break
            except defer.TimeoutError:
                continue
            break


async def launch(settings: TorSection, *, reactor: TorReactor, runtime: Path | None = None,
                 timing: TorTiming | None = None) -> LaunchedTor:
    """Start the tor that ``settings`` (the section ``tor``) describes, and return it when its control socket is open.

    ``runtime`` is the folder below which its sockets are put, None or one that cannot be used: the temporary folder.
    Raises TorNotInstalled, TransportNotInstalled, ConfigError, TorControlUnreachable with tor's own complaint.
    """
    timing = timing or TorTiming()
    program = shutil.which(settings.binary)
    if not program:
        raise TorNotInstalled(f"the program '{settings.binary}' was not found in PATH")
    network = torrc.network_lines(Path(settings.network)) if settings.network else []
    network += bridge_lines(settings.bridges) + tor_options.check_all(settings.options)
    data = _data_directory(Path(settings.data_dir))
    folder = SocketsFolder(runtime)
    process = TorProcess("\n".join(_torrc(folder.path, data) + network) + "\n")
    try:
        environment = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        reactor.spawnProcess(process, program, [program, "-f", "-", "--defaults-torrc", "/dev/null"], environment)
        await at_most(timing.start, process.opened, reactor)
    except BaseException as reason:
        if process.started:
            await LaunchedTor(folder, process, reactor, timing).stop()
        else:
            folder.remove()
        if isinstance(reason, defer.TimeoutError):
            raise TorControlUnreachable("the launched tor did not open its control socket") from None
        raise
    return LaunchedTor(folder, process, reactor, timing)


def _torrc(folder: Path, data: Path) -> list[str]:
    return [
        f"DataDirectory {torrc.quoted(data)}",
        f"ControlPort {torrc.unix(folder / 'control')}",
        "CookieAuthentication 1",
        f"CookieAuthFile {torrc.quoted(folder / 'cookie')}",
        f"SocksPort {torrc.unix(folder / 'socks')} OnionTrafficOnly ExtendedErrors",
        f"__OwningControllerProcess {os.getpid()}",
        "ClientOnly 1",
        "AvoidDiskWrites 1",
        "DormantTimeoutEnabled 0",
        "DormantCanceledByStartup 1",
        "Log notice stdout",
    ]


def _data_directory(path: Path) -> Path:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as reason:
        raise ConfigError(f"tor.data_dir cannot be used: {path}: {reason.strerror}",
                          remedy="Choose a folder that this user can write to.") from None
    return path


class TorProcess(ProcessProtocol):
    """Feeds a tor (``-f -``) its torrc, reads its log, and notices its end.

    ``opened`` fires when the control port is open, and fails with tor's complaint when tor ends before that.
    """

    transport: ProcessTransport | None = None  # type: ignore[assignment]

    def __init__(self, configuration: str) -> None:
        self.opened: Deferred[None] = Deferred()
        self._configuration = configuration
        self._line = ""
        self._complaints: list[str] = []
        self.end: TorControlUnreachable | None = None
        self._waiting: Waiters[None] = Waiters()

    @property
    def complaint(self) -> str:
        """The last of tor's warnings, or nothing."""
        return self._complaints[-1] if self._complaints else ""

    def when_ended(self) -> Deferred[None]:
        """Return a Deferred that fires when the process is gone."""
        return defer.succeed(None) if self.end else self._waiting.wait()

    @property
    def started(self) -> bool:
        """Whether there is, or was, a process."""
        return self.transport is not None

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._running.pid

    def signal(self, name: str) -> None:
        """Send the process ``TERM`` or another signal; raises ProcessExitedAlready."""
        self._running.signalProcess(name)

    @property
    def _running(self) -> ProcessTransport:
        return cast(ProcessTransport, self.transport)

    def connectionMade(self) -> None:
        self._running.write(self._configuration.encode())
        self._running.closeStdin()

    def outReceived(self, data: bytes) -> None:
        *lines, self._line = (self._line + data.decode(errors="replace")).split("\n")
        self._line = self._line[-1000:]
        for line in lines:
            if (found := _COMPLAINT.search(line)) and not _NO_REASON.match(found[1]):
                self._complaints = [*self._complaints[-2:], found[1][:200]]
            if _OPENED in line and not self.opened.called:
                self.opened.callback(None)

    errReceived = outReceived

    def processEnded(self, reason: Failure) -> None:
        self.end = _ended(getattr(reason.value, "signal", None), self._complaints[-2:])
        if not self.opened.called:
            self.opened.errback(failure(self.end))
        self._waiting.tell(None)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # one of those for real time
        return f"signal {number}"


def _ended(by: int | None, complaints: list[str]) -> TorControlUnreachable:
    if by is not None:
        return TorControlUnreachable(f"the launched tor was ended by {_signal(by)}",
                                     remedy="whisperd launches it again automatically. If you ended it on purpose, "
                                     "there is nothing to do.")
    words = "; ".join(complaints) or "it gave no reason"
    return TorControlUnreachable(f"the launched tor ended: {words}",
                                 remedy="Mend what tor complains about. whisperd launches it again automatically.")
