"""Publishing one onion service over tor's control port: the steps of the machine in ``onion.state_machine``."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from twisted.internet.defer import ensureDeferred

from whisperd import logs
from whisperd.backoff import Backoff
from whisperd.errors import OnionNotPublished, TorCommandFailed, WhisperdError
from whisperd.interfaces import OnionRow
from whisperd.timers import Clock, OneShot
from whisperd.tor.control.control_port import COMMAND_TIMEOUT, TorControl
from whisperd.tor.onion import state_machine
from whisperd.tor.onion.descriptor_uploads import DescriptorUploads
from whisperd.tor.onion.offer import OnionOffer
from whisperd.tor.onion.publication import Ports, PublicationMethod
from whisperd.tor.surroundings import TorSurroundings

#: Seconds that tor has to remove the onion service while the daemon stops.
_REMOVE_TIMEOUT = 3.0
#: Seconds after the first upload that worked in which the others may still be waited for, if all have begun.
_OTHER_UPLOADS = 3.0
#: Seconds after it that the other descriptor, whose introduction points are not ready yet, may be waited for.
_OTHER_DESCRIPTOR = 15.0
#: Maximum seconds between two attempts while directories hold a newer descriptor, which they may do for hours.
_OUTDATED_PAUSE = 600.0


class PublisherOwner(Protocol):
    """Whoever has a publisher, and hears of it."""

    def state_changed(self, publisher: Publisher) -> None:
        """Its ``state`` is another one."""

    def complained(self, publisher: Publisher) -> None:
        """Its ``error`` is another one, in the same state."""

    def uploaded(self, publisher: Publisher) -> None:
        """Clients can find the service from now on."""


@dataclass
class _Attempt:
    """Publishing on one tor: what it was asked, and what it said of uploads."""

    uploads: DescriptorUploads
    retrying: bool = False


class Publisher:
    """Has one onion service published on whatever tor there is, always with the same key."""

    def __init__(self, offer: OnionOffer, owner: PublisherOwner, *, reactor: Clock, around: TorSurroundings) -> None:
        self.offer = offer
        self.pow = self.circuits = False
        self.error: WhisperdError | None = None
        self._owner = owner
        self._reactor = reactor
        self._around = around
        self._life = state_machine.OnionLife(self)
        self._control: TorControl | None = None
        self._method: PublicationMethod | None = None
        self._ports: Ports | None = None
        self._attempt: _Attempt | None = None
        self._backoff = Backoff(around.random)
        self._published: float | None = None
        self._again = False
        self._heard: TorControl | None = None
        self._deadline = OneShot(reactor, lambda: self._life.happen(state_machine.OVERDUE))
        self._settled = OneShot(reactor, lambda: self._life.happen(state_machine.UPLOADED))
        self._retry = OneShot(reactor, self.again)

    @property
    def state(self) -> str:
        """Where it stands: absent, adding, publishing, up or lost."""
        return self._life.state

    @property
    def address(self) -> str | None:
        """The onion name, as soon as its key is there."""
        return self.offer.address

    def status(self) -> OnionRow:
        """Return how the onion service stands; ``published_age`` is in seconds."""
        age = None if self._published is None else round(self._reactor.seconds() - self._published)
        held = self.state in (state_machine.PUBLISHING, state_machine.UP)
        return {"state": self.state, "address": self.address,
                "published_age": age if self.state == state_machine.UP else None, "private": self.offer.private,
                "pow": self.pow and held, "circuits": self.circuits and held, "retiring": None, "reached_age": None}

    def want(self, ports: Ports) -> None:
        """Publish what listens on ``ports``, now or as soon as there is a tor.

        Others than before take their place at the same address; the same ones change nothing."""
        changed = self._ports not in (None, ports)
        self._ports = ports
        self.again() if changed else self._begin()

    def again(self) -> None:
        """Have tor remove the onion service and publish it anew; without a tor, the next one does anyway."""
        if self.state == state_machine.ADDING:
            self._again = True
        elif self.state == state_machine.LOST:
            self._begin()
        else:
            self._life.happen(state_machine.AGAIN)

    def tor_up(self, control: TorControl, method: PublicationMethod) -> None:
        """Go on with this tor, asked in this way."""
        self._control, self._method = control, method
        self._backoff.reset()
        self._begin()

    def tor_lost(self) -> None:
        """The tor is gone: wait for the next one."""
        self._control = None
        self._again = False
        self._life.happen(state_machine.TOR_LOST)

    async def stop(self) -> None:
        """Withdraw the onion service from tor, so that no descriptor of it goes out any more."""
        control, address = self._control, self.address
        held = self.state in (state_machine.ADDING, state_machine.PUBLISHING, state_machine.UP)
        self._ports = None
        self._life.happen(state_machine.WITHDRAW)
        if held and control and self._method and address and not control.gone:
            try:
                await self._method.remove(control, address, _REMOVE_TIMEOUT)
            except WhisperdError:
                # Tor removes it by itself when the connection closes, which comes next.
                return

    def _begin(self) -> None:
        if self._ports is not None and self._control is not None:
            self._life.happen(state_machine.BEGIN)

    # -- what the machine has done ------------------------------------------------------------------------------------

    def entered(self, state: str) -> None:
        self._owner.state_changed(self)

    def add(self) -> None:
        if self._control is not None and self._method is not None and self._ports is not None:
            ensureDeferred(self._add(self._control, self._method, self._ports))

    def renew(self) -> None:
        if self._control is not None and self._method is not None and self._ports is not None:
            ensureDeferred(self._add(self._control, self._method, self._ports, remove=True))

    def start_deadline(self) -> None:
        self._deadline.start(self.offer.publish_timeout)

    def report_overdue(self) -> None:
        self._complain_of(OnionNotPublished())

    def _complain_of(self, error: WhisperdError) -> None:
        self.error = error
        self._owner.complained(self)

    def note_upload(self) -> None:
        self.error = None
        self._backoff.reset()
        self._published = self._reactor.seconds()
        self._owner.uploaded(self)

    def retry_later(self) -> None:
        self._retry_after_pause(self._around.timing.max_pause)

    def _retry_after_pause(self, bound: float) -> None:
        self._retry.start(self._backoff.next(bound))

    def cancel_timers(self) -> None:
        for timer in (self._deadline, self._settled, self._retry):
            timer.cancel()

    def forget(self) -> None:
        self._published = None

    # -- talking to tor -----------------------------------------------------------------------------------------------

    async def _add(self, control: TorControl, method: PublicationMethod, ports: Ports, remove: bool = False) -> None:
        error = None
        try:
            key = self.offer.key()
            self._attempt = _Attempt(DescriptorUploads(key.address))
            await self._hear_of_uploads(control)
            if remove:
                with suppress(TorCommandFailed):  # tor has lost it already
                    await method.remove(control, key.address, COMMAND_TIMEOUT)
            await self._ask_for(control, method, ports)
        except WhisperdError as reason:
            error = reason
        except Exception as reason:
            logs.unexpected(reason)
            error = WhisperdError()
        if control is self._control:
            self._added(error)

    def _added(self, error: WhisperdError | None) -> None:
        if error is None:
            self._life.happen(state_machine.ADDED)
            if self._again:
                self._again = False
                self._life.happen(state_machine.AGAIN)
        else:
            self.error = error
            self._life.happen(state_machine.REFUSED)

    async def _ask_for(self, control: TorControl, method: PublicationMethod, ports: Ports) -> None:
        """Ask with all defences, and without the proof of work where tor does not have it."""
        self.circuits = method.tells_circuits and ports.circuits != 0
        offer = self.offer.publication(ports, circuits=self.circuits)
        try:
            await method.publish(control, offer)
        except TorCommandFailed:
            if not offer.pow:
                raise
            offer = replace(offer, pow=False)
            await method.publish(control, offer)
        self.pow = offer.pow

    async def _hear_of_uploads(self, control: TorControl) -> None:
        if self._heard is not control:
            await control.hear_of("HS_DESC", lambda text: self._descriptor_event(control, text))
            self._heard = control

    def _descriptor_event(self, control: TorControl, text: str) -> None:
        if control is not self._control or self._attempt is None:
            return
        uploads = self._attempt.uploads
        before, begun = uploads.done, uploads.begun
        uploads.hear(text)
        if uploads.complete:
            self._life.happen(state_machine.UPLOADED)
        elif uploads.begun and not begun:
            self._settled.start_earlier(_OTHER_UPLOADS)
        elif uploads.done > before == 0:
            self._settled.start_earlier(_OTHER_DESCRIPTOR)
        elif uploads.failed and self.state == state_machine.PUBLISHING and not self._attempt.retrying:
            # Tor would upload it again in an hour or two only.
            self._attempt.retrying = True
            self.cancel_timers()
            self._complain_of(_outdated() if uploads.outdated else OnionNotPublished())
            self._retry_after_pause(_OUTDATED_PAUSE if uploads.outdated else self._around.timing.max_pause)


def _outdated() -> OnionNotPublished:
    return OnionNotPublished(
        "Tor's directories refused the descriptor because they have one that looks newer, made while this clock was "
        "ahead",
        remedy="Wait: whisperd tries again until it is accepted. That happens when the clock has caught up, or when "
               "the directories have dropped the other descriptor, three to four hours after its upload. Or change to "
               "a new address: 'whisperctl onion rotate'.")
