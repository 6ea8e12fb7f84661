"""An onion service that the operator's torrc configures: whisperd reads its hostname file, and has no control port.

So nothing of it can be changed here, and whether its descriptor is published is not known: what can be seen is its
name, tor's SOCKS port, and whether a dial through Tor reaches the relay. [whisperd.toml(5), ONION SERVICE]
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from twisted.internet import defer
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.internet.error import ConnectingCancelledError

from whisperd import logs
from whisperd.backoff import Backoff
from whisperd.config import Config
from whisperd.errors import OnionNotPublished, TorManaged, WhisperdError
from whisperd.interfaces import TorRow
from whisperd.stopping import every
from whisperd.timers import Clock, OneShot
from whisperd.tor.dial.dialer import Dialer
from whisperd.tor.dial.socks_probe import find_socks, knock
from whisperd.tor.error_row import error_row
from whisperd.tor.event_loop import TorReactor, Waiters, at_most, sleep
from whisperd.tor.onion.hostname_file import read_hostname
from whisperd.tor.onion.reachability import ProbeTarget, ReachabilityProbe
from whisperd.tor.surroundings import TorSurroundings


class TorrcOnion:
    """The onion service of torrc: its ``address`` as the hostname file has it, ``state`` ``absent``, ``up`` (the name
    is known) or ``lost`` (it was known). ``on_name`` is called whenever it has another name."""

    def __init__(self, path: Path, *, reactor: Clock, emit: Callable[..., object], on_name: Callable[[], object],
                 around: TorSurroundings) -> None:
        self.address: str | None = None
        self.state = "absent"
        self.error: WhisperdError | None = None
        self._path = path
        self._emit = emit
        self._on_name = on_name
        self._around = around
        self._timer = OneShot(reactor, self._read)
        self._waiting: Waiters[str] = Waiters()

    def start(self) -> None:
        """Read the file in this turn of the reactor's loop or the next, and again and again from then on."""
        self._timer.start(0)

    def stop(self) -> None:
        """Read it no more."""
        self._timer.cancel()
        self._enter("absent", None, None)

    def again(self) -> None:
        """Nothing can be published anew from here; the next probe tells whether tor has mended it."""

    def when_up(self) -> Deferred[str]:
        """Return a Deferred that fires with the address once it is known."""
        return defer.succeed(self.address) if self.address else self._waiting.wait()

    def _read(self) -> None:
        self._timer.start(self._around.timing.hostname)
        try:
            address = read_hostname(self._path)
        except WhisperdError as reason:
            self._enter("absent" if self.state == "absent" else "lost", None, reason)
        else:
            self._enter("up", address, None)

    def _enter(self, state: str, address: str | None, error: WhisperdError | None) -> None:
        told = error is not None and (self.error is None or error.message != self.error.message)
        changed = (state, address) != (self.state, self.address)
        self.state, self.address, self.error = state, address, error
        if changed or told:
            logs.note("onion-state", state=state, code=error.code if error else "none")
        if changed:
            self._emit("onion-state", state=state, address=address)
        if changed and address is not None:
            self._on_name()
            self._waiting.tell(address)


