"""The edge of ``peer.direct``: puts the door and the way out of one conversation among its links."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred

from whisperd.errors import WhisperdError
from whisperd.interfaces import Random
from whisperd.logs import unexpected
from whisperd.peer.links.direct_core import PATIENCE, UNAVAILABLE, Direct, Effects, GoTo, Publish, Tell
from whisperd.peer.links.onion import OnionDoor, OnionLink
from whisperd.peer.links.paths import ONION

#: The names of the two among the links.
IN, OUT = "in", "out"


class DirectLinks:
    """Makes the direct links of one conversation. ``onions`` is what ``whisperd.tor.onion.per_conversation`` offers.

    ``links`` takes them (``add``, ``remove``), ``tell(payload)`` speaks to the other side."""

    def __init__(self, links: Any, tell: Callable[[bytes], None], *, onions: Any, dialer: Any, reactor: Any,
                 random: Random, inviter: bool) -> None:
        self._links = links
        self._tell = tell
        self._onions = onions
        self._dialer = dialer
        self._reactor = reactor
        self._random = random
        self._inviter = inviter
        self._core = Direct(random)
        self._door: OnionDoor | None = None
        self._service: Any = None
        self._goes_to = ""
        self._client = b""
        self._publishing = False
        self._stopped = False

    @property
    def state(self) -> str:
        """How far it is, as ``peer.direct`` has it."""
        return self._core.state if self._onions is not None else UNAVAILABLE

    def begin(self) -> None:
        """The key of the conversation is confirmed."""
        if self._onions is not None and not self._stopped:
            self._do(self._core.begin())

    def told(self, payload: bytes) -> None:
        """The other side said something of it."""
        if not self._stopped:
            self._do(self._core.told(payload, self._reactor.seconds()))

    async def stop(self) -> None:
        """Withdraw the onion service, and forget the keys."""
        if self._stopped:
            return
        self._stopped = True
        self._core.wipe()
        service, self._service = self._service, None
        if service is not None:
            await service.close()
        if self._goes_to:
            await self._onions.forget(self._goes_to)

    # -- effects --------------------------------------------------------------------------------------------------

    def _do(self, effects: Effects) -> None:
        for effect in effects:
            self._actions[type(effect)](self, effect)

    def _say(self, effect: Tell) -> None:
        self._tell(effect.payload)

    def _publish(self, effect: Publish) -> None:
        self._client = effect.client
        if not self._publishing:
            self._publishing = True
            self._later(self._publish_for_the_last())

    def _go_to(self, effect: GoTo) -> None:
        self._later(self._connect(effect))

    async def _publish_for_the_last(self) -> None:
        """Publish for the key that was told last, one service at a time."""
        try:
            while self._service is not None and not self._stopped:
                service, self._service = self._service, None
                await service.close()
        finally:
            self._publishing = False
        if not self._stopped:
            self._service = self._onions.open(self._open_door(), self._client, self._turned)

    def _open_door(self) -> int:
        """Return the port of the door, which stands among the links from now on."""
        if self._door is None:
            door = self._door = OnionDoor(reactor=self._reactor)
            self._links.add(IN, ONION, 0 if self._inviter else 1, lambda: door, passive=True)
        return self._door.port

    async def _connect(self, effect: GoTo) -> None:
        before, self._goes_to = self._goes_to, effect.onion
        if before:
            self._links.remove(OUT)
            await self._onions.forget(before)
        try:
            await self._onions.admit(effect.onion, effect.secret)
        except WhisperdError:
            return  # there is the relay, and the other side may come here
        if not self._stopped and effect.onion == self._goes_to:
            self._links.add(OUT, ONION, 1 if self._inviter else 0, lambda: self._link_to(effect.onion),
                            patience=PATIENCE if self._inviter else 0.0)

    def _link_to(self, onion: str) -> OnionLink:
        return OnionLink(onion, reactor=self._reactor, dialer=self._dialer, random=self._random)

    def _turned(self, state: str) -> None:
        """The own onion service has another state."""
        if self._stopped or self._service is None:
            return
        if state == "up":
            self._do(self._core.published(self._service.address))
        else:
            self._core.unpublished(refused=state == "refused")

    def _later(self, work: Any) -> None:
        Deferred.fromCoroutine(work).addErrback(_note)

    _actions: Mapping[type, Callable[..., None]] = {Tell: _say, Publish: _publish, GoTo: _go_to}


def _note(failure: Any) -> None:
    unexpected(failure.value.with_traceback(failure.getTracebackObject()))
