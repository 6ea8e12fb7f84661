"""Tor for the whole daemon: launched or attached to, for as long as it runs, with the relay's onion service on it.

Whatever happens to tor, the service waits, tries again and says in ``status`` what is wrong; it never gives up and
never raises out of the reactor.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from twisted.internet import defer
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.internet.error import ConnectingCancelledError
from twisted.python.failure import Failure

from whisperd import logs
from whisperd.backoff import Backoff
from whisperd.config import Config
from whisperd.errors import OnionNotPublished, TorControlUnreachable, TorNotBootstrapped, TorUnavailable, WhisperdError
from whisperd.interfaces import RotatedRow, TorRow
from whisperd.stopping import every
from whisperd.timers import OneShot
from whisperd.tor.control.attach import attach, socks_of
from whisperd.tor.control.bootstrap import Phase, phase_of
from whisperd.tor.control.control_port import TorControl
from whisperd.tor.control.keepalive import until_gone
from whisperd.tor.dial.dialer import Dialer
from whisperd.tor.dial.socks_probe import touch
from whisperd.tor.error_row import error_row
from whisperd.tor.event_loop import TorReactor, at_most, sleep
from whisperd.tor.onion import client_auth
from whisperd.tor.onion.add_onion import AddOnion
from whisperd.tor.onion.client_admin import OnionClients
from whisperd.tor.onion.held_credentials import HeldCredentials
from whisperd.tor.onion.per_conversation import DirectOnions
from whisperd.tor.onion.publication import Ports, PublicationMethod
from whisperd.tor.onion.reachability import ProbeTarget, ReachabilityProbe
from whisperd.tor.onion.rotation import Addresses
from whisperd.tor.onion.service_dirs import ServiceFolders
from whisperd.tor.process.launch import LaunchedTor, launch
from whisperd.tor.process.transports import patience
from whisperd.tor.surroundings import TorSurroundings


class TorService:
    """The ITor of the modes 'launch' and 'attach': opens ``dialer`` when tor can be used, and publishes the onion.

    ``emit(name, **fields)`` hears ``tor-state`` (state, percent, summary) and ``onion-state`` (state, address).
    """

    def __init__(self, config: Config, *, reactor: TorReactor, dialer: Dialer, emit: Callable[..., object],
                 around: TorSurroundings | None = None) -> None:
        self._around = around = around or TorSurroundings()
        self._config = config
        self._reactor = reactor
        self._dialer = dialer
        self._emit = emit
        self._addresses = Addresses(config.onion, reactor=reactor, emit=emit, on_upload=self._uploaded, around=around)
        probed = ProbeTarget(self._addresses, lambda: dialer.socks is not None, self._dial, around.clocks.behind)
        self._probe = ReachabilityProbe(probed, interval=60.0 * config.onion.probe_interval, reactor=reactor,
                                        emit=emit, around=around)
        self._credentials = HeldCredentials()
        #: Onion services of single conversations.
        self.direct = DirectOnions(reactor, around)
        #: Who may reach the private onion service.
        self.private = OnionClients(config.onion, self._addresses, around.random)
        self._control: TorControl | None = None
        self._method: PublicationMethod = AddOnion()
        self._state = "off"
        self._phase = Phase(0, "", "")
        self._version = ""
        self._error: WhisperdError | None = None
        self._backoff = Backoff(around.random)
        self._stopping = False
        self._life: Deferred[None] | None = None

    def start(self) -> None:
        """Begin in the background; never raises."""
        if self._config.tor.mode != "off" and self._life is None:
            self._life = ensureDeferred(self._live())

    def publish(self, port: int, circuits: int = 0) -> None:
        """Have what listens on 127.0.0.1:``port`` published as the onion service, on every tor from now on.

        A tor that names circuits is led to ``circuits``, if that is not 0, in the PROXY protocol."""
        self._addresses.want(Ports(port, circuits))

    async def address(self, timeout: float) -> str:
        """Return the onion name once it is published, within ``timeout`` seconds.

        Raises what stands in the way: an error of tor, of the onion service, or OnionNotPublished.
        """
        if self._config.tor.mode == "off":
            raise TorUnavailable
        try:
            return await at_most(max(timeout, 0.0), self._addresses.when_up(), self._reactor)
        except defer.TimeoutError:
            raise self._error or self._addresses.error or OnionNotPublished() from None

    async def republish(self, wait: float = 0) -> None:
        """Have tor publish the onion service anew, and wait at most ``wait`` seconds until it has.

        Raises TorUnavailable without a tor, and as ``address`` does.
        """
        self._reachable_tor()
        self._addresses.again()
        if wait > 0:
            await self.address(wait)

    async def rotate(self, overlap: float, wait: float = 0) -> RotatedRow:
        """As ``ITor.rotate``."""
        rotated = self._addresses.rotate(overlap)
        if wait > 0:
            await self.address(wait)
        return rotated

    def retire(self) -> str:
        """Let the address before the last rotation go; returns it; raises RotationRefused, OnionKeyUnusable."""
        return self._addresses.retire()

    async def newnym(self) -> None:
        """Have tor use new circuits for every connection from now on; raises TorUnavailable, TorCommandFailed."""
        await self._reachable_tor().request("SIGNAL NEWNYM")

    async def add_credential(self, line: str) -> str:
        """Hold the credential in ``line``, for this tor and every later one; returns the address that it opens.

        Raises CredentialMalformed, TorCommandFailed.
        """
        held = client_auth.parse(line)
        await self._credentials.add(held, self._control)
        return held.address

    async def remove_credential(self, address: str) -> None:
        """Forget the credential for ``address``; raises UsageError."""
        await self._credentials.remove(address, self._control)

    def credentials(self) -> list[str]:
        """Return the addresses that the credentials held here open."""
        return self._credentials.addresses

    def _reachable_tor(self) -> TorControl:
        if self._control is None:
            raise self._error or TorUnavailable("tor is not available at the moment",
                                                remedy="Wait until 'whisperctl status' shows that tor is up.")
        return self._control

    def status(self) -> TorRow:
        """Return how tor and the onion service stand, ready for JSON."""
        error = self._error or self._addresses.error or self._probe.error
        onion = self._addresses.status()
        onion["reached_age"] = self._probe.reached_age
        return {
            "mode": self._config.tor.mode,
            "state": self._state,
            "percent": self._phase.percent,
            "summary": self._phase.summary,
            "version": self._version,
            "error": error_row(error),
            "onion": onion,
        }

    async def stop(self) -> None:
        """Withdraw the onion service, end a launched tor and wait for it; may be called twice."""
        self._stopping = True
        await every(self._probe.stop, self._addresses.stop, self.direct.stop, self._take_back_credentials,
                    self._end_life)
        self._enter("off", Phase(0, "", ""))

    async def _end_life(self) -> None:
        life, self._life = self._life, None
        if life is not None:
            life.cancel()
            await life

    async def _live(self) -> None:
        try:
            while not self._stopping:
                await self._one_tor()
                await sleep(self._backoff.next(self._around.timing.max_pause), self._reactor)
        except (CancelledError, ConnectingCancelledError):
            return

    async def _one_tor(self) -> None:
        """Have a tor until it is lost, and note why."""
        self._enter("lost" if self._state == "lost" else "starting", Phase(0, "", ""))
        try:
            if self._config.tor.mode == "launch":
                await self._hold_launched()
            else:
                await self._hold(self._config.tor.control, self._config.tor.socks)
        except WhisperdError as reason:
            self._note_error(reason)
        except (CancelledError, Exception) as reason:
            if self._stopping and isinstance(reason, CancelledError | ConnectingCancelledError):
                raise
            logs.unexpected(reason)
            self._note_error(WhisperdError())

    async def _hold_launched(self) -> None:
        tor = await launch(self._config.tor, reactor=self._reactor, runtime=Path(self._config.control.socket).parent,
                           timing=self._around.timing)
        try:
            await self._hold(tor.control, tor.socks, tor)
        except TorControlUnreachable as reason:
            raise await tor.why_gone() or reason from None
        finally:
            await tor.stop()

    async def _hold(self, control_port: str, socks: str, owned: LaunchedTor | None = None) -> None:
        control = await attach(control_port, reactor=self._reactor, password=self._config.tor.password,
                               timeout=self._around.timing.attach)
        overdue = OneShot(self._reactor, lambda: self._bootstrap_overdue(owned))
        overdue.start(patience(self._config.tor.bootstrap_timeout, self._config.tor.bridges))
        try:
            if owned:
                # Tor ends at once when this connection does, even if this process is killed.
                await control.request("TAKEOWNERSHIP")
            self._control = control
            self._method = self._publication_method(owned)
            self._version = (control.version or "").split(" ")[0]
            socks = socks or await socks_of(control)
            await self._credentials.give(control)
            await self._watch(control, socks)
            await until_gone(control, reactor=self._reactor, timing=self._around.timing, alive=self._alive)
            raise TorControlUnreachable("tor closed the control connection",
                                        remedy="Start tor again. whisperd then connects again automatically.")
        finally:
            overdue.cancel()
            self._control = None
            control.abort()
            self._lose()

    def _publication_method(self, owned: LaunchedTor | None) -> PublicationMethod:
        """Return how this tor is asked to publish: a key that no file holds is not given to a disk for it."""
        onion = self._config.onion
        if owned is None or not onion.circuits:
            return AddOnion()
        may_be_written = onion.key == "persistent" or self._around.in_memory(owned.folder)
        return ServiceFolders(owned.folder) if may_be_written else AddOnion()

    async def _watch(self, control: TorControl, socks: str) -> None:
        def hear(text: str) -> None:
            phase = phase_of(text)
            if phase and not control.gone:
                self._progress(phase, control, socks)

        await control.hear_of("STATUS_CLIENT", hear)
        hear(await control.request("GETINFO status/bootstrap-phase"))

    def _progress(self, phase: Phase, control: TorControl, socks: str) -> None:
        if not phase.done:
            return self._enter("bootstrapping", phase)
        self._error = None
        self._backoff.reset()
        self._dialer.use(socks)
        self._enter("up", phase)
        self._addresses.tor_up(control, self._method)
        self.direct.tor_up(control)

    def _alive(self, held: set[str] | None) -> None:
        """See whether tor still has what it was given, and whether the clock was set."""
        if held is not None and self._method.lost(self._addresses.published(), held):
            raise TorControlUnreachable("tor lost the onion service",
                                        remedy="Nothing to do: whisperd adds it to tor again.")
        if self._around.clocks.jumped() and self._config.onion.probe_interval:
            self._probe.published()
        if self._around.clocks.caught_up():
            self._addresses.again()

    def _uploaded(self) -> None:
        if self._config.onion.probe_interval:
            ensureDeferred(self._prepare_probe()).addErrback(_pass_over)

    async def _prepare_probe(self) -> None:
        """Have the probe find a private service too, in a tor that nobody else uses."""
        if self._config.onion.private:
            if self._config.tor.mode != "launch":
                return
            await self._credentials.add_own(self._addresses.credential(), self._reachable_tor())
        self._probe.published()

    async def _dial(self, address: str, isolation: str, timeout: float) -> None:
        await touch(self._dialer, address, self._config.onion.port, isolation=isolation, timeout=timeout)

    async def _take_back_credentials(self) -> None:
        if self._control is not None and self._config.tor.mode == "attach":
            with suppress(WhisperdError):  # a tor that is gone holds none
                await self._credentials.take_back(self._control)

    def _lose(self) -> None:
        self._dialer.use(None)
        self._addresses.tor_lost()
        self.direct.tor_lost()
        self._enter("lost", Phase(0, "", ""))

    def _bootstrap_overdue(self, owned: LaunchedTor | None) -> None:
        if self._state != "up":
            known = (self._phase.summary, owned.complaint if owned else "")
            words = self._phase.warning or "; ".join(filter(None, known))
            self._note_error(TorNotBootstrapped(f"tor is not connected to the Tor network yet: {self._phase.percent} "
                                                "percent"
                                                + (f", {words}" if words else "")))

    def _note_error(self, reason: WhisperdError) -> None:
        self._error = reason
        logs.note("tor-state", state=self._state, percent=self._phase.percent, code=reason.code)

    def _enter(self, state: str, phase: Phase) -> None:
        if (state, phase) == (self._state, self._phase):
            return
        if state != self._state:
            logs.note("tor-state", state=state, percent=phase.percent)
        self._state, self._phase = state, phase
        self._emit("tor-state", state=state, percent=phase.percent, summary=phase.summary)


def _pass_over(failure: Failure) -> None:
    """The next upload or probe tells it."""
    failure.trap(WhisperdError)