class TorrcClients:
    """Who may reach the service: torrc's folder ``authorized_clients`` says so."""

    def add(self, name: str) -> NoReturn:
        """Refuse; raises TorManaged."""
        self._refuse()

    def names(self) -> NoReturn:
        """Refuse; raises TorManaged."""
        self._refuse()

    def remove(self, name: str) -> NoReturn:
        """Refuse; raises TorManaged."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise TorManaged("the clients of this onion service are listed in its HiddenServiceDir",
                         remedy="Put a file NAME.auth into the folder authorized_clients there, and reload tor. See "
                         "tor(1).")


class ManagedTor:
    """The ITor of the mode 'managed': opens ``dialer`` while tor's SOCKS port answers, and tells what can be told of
    the onion service. What needs a control port is refused as TorManaged."""

    #: No onion services of single conversations, which stay with their relays: no control port to ask for them.
    direct = None

    def __init__(self, config: Config, *, reactor: TorReactor, dialer: Dialer, emit: Callable[..., object],
                 around: TorSurroundings | None = None) -> None:
        self.private = TorrcClients()
        self._around = around = around or TorSurroundings()
        self._config = config
        self._reactor = reactor
        self._dialer = dialer
        self._emit = emit
        self._onion = TorrcOnion(Path(config.onion.hostname_file), reactor=reactor, emit=emit, on_name=self._named,
                                 around=around)
        self._probe = ReachabilityProbe(ProbeTarget(self._onion, lambda: dialer.socks is not None, self._knock),
                                        interval=60.0 * config.onion.probe_interval, reactor=reactor, emit=emit,
                                        around=around)
        self._state = "off"
        self._error: WhisperdError | None = None
        self._published = False
        self._circuits = any(description.startswith("haproxy:") for description in config.relay.listen)
        self._life: Deferred[None] | None = None

    def start(self) -> None:
        """Begin in the background; never raises."""
        if self._life is None:
            self._life = ensureDeferred(self._live())
            if self._published:
                self._onion.start()

    def publish(self, port: int, circuits: int = 0) -> None:
        """The relay is there; where it listens stands in torrc as in ``relay.listen``."""
        self._published = True
        if self._life is not None:
            self._onion.start()

    async def address(self, timeout: float) -> str:
        """Return the onion name once its file can be read, within ``timeout`` seconds; raises HostnameUnusable."""
        try:
            return await at_most(max(timeout, 0.0), self._onion.when_up(), self._reactor)
        except defer.TimeoutError:
            raise self._onion.error or OnionNotPublished() from None

    async def republish(self, wait: float = 0) -> NoReturn:
        """Refuse; raises TorManaged."""
        raise TorManaged("whisperd cannot publish torrc's onion service again",
                         remedy="Reload or restart tor: 'systemctl reload tor'.")

    async def rotate(self, overlap: float, wait: float = 0) -> NoReturn:
        """Refuse; raises TorManaged."""
        raise TorManaged("tor itself holds the key of this onion "
                         "service", remedy="Add a second HiddenServiceDir to torrc "
                         "with the same HiddenServicePort, and set onion.hostname_file to its file 'hostname'.")

    def retire(self) -> NoReturn:
        """Refuse; raises TorManaged."""
        raise TorManaged("tor itself holds the key of this onion service",
                         remedy="Remove the HiddenServiceDir from torrc and reload tor.")

    async def newnym(self) -> NoReturn:
        """Refuse; raises TorManaged."""
        raise TorManaged("without a control port, whisperd cannot tell tor to use new circuits",
                         remedy="Restart tor, or set tor.mode = 'attach'.")

    async def add_credential(self, line: str) -> NoReturn:
        """Refuse; raises TorManaged."""
        self._refuse_credential()

    async def remove_credential(self, address: str) -> NoReturn:
        """Refuse; raises TorManaged."""
        self._refuse_credential()

    def credentials(self) -> list[str]:
        """Refuse; raises TorManaged."""
        self._refuse_credential()

    def _refuse_credential(self) -> NoReturn:
        raise TorManaged("without a control port, whisperd cannot pass a credential to "
                         "tor", remedy="Put it into a file in the folder "
                         "named by ClientOnionAuthDir in torrc, and reload tor. See tor(1).")

    def status(self) -> TorRow:
        """Return what can be seen, in the shape of ``TorService.status``; what cannot be known is None."""
        error = self._error or self._onion.error or self._probe.error
        return {
            "mode": "managed", "state": self._state, "percent": 100 if self._state == "up" else 0,
            "summary": _SUMMARIES.get(self._state, ""), "version": "",
            "error": error_row(error),
            "onion": {"state": self._onion.state, "address": self._onion.address, "published_age": None,
                      "private": None, "pow": None, "circuits": self._circuits, "retiring": None,
                      "reached_age": self._probe.reached_age},
        }

    async def stop(self) -> None:
        """Look at nothing any more; may be called twice."""
        await every(self._probe.stop, self._onion.stop, self._end_life)
        self._enter("off")

    async def _end_life(self) -> None:
        self._dialer.use(None)
        life, self._life = self._life, None
        if life is not None:
            life.cancel()
            await life

    async def _live(self) -> None:
        backoff = Backoff(self._around.random)
        with suppress(CancelledError, ConnectingCancelledError):
            while True:
                found = await self._found_socks()
                timing = self._around.timing
                if found:
                    backoff.reset()
                wait = timing.socks if found else backoff.next(timing.max_pause)
                await sleep(wait, self._reactor)

    async def _found_socks(self) -> bool:
        if not self._wants_socks():
            self._enter("unknown")
            return True
        try:
            socks = await find_socks(self._config.tor.socks, reactor=self._reactor)
        except WhisperdError as reason:
            self._dialer.use(None)
            self._error = reason
            self._enter("lost" if self._state in ("up", "lost") else "starting")
            return False
        self._dialer.use(socks)
        self._error = None
        if self._state != "up" and self._onion.state == "up":
            self._named()
        self._enter("up")
        return True

    def _wants_socks(self) -> bool:
        """Tell whether anything here goes out through tor."""
        return bool(self._config.peer.enabled or self._config.tor.socks or self._config.onion.probe_interval)

    def _named(self) -> None:
        if self._config.onion.probe_interval:
            self._probe.published()

    async def _knock(self, address: str, isolation: str, timeout: float) -> None:
        await knock(self._dialer, address, self._config.onion.port, reactor=self._reactor, isolation=isolation,
                    timeout=timeout)

    def _enter(self, state: str) -> None:
        if state == self._state:
            return
        self._state = state
        logs.note("tor-state", state=state, percent=100 if state == "up" else 0,
                  code=self._error.code if self._error else "none")
        self._emit("tor-state", state=state, percent=100 if state == "up" else 0, summary=_SUMMARIES.get(state, ""))


_SUMMARIES = {"starting": "Looking for tor's SOCKS port", "up": "tor's SOCKS port answers; nothing else is known "
              "about it",
              "lost": "tor's SOCKS port does not answer", "unknown": "Without a control port, nothing is "
              "known about tor"}
