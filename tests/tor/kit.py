"""What the tests on real tor processes share: an echo behind the onion, a tor to kill, and events to wait for."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from twisted.internet import error
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater

from whisperd.config import load
from whisperd.errors import CredentialRefused, DialFailed
from whisperd.tor.dial.dialer import Dialer
from whisperd.tor.process.launch import TorProcess
from whisperd.tor.service import TorService
from whisperd.tor.surroundings import TorSurroundings
from whisperd.tor.timing import TorTiming


class Echo(Protocol):
    """Says everything again."""

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)  # type: ignore[call-arg,union-attr]


class Caller(Protocol):
    """Says things and waits for as many bytes to come back."""

    transport: Any

    def __init__(self) -> None:
        self._heard = b""
        self._answer: Deferred[bytes] | None = None
        self.lost: Deferred[None] = Deferred()

    def ask(self, text: bytes) -> Deferred[bytes]:
        self._heard, self._size, self._answer = b"", len(text), Deferred()
        self.transport.write(text)
        return self._answer

    def dataReceived(self, data: bytes) -> None:
        self._heard += data
        if self._answer and len(self._heard) >= self._size:
            answer, self._answer = self._answer, None
            answer.callback(self._heard)

    def connectionLost(self, reason: Any = None) -> None:
        self.lost.callback(None)


CALLER = Factory.forProtocol(Caller)


class Events:
    """Collects what is emitted, and lets a test wait for it."""

    def __init__(self, reactor: Any) -> None:
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self._reactor = reactor
        self._waiting: list[tuple[Callable[[str, dict[str, Any]], bool], Deferred[None]]] = []

    def emit(self, name: str, **fields: Any) -> None:
        self.seen.append((name, fields))
        for wanted, waiter in list(self._waiting):
            if wanted(name, fields) and not waiter.called:
                self._reactor.callLater(0, waiter.callback, None)
                self._waiting.remove((wanted, waiter))

    def next(self, name: str, timeout: float = 30, **fields: Any) -> Deferred[None]:
        """Return a Deferred that fires at the next event of this name with these fields."""
        waiter: Deferred[None] = Deferred()
        self._waiting.append((lambda got, values: got == name and fields.items() <= values.items(), waiter))
        return waiter.addTimeout(timeout, self._reactor)

    def states(self, name: str) -> list[str]:
        return [fields["state"] for got, fields in self.seen if got == name]


class OwnTor:
    """A tor with a torrc of the test's own, whose process can be killed and started again."""

    def __init__(self, reactor: Any, folder: Path, lines: list[str], environment: dict[str, str] | None = None) -> None:
        self._environment = environment or {}
        folder.mkdir(mode=0o700, exist_ok=True)
        self._reactor = reactor
        self._text = "\n".join([f"DataDirectory {folder / 'data'}", "Log notice stdout", *lines]) + "\n"
        self._process: Any = None

    async def start(self) -> OwnTor:
        """Start it, and return when its control port is open."""
        self._process = TorProcess(self._text)
        tor = shutil.which("tor")
        assert tor, "these tests need tor"
        self._reactor.spawnProcess(self._process, tor, [tor, "-f", "-", "--defaults-torrc", "/dev/null"],
                                   self._environment)
        await self._process.opened.addTimeout(60, self._reactor)
        return self

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.transport.signalProcess(number)

    async def kill(self) -> None:
        """End it without a warning, and return when it is gone."""
        if self._process is None:
            return
        try:
            self._process.transport.signalProcess("KILL")
        except error.ProcessExitedAlready:
            return
        await self._process.when_ended()


#: Seconds within which the other side of an onion is to be reached on a machine that is busy with other tests.
REACHED_WITHIN = 200.0
#: For each dialer: over how many circuits an isolation was tried in vain.
_TRIED: WeakKeyDictionary[Any, Counter[tuple[str, str]]] = WeakKeyDictionary()


async def reach(dialer: Any, address: str, reactor: Any, *, isolation: str = "", factory: Any = CALLER) -> Any:
    """Dial the onion as a link does: again after a second while a directory of the busy machine is still behind, and
    over other circuits, because tor may wait for minutes at a rendezvous to which nobody comes. What is dialled later
    with the same ``isolation`` goes over the circuits that worked."""
    tried = _TRIED.setdefault(dialer, Counter())
    key, patience, deadline = (address, isolation), 20.0, reactor.seconds() + REACHED_WITHIN
    while True:
        number = tried[key]
        try:
            return await dialer.connect(address, 80, factory, timeout=patience,
                                        isolation=f"{isolation} {number}" if number else isolation)
        except CredentialRefused:
            raise
        except DialFailed:
            if reactor.seconds() > deadline:
                raise
            tried[key] = max(tried[key], number + 1)
            patience = min(2 * patience, 60.0)
            await deferLater(reactor, 1.0)


class Running:
    """A TorService with its dialer and its events."""

    def __init__(self, reactor: Any, values: dict[str, Any], timing: TorTiming | None = None) -> None:
        self.events, self.dialer = Events(reactor), Dialer(reactor)
        self.service = TorService(load(None, values), reactor=reactor, dialer=self.dialer, emit=self.events.emit,
                                  around=TorSurroundings(timing=timing or TorTiming()))
        self.service.start()


@asynccontextmanager
async def services(reactor: Any, folder: Path, **common: Any) -> AsyncIterator[Callable[..., Running]]:
    """A function that starts a TorService with these settings and its own, ``tor_mode`` for ``tor.mode``; all of them
    write below ``folder``, and are stopped in the end."""
    started: list[Running] = []

    def start(timing: TorTiming | None = None, **values: Any) -> Running:
        settings = {"control.socket": str(folder / "ctl"), "tor.data_dir": str(folder / "data")}
        settings |= {name.replace("_", ".", 1): value for name, value in (common | values).items()}
        started.append(Running(reactor, settings, timing))
        return started[-1]

    try:
        yield start
    finally:
        for running in started:
            await running.service.stop()


class SetClock:
    """A clock for one process (``environment``), which libfaketime lets a test set."""

    def __init__(self, file: Path) -> None:
        found = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
        assert found, "these tests need libfaketime: 'make test-setup' brings it"
        self._file = file
        self.jump(0)
        self.environment = {"LD_PRELOAD": str(found), "FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_NO_CACHE": "1",
                            "DONT_FAKE_MONOTONIC": "1", "FAKETIME_FORCE_MONOTONIC_FIX": "0"}

    def jump(self, seconds: int) -> None:
        """Set it so many seconds from the right time."""
        self.offset = seconds
        self._file.write_text(f"{seconds:+d}")
