"""The addresses of the relay: the one in force and, for some hours after a rotation, the one before.

Both are published on every tor that comes; the daemon's own dialling, its invites and its events go by the one in
force. [whisperd.toml(5), ONION SERVICE]
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.python.failure import Failure

from whisperd import logs
from whisperd.errors import RotationRefused, WhisperdError
from whisperd.stopping import every
from whisperd.tor.control.connection import TorControlConnection
from whisperd.tor.onion.authorized_clients import ClientList
from whisperd.tor.onion.client_auth import Credential
from whisperd.tor.onion.key import OnionKey
from whisperd.tor.onion.key_store import keys_of
from whisperd.tor.onion.publication import Way
from whisperd.tor.onion.publish import Ports, Publisher

#: Seconds after which the clock is looked at again, which may have been set or may have slept.
LOOK = 60.0


class Addresses:
    """Publishes as ``settings`` (the section ``onion``) says, and retires the address before a rotation in time.

    ``emit`` hears ``onion-state`` of the address in force, ``onion-rotated`` and ``onion-retired``; ``now`` is the
    time in unix seconds.
    """

    def __init__(self, settings: Any, *, reactor: Any, random: Callable[[int], bytes], emit: Callable[..., object],
                 now: Callable[[], float] = time.time) -> None:
        self.clients = ClientList(_clients_file(settings))
        self._settings = settings
        self._reactor = reactor
        self._random = random
        self._emit = emit
        self._now = now
        self._keys = keys_of(settings, random)
        self._current = self._publisher(self._keys.current)
        self._old: Publisher | None = None
        self._until = 0.0
        self._timer: Any = None
        self._looked = False
        self._complaint: WhisperdError | None = None
        self._tor: tuple[TorControlConnection, Way] | None = None
        self._ports: Ports | None = None

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
        """What is wrong with it, or with what was kept of the one before."""
        return self._current.error or self._complaint

    @property
    def on_upload(self) -> Callable[[], object]:
        """What is called whenever clients can find the service in force from now on."""
        return self._current.on_upload

    @on_upload.setter
    def on_upload(self, call: Callable[[], object]) -> None:
        self._current.on_upload = call

    def published(self) -> set[str]:
        """Return the onion names that tor has been given and that it should hold now."""
        return {each.address for each in self._all() if each.address and each.state in ("publishing", "up")}

    def credential(self) -> Credential:
        """Return what opens the own private service in force to the daemon; raises OnionKeyUnusable."""
        return self._current.credential()

    def status(self) -> dict[str, Any]:
        """Return how the onion service stands; of the one before its ``address``, ``state`` and ``seconds`` to go."""
        old = self._old
        return {**self._current.status(), "retiring": old and {
            "address": old.address, "state": old.state, "seconds": max(round(self._left()), 0)}}

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

    def tor_up(self, control: TorControlConnection, way: Way) -> None:
        """Go on with this tor, asked in this way."""
        self._tor = (control, way)
        for publisher in self._all():
            publisher.tor_up(control, way)

    def tor_lost(self) -> None:
        """The tor is gone: wait for the next one."""
        self._tor = None
        for publisher in self._all():
            publisher.tor_lost()

    def when_up(self) -> Deferred[str]:
        """Return a Deferred that fires with the address in force once its descriptor is uploaded."""
        return self._current.when_up()

    def rotate(self, overlap: float) -> dict[str, Any]:
        """Put a new address into force; the one before answers for ``overlap`` more seconds (0: no longer).

        Returns both and the seconds. Raises RotationRefused while another one still answers, unless ``overlap`` is 0;
        then both go. Raises OnionKeyUnusable, and then nothing has changed.
        """
        if self._old is not None and overlap:
            raise RotationRefused(f"{self._old.address} still answers, from the rotation before")
        before = self._current.key().address
        until = self._now() + overlap if overlap else None
        self._keys.rotate(until)
        self._drop_old()
        old, self._current = self._current, self._publisher(self._keys.current)
        address = self._current.key().address
        self._emit("onion-rotated", address=address, old=before, seconds=round(overlap))
        old.hand_over_to(self._current)
        if until is None:
            _let_go(old)
        else:
            self._retire_later(old, until)
        return {"address": address, "old": before, "seconds": round(overlap)}

    def retire(self) -> str:
        """Let the address before the last rotation go at once, and return it.

        Raises RotationRefused when there is none, OnionKeyUnusable when its key cannot be removed."""
        if self._old is None:
            raise RotationRefused("no address is on its way out", remedy="'whisperctl onion rotate' makes a new one.")
        self._keys.retire()
        return self._drop_old()

    async def stop(self) -> None:
        """Withdraw everything from tor; the key of an address on its way out is kept if the other is."""
        await every(self._stop_timer, *(publisher.stop for publisher in self._all()))

    # -- the one before -----------------------------------------------------------------------------------------------

    def _bring_back(self) -> None:
        """Go on with a rotation that an earlier process of this daemon began."""
        if self._looked:
            return
        self._looked = True
        try:
            kept = self._keys.retiring()
            if kept is not None and self._now() < kept.until:
                self._retire_later(self._publisher(lambda: kept.key, quiet=True), kept.until)
            elif kept is not None:
                self._keys.retire()
        except WhisperdError as reason:
            self._complaint = reason

    def _retire_later(self, old: Publisher, until: float) -> None:
        old.key()
        self._old, self._until = old, until
        if self._tor is not None and old.state == "absent":
            old.tor_up(*self._tor)
        self._look()

    def _look(self) -> None:
        if self._left() > 0:
            self._timer = self._reactor.callLater(min(self._left(), LOOK), self._look)
            return
        try:
            self._keys.retire()
        except WhisperdError as reason:
            self._complaint = reason
        self._drop_old()

    def _left(self) -> float:
        return self._until - self._now()

    def _drop_old(self) -> str:
        self._stop_timer()
        old, self._old = self._old, None
        if old is None:
            return ""
        _let_go(old)
        self._emit("onion-retired", address=old.address)
        return old.address or ""

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _all(self) -> list[Publisher]:
        return [self._current, *([self._old] if self._old else [])]

    def _publisher(self, key: Callable[[], OnionKey], *, quiet: bool = False) -> Publisher:
        publisher = Publisher(self._settings, key, self.clients, reactor=self._reactor, random=self._random,
                              emit=self._emit)
        publisher.quiet = quiet
        return publisher


def _let_go(publisher: Publisher) -> None:
    ensureDeferred(publisher.stop()).addErrback(_report)


def _report(failure: Failure) -> None:
    if failure.value is not None:
        logs.unexpected(failure.value)


def _clients_file(settings: Any) -> Path | None:
    """Return where the list of clients is kept: beside the key, if that is kept."""
    return Path(f"{settings.key_file}.clients") if settings.key == "persistent" else None
