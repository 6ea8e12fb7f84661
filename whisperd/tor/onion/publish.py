"""Publishing one onion service over tor's control port: the hands of the machine in ``onion``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred

from whisperd import logs
from whisperd.backoff import pause
from whisperd.errors import OnionNotPublished, TorCommandFailed, WhisperdError
from whisperd.tor.control.connection import COMMAND_TIMEOUT, TorControlConnection
from whisperd.tor.onion.authorized_clients import ClientList
from whisperd.tor.onion.client_auth import Credential, new_credential
from whisperd.tor.onion.key import OnionKey
from whisperd.tor.onion.machine import new_onion
from whisperd.tor.onion.publication import Publication, Way
from whisperd.tor.onion.uploads import Uploads

#: Seconds that tor has to remove the onion service while the daemon stops.
_REMOVE_TIMEOUT = 3.0
#: Seconds after the first upload that worked in which the others may still be waited for, if all have begun.
_OTHER_UPLOADS = 3.0
#: Seconds after it that the other descriptor, whose introduction points are not ready yet, may be waited for.
_OTHER_DESCRIPTOR = 15.0
#: Most seconds between two attempts while directories hold a newer descriptor, which they may do for hours.
_OUTDATED_PAUSE = 600.0


@dataclass(frozen=True)
class Ports:
    """Where the relay listens on 127.0.0.1: ``plain``, and ``circuits`` for connections that name their circuit in the
    PROXY protocol (0: nowhere)."""

    plain: int
    circuits: int = 0


class Publisher:
    """Keeps one onion service published on whatever tor there is, always with the same key.

    ``key`` returns it, or raises OnionKeyUnusable for as long as it cannot be had. ``clients`` may reach a private
    service. ``on_upload`` is called whenever clients can find the service from now on; while it is ``quiet``, nobody
    is told of its states.
    """

    def __init__(self, settings: Any, key: Callable[[], OnionKey], clients: ClientList, *, reactor: Any,
                 random: Callable[[int], bytes], emit: Callable[..., object]) -> None:
        self.clients = clients
        self.quiet = False
        self.pow = self.circuits = False
        self.state = "absent"
        self.error: WhisperdError | None = None
        self.on_upload: Callable[[], object] = lambda: None
        self._settings = settings
        self._reactor = reactor
        self._random = random
        self._emit = emit
        self._machine = new_onion(self)
        self._control: TorControlConnection | None = None
        self._way: Way | None = None
        self._ports: Ports | None = None
        self._read_key = key
        self._key: OnionKey | None = None
        self._uploads: Uploads | None = None
        self._retrying = False
        self._attempts = 0
        self._published: float | None = None
        self._own: Credential | None = None
        self._again = False
        self._heard: TorControlConnection | None = None
        self._timers: list[Any] = []
        self._waiting: list[Deferred[str]] = []

    @property
    def address(self) -> str | None:
        """The onion name, as soon as its key is there."""
        return self._key.address if self._key else None

    def credential(self) -> Credential:
        """Return the credential with which the daemon reaches its own private service; raises OnionKeyUnusable.

        It is on the list in any case: without any client on it, tor would let everybody in."""
        if self._own is None:
            self._own = new_credential(self.key().address, self._random)
        return self._own

    def key(self) -> OnionKey:
        """Return its key; raises OnionKeyUnusable."""
        self._key = self._key or self._read_key()
        return self._key

    def status(self) -> dict[str, Any]:
        """Return how the onion service stands; ``published_age`` is in seconds."""
        age = None if self._published is None else round(self._reactor.seconds() - self._published)
        held = self.state in ("publishing", "up")
        return {"state": self.state, "address": self.address, "published_age": age if self.state == "up" else None,
                "private": self._settings.private, "pow": self.pow and held, "circuits": self.circuits and held}

    def want(self, ports: Ports) -> None:
        """Publish what listens on ``ports``, now or as soon as there is a tor.

        Others than before take their place at the same address; the same ones change nothing."""
        changed = self._ports not in (None, ports)
        self._ports = ports
        self.again() if changed else self._begin()

    def again(self) -> None:
        """Have tor remove the onion service and publish it anew; without a tor, the next one does anyway."""
        if self.state == "adding":
            self._again = True
        elif self.state == "lost":
            self._begin()
        else:
            self._machine.again()

    def tor_up(self, control: TorControlConnection, way: Way) -> None:
        """Go on with this tor, asked in this way."""
        self._control, self._way = control, way
        self._attempts = 0
        self._begin()

    def tor_lost(self) -> None:
        """The tor is gone: wait for the next one."""
        self._control = None
        self._again = False
        self._machine.tor_lost()

    def when_up(self) -> Deferred[str]:
        """Return a Deferred that fires with the address once the descriptor is uploaded."""
        waiter: Deferred[str] = Deferred()
        if self.state == "up" and self.address:
            waiter.callback(self.address)
        else:
            self._waiting.append(waiter)
        return waiter

    def hand_over_to(self, successor: Publisher) -> None:
        """Have ``successor``, which has another key, publish what this one does, and say when it is up."""
        self.quiet = True
        self.on_upload, successor.on_upload = lambda: None, self.on_upload
        successor._waiting, self._waiting = self._waiting, []
        if self._ports is not None:
            successor.want(self._ports)
        if self._control is not None and self._way is not None:
            successor.tor_up(self._control, self._way)

    async def stop(self) -> None:
        """Withdraw the onion service from tor, so that no descriptor of it goes out any more."""
        control, address, held = self._control, self.address, self.state in ("adding", "publishing", "up")
        self._ports = None
        self._machine.withdraw()
        if held and control and self._way and address and not control.gone:
            try:
                await self._way.remove(control, address, _REMOVE_TIMEOUT)
            except WhisperdError:
                # Tor removes it by itself when the connection closes, which comes next.
                return

    def _begin(self) -> None:
        if self._ports is not None and self._control is not None:
            self._machine.begin()

    # -- what the machine has done ------------------------------------------------------------------------------------

    def entered(self, state: str) -> None:
        self.state = state
        if not self.quiet:
            logs.note("onion-state", state=state, code=self.error.code if self.error else "none")
            self._emit("onion-state", state=state, address=self.address)

    def add(self) -> None:
        if self._control is not None and self._way is not None and self._ports is not None:
            ensureDeferred(self._add(self._control, self._way, self._ports))

    def renew(self) -> None:
        if self._control is not None and self._way is not None and self._ports is not None:
            ensureDeferred(self._add(self._control, self._way, self._ports, remove=True))

    def start_deadline(self) -> None:
        self._later(self._settings.publish_timeout, self._machine.overdue)

    def complain(self) -> None:
        self._complain_of(OnionNotPublished())

    def _complain_of(self, error: WhisperdError) -> None:
        self.error = error
        if not self.quiet:
            logs.note("onion-state", state=self.state, code=self.error.code)

    def rejoice(self) -> None:
        self.error = None
        self._attempts = 0
        self._published = self._reactor.seconds()
        self.on_upload()
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.called:
                waiter.callback(self.address or "")

    def try_later(self) -> None:
        self._attempts += 1
        self._later(pause(self._attempts, self._random), self._begin)

    def forget_timers(self) -> None:
        timers, self._timers = self._timers, []
        for timer in timers:
            if timer.active():
                timer.cancel()

    def remove(self) -> None:
        self._published = None

    # -- talking to tor -----------------------------------------------------------------------------------------------

    async def _add(self, control: TorControlConnection, way: Way, ports: Ports, remove: bool = False) -> None:
        error = None
        try:
            key = self.key()
            self._uploads, self._retrying = Uploads(key.address), False
            await self._hear_of_uploads(control)
            if remove:
                with suppress(TorCommandFailed):  # tor has lost it already
                    await way.remove(control, key.address, COMMAND_TIMEOUT)
            await self._ask_for(control, way, key, ports)
        except WhisperdError as reason:
            error = reason
        except Exception as reason:
            logs.unexpected(reason)
            error = WhisperdError()
        if control is self._control:
            self._added(error)

    def _added(self, error: WhisperdError | None) -> None:
        if error is None:
            self._machine.added()
            if self._again:
                self._again = False
                self._machine.again()
        else:
            self.error = error
            self._machine.refused()

    async def _ask_for(self, control: TorControlConnection, way: Way, key: OnionKey, ports: Ports) -> None:
        """Ask with all defences, and without the proof of work where tor does not have it."""
        self.circuits = way.tells_circuits and ports.circuits != 0
        clients = [self.credential().public, *self.clients.keys] if self._settings.private else []
        offer = Publication(key, self._settings.port, ports.circuits if self.circuits else ports.plain, clients,
                      self._settings.max_streams, self._settings.pow, self.circuits)
        try:
            await way.publish(control, offer)
        except TorCommandFailed:
            if not offer.pow:
                raise
            offer = replace(offer, pow=False)
            await way.publish(control, offer)
        self.pow = offer.pow

    async def _hear_of_uploads(self, control: TorControlConnection) -> None:
        if self._heard is not control:
            await control.hear_of("HS_DESC", lambda text: self._descriptor_event(control, text))
            self._heard = control

    def _descriptor_event(self, control: TorControlConnection, text: str) -> None:
        if control is not self._control or self._uploads is None:
            return
        uploads = self._uploads
        before, begun = uploads.done, uploads.begun
        uploads.hear(text)
        if uploads.complete:
            self._machine.uploaded()
        elif uploads.begun and not begun:
            self._later(_OTHER_UPLOADS, self._machine.uploaded)
        elif uploads.done > before == 0:
            self._later(_OTHER_DESCRIPTOR, self._machine.uploaded)
        elif uploads.failed and self.state == "publishing" and not self._retrying:
            # Tor would upload it again in an hour or two only.
            self._retrying = True
            self.forget_timers()
            self._complain_of(_outdated() if uploads.outdated else OnionNotPublished())
            self._attempts += 1
            self._later(pause(self._attempts, self._random, _OUTDATED_PAUSE if uploads.outdated else None),
                        self._machine.again)

    def _later(self, seconds: float, what: Callable[[], object]) -> None:
        self._timers.append(self._reactor.callLater(seconds, what))


def _outdated() -> OnionNotPublished:
    return OnionNotPublished(
        "the directories refused the descriptor: they hold one that counts as newer, made while the clock was ahead",
        remedy="Wait: it is tried until they take it, when the clock has caught up or they have forgotten the other, "
               "three to four hours after its upload. Or take a new address: 'whisperctl onion rotate'.")
