"""Onion services for single conversations, and the credentials for those of the other sides.

Each has a key of its own and lets one client in [rend-spec-v3, CLIENT-AUTH]. All of them are published on whatever tor
there is, again after it was lost, at the same addresses; nothing of them is recorded or logged.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from twisted.internet.defer import ensureDeferred

from whisperd.backoff import Backoff
from whisperd.errors import OnionTaken, WhisperdError
from whisperd.stopping import every
from whisperd.timers import Clock, OneShot
from whisperd.tor.control.control_port import TorControl
from whisperd.tor.onion.add_onion import AddOnion
from whisperd.tor.onion.client_auth import Credential, base32
from whisperd.tor.onion.descriptor_uploads import DescriptorUploads
from whisperd.tor.onion.held_credentials import HeldCredentials
from whisperd.tor.onion.key import OnionKey, new_key
from whisperd.tor.onion.publication import Publication
from whisperd.tor.surroundings import TorSurroundings

#: Port of the address.
PORT = 80
#: Maximum number of connections at a time of one circuit; its only client needs one.
MAX_STREAMS = 4
#: Seconds after the first upload that worked in which the others are waited for.
OTHER_UPLOADS = 3.0
#: Seconds that tor has to remove one.
_REMOVE_TIMEOUT = 3.0

PUBLISHING, UP, LOST, REFUSED = "publishing", "up", "lost", "refused"


class DirectOnions:
    """All of them, on the tor that ``tor_up`` names."""

    def __init__(self, reactor: Clock, around: TorSurroundings) -> None:
        self.control: TorControl | None = None
        self.reactor = reactor
        self.around = around
        self._open: list[DirectOnion] = []
        self._credentials = HeldCredentials()
        self._hears: TorControl | None = None

    def open(self, inside: int, client: bytes, told: Callable[[str], None]) -> DirectOnion:
        """Publish what listens on 127.0.0.1:``inside`` for the holder of the key that belongs to ``client`` (32).

        ``told`` hears each change: publishing, up, lost (until there is a tor again) or refused by this tor."""
        made = DirectOnion(self, new_key(self.around.random), inside, client, told)
        self._open.append(made)
        made.publish()
        return made

    async def admit(self, address: str, secret: bytes) -> None:
        """Let this daemon reach ``address`` by the x25519 key ``secret`` (32); raises DialRefused, TorCommandFailed."""
        await self._credentials.add(Credential(address, secret), self.control)

    async def forget(self, address: str) -> None:
        """Reach ``address`` no more; nothing happens when it was not admitted."""
        with suppress(WhisperdError):
            await self._credentials.remove(address, self.control)

    def closed(self, one: DirectOnion) -> None:
        """It is withdrawn."""
        self._open.remove(one)

    def tor_up(self, control: TorControl) -> None:
        """Go on with this tor."""
        if control is not self.control:
            self.control = control
            ensureDeferred(self._bring(control))

    def tor_lost(self) -> None:
        """The tor is gone, and all of them with it, until the next one."""
        self.control = None
        for one in list(self._open):
            one.lost()

    async def stop(self) -> None:
        """Leave nothing of them in a tor that goes on after this daemon."""
        await every(*(one.close for one in list(self._open)), self._take_back)

    async def _take_back(self) -> None:
        if self.control is not None:
            with suppress(WhisperdError):
                await self._credentials.take_back(self.control)

    async def hear_of_uploads(self, control: TorControl) -> None:
        """Have every one hear what tor says of its descriptors."""
        if self._hears is not control:
            await control.hear_of("HS_DESC", lambda text: self._heard(control, text))
            self._hears = control

    def _heard(self, control: TorControl, text: str) -> None:
        if control is self.control:
            for one in list(self._open):
                one.heard(text)

    async def _bring(self, control: TorControl) -> None:
        with suppress(WhisperdError):
            await self._credentials.give(control)
        for one in list(self._open):
            one.publish()


class DirectOnion:
    """The onion service of one conversation; ``address`` is its name."""

    def __init__(self, onions: DirectOnions, key: OnionKey, inside: int, client: bytes,
                 told: Callable[[str], None]) -> None:
        self.address: str = key.address
        self.state = LOST
        self._onions = onions
        self._offer = Publication(key, PORT, inside, [base32(client)], MAX_STREAMS)
        self._told = told
        self._uploads = DescriptorUploads(self.address)
        self._settled = OneShot(onions.reactor, self._uploaded)
        self._retry = OneShot(onions.reactor, self.publish)
        self._backoff = Backoff(onions.around.random)
        self._closed = False

    def publish(self) -> None:
        """Publish it on the tor that there is, if there is one."""
        control = self._onions.control
        if control is not None and not self._closed:
            self._turn(PUBLISHING)
            ensureDeferred(self._publish(control))

    def lost(self) -> None:
        """The tor is gone."""
        self._stop_timers()
        self._turn(LOST)

    def heard(self, text: str) -> None:
        """Tor said something of somebody's descriptor."""
        before = self._uploads.done
        self._uploads.hear(text)
        if self.state != PUBLISHING:
            return
        if self._uploads.complete:
            self._uploaded()
        elif self._uploads.done > before == 0:
            self._stop_timers()
            self._settled.start(OTHER_UPLOADS)

    async def close(self) -> None:
        """Withdraw it for good."""
        if self._closed:
            return
        self._closed = True
        self._stop_timers()
        self._onions.closed(self)
        control = self._onions.control
        if control is not None and self.state in (PUBLISHING, UP):
            with suppress(WhisperdError):  # tor has lost it already
                await AddOnion().remove(control, self.address, _REMOVE_TIMEOUT)

    async def _publish(self, control: TorControl) -> None:
        self._uploads = DescriptorUploads(self.address)
        try:
            await self._onions.hear_of_uploads(control)
            await AddOnion().publish(control, self._offer)
        except OnionTaken:
            if control is self._onions.control and not self._closed:
                self._stop_timers()
                self._retry.start(self._backoff.next(self._onions.around.timing.max_pause))
        except WhisperdError:
            if control is self._onions.control and not self._closed:
                self._turn(REFUSED)

    def _uploaded(self) -> None:
        self._stop_timers()
        self._backoff.reset()
        self._turn(UP)

    def _stop_timers(self) -> None:
        self._settled.cancel()
        self._retry.cancel()

    def _turn(self, state: str) -> None:
        if state != self.state and not self._closed:
            self.state = state
            self._told(state)
