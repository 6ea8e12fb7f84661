"""The addresses of the relay: the one in force and, for some hours after a rotation, the one before.

Both are published on every tor that comes; the daemon's own dialling, its invites and its events go by the one in
force. [whisperd.toml(5), ONION SERVICE]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from twisted.internet import defer
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.python.failure import Failure

from whisperd import logs
from whisperd.config import OnionSection
from whisperd.errors import RotationRefused, WhisperdError
from whisperd.interfaces import OnionRow, RotatedRow
from whisperd.stopping import every
from whisperd.timers import Clock, OneShot
from whisperd.tor.control.control_port import TorControl
from whisperd.tor.event_loop import Waiters
from whisperd.tor.onion import state_machine
from whisperd.tor.onion.authorized_clients import ClientList
from whisperd.tor.onion.client_auth import Credential
from whisperd.tor.onion.key import OnionKey
from whisperd.tor.onion.key_store import keys_of
from whisperd.tor.onion.offer import OnionOffer
from whisperd.tor.onion.publication import Ports, PublicationMethod
from whisperd.tor.onion.publish import Publisher
from whisperd.tor.surroundings import TorSurroundings

#: Seconds after which the clock is checked again, which may have been set or may have slept.
CHECK_SECONDS = 60.0


@dataclass(frozen=True)
class _Retiring:
    """The publisher of the address before, which is good until ``until`` (unix seconds)."""

    publisher: Publisher
    until: float


class Addresses:
    """Publishes as ``settings`` says, and retires the address before a rotation in time.

    ``emit`` hears ``onion-state`` of the address in force, ``onion-rotated`` and ``onion-retired``; ``on_upload`` is
    called whenever clients can find the service in force from now on.
    """

    def __init__(self, settings: OnionSection, *, reactor: Clock, emit: Callable[..., object],
                 on_upload: Callable[[], object], around: TorSurroundings) -> None:
        self.clients = ClientList(_clients_file(settings))
        self._settings = settings
        self._reactor = reactor
        self._emit = emit
        self._on_upload = on_upload
        self._around = around
        self._keys = keys_of(settings, around.random)
        self._current = self._publisher(self._keys.current)
        self._old: _Retiring | None = None
        self._timer = OneShot(reactor, self._check)
        self._brought_back = False
        self._complaint: WhisperdError | None = None
        self._tor: tuple[TorControl, PublicationMethod] | None = None
        self._ports: Ports | None = None
        self._waiting: Waiters[str] = Waiters()

    @property
    def address(self) -> str | None:
        """The onion name in force, as soon as its key is there."""
        return self._current.address

    @property
    def state(self) -> str:
        """Where the onion service in force stands."""
        return self._current.state

    @property
    def error(self) -> WhisperdError | None:
        """What is wrong with it, or with what was found of the one before."""
        return self._current.error or self._complaint

    def published(self) -> set[str]:
        """Return the onion names that tor has been given and that it should hold now."""
        return {each.address for each in self._all()
                if each.address and each.state in (state_machine.PUBLISHING, state_machine.UP)}

    def credential(self) -> Credential:
        """Return what opens the own private service in force to the daemon; raises OnionKeyUnusable."""
        return self._current.offer.credential()

    def status(self) -> OnionRow:
        """Return how the onion service stands; of the one before its ``address``, ``state`` and ``seconds`` to go."""
        row = self._current.status()
        if (old := self._old) is not None:
            row["retiring"] = {"address": old.publisher.address, "state": old.publisher.state,
                               "seconds": max(round(self._left(old)), 0)}
        return row

    def want(self, ports: Ports) -> None:
        """Publish what listens on ``ports``, now or as soon as there is a tor."""
        self._ports = ports
        self._bring_back()
        for publisher in self._all():
            publisher.want(ports)

    def again(self) -> None:
        """Have tor remove what is published and publish it anew."""
        for publisher in self._all():
            publisher.again()

    def tor_up(self, control: TorControl, method: PublicationMethod) -> None:
        """Go on with this tor, asked in this way."""
        self._tor = (control, method)
        for publisher in self._all():
            publisher.tor_up(control, method)

    def tor_lost(self) -> None:
        """The tor is gone: wait for the next one."""
        self._tor = None
        for publisher in self._all():
            publisher.tor_lost()

    def when_up(self) -> Deferred[str]:
        """Return a Deferred that fires with the address in force once its descriptor is uploaded."""
        address = self._current.address
        return defer.succeed(address) if self.state == state_machine.UP and address else self._waiting.wait()

    def rotate(self, overlap: float) -> RotatedRow:
        """Put a new address into force; the one before answers for ``overlap`` more seconds (0: no longer).

        Returns both and the seconds. Raises RotationRefused while another one still answers, unless ``overlap`` is 0;
        then both go. Raises OnionKeyUnusable, and then nothing has changed.
        """
        if self._old is not None and overlap:
            raise RotationRefused(f"{self._old.publisher.address} still answers after the previous rotation")
        before = self._current.offer.key().address
        until = self._around.now() + overlap if overlap else None
        self._keys.rotate(until)
        self._drop_old()
        old, self._current = self._current, self._publisher(self._keys.current)
        address = self._current.offer.key().address
        self._emit("onion-rotated", address=address, old=before, seconds=round(overlap))
        if self._ports is not None:
            self._current.want(self._ports)
        if self._tor is not None:
            self._current.tor_up(*self._tor)
        if until is None:
            _let_go(old)
        else:
            self._retire_later(old, until)
        return {"address": address, "old": before, "seconds": round(overlap)}

    def retire(self) -> str:
        """Let the address before the last rotation go at once, and return it.

        Raises RotationRefused when there is none, OnionKeyUnusable when its key cannot be removed."""
        if self._old is None:
            raise RotationRefused("there is no old address to retire", remedy="'whisperctl onion rotate' makes a new "
                                  "address.")
        self._keys.retire()
        return self._drop_old()

    async def stop(self) -> None:
        """Withdraw everything from tor; the key of an address on its way out stays if the other does."""
        await every(self._timer.cancel, *(publisher.stop for publisher in self._all()))

    # -- what publishers tell -----------------------------------------------------------------------------------------

    def state_changed(self, publisher: Publisher) -> None:
        """The address in force is in another state; that of the one before is shown in ``status`` only."""
        if publisher is self._current:
            error = publisher.error
            logs.note("onion-state", state=publisher.state, code=error.code if error else "none")
            self._emit("onion-state", state=publisher.state, address=publisher.address)

    def complained(self, publisher: Publisher) -> None:
        """The address in force has another error."""
        if publisher is self._current and publisher.error is not None:
            logs.note("onion-state", state=publisher.state, code=publisher.error.code)

    def uploaded(self, publisher: Publisher) -> None:
        """Clients can find an address from now on."""
        if publisher is self._current:
            self._on_upload()
            self._waiting.tell(publisher.address or "")

    # -- the one before -----------------------------------------------------------------------------------------------

    def _bring_back(self) -> None:
        """Go on with a rotation that an earlier process of this daemon began."""
        if self._brought_back:
            return
        self._brought_back = True
        try:
            found = self._keys.retiring()
            if found is not None and self._around.now() < found.until:
                self._retire_later(self._publisher(lambda: found.key), found.until)
            elif found is not None:
                self._keys.retire()
        except WhisperdError as reason:
            self._complaint = reason

    def _retire_later(self, publisher: Publisher, until: float) -> None:
        publisher.offer.key()
        self._old = _Retiring(publisher, until)
        if self._tor is not None and publisher.state == state_machine.ABSENT:
            publisher.tor_up(*self._tor)
        self._check()

    def _check(self) -> None:
        if self._old is None:
            return
        left = self._left(self._old)
        if left > 0:
            self._timer.start(min(left, CHECK_SECONDS))
            return
        try:
            self._keys.retire()
        except WhisperdError as reason:
            self._complaint = reason
        self._drop_old()

    def _left(self, old: _Retiring) -> float:
        return old.until - self._around.now()

    def _drop_old(self) -> str:
        self._timer.cancel()
        old, self._old = self._old, None
        if old is None:
            return ""
        _let_go(old.publisher)
        self._emit("onion-retired", address=old.publisher.address)
        return old.publisher.address or ""

    def _all(self) -> list[Publisher]:
        return [self._current, *([self._old.publisher] if self._old else [])]

    def _publisher(self, key: Callable[[], OnionKey]) -> Publisher:
        offer = OnionOffer(self._settings, key, self.clients, self._around.random)
        return Publisher(offer, self, reactor=self._reactor, around=self._around)


def _let_go(publisher: Publisher) -> None:
    ensureDeferred(publisher.stop()).addErrback(_report)


def _report(failure: Failure) -> None:
    if failure.value is not None:
        logs.unexpected(failure.value)


def _clients_file(settings: OnionSection) -> Path | None:
    """Return where the list of clients is recorded: beside the key, if that is persistent."""
    return Path(f"{settings.key_file}.clients") if settings.key == "persistent" else None
