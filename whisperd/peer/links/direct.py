"""The edge of ``direct_core``: adds the two direct links of a conversation to its multipath.

One is the door of its own onion service, the other goes to the other side's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from twisted.internet.defer import Deferred

from whisperd.errors import WhisperdError
from whisperd.interfaces import IDirectOnion, IDirectOnions
from whisperd.logs import unexpected
from whisperd.peer.links.context import LinkContext
from whisperd.peer.links.direct_core import PATIENCE, UNAVAILABLE, Direct, Effects, GoTo, Publish, Tell
from whisperd.peer.links.link import Link
from whisperd.peer.links.onion import OnionDoor, OnionLink
from whisperd.peer.links.paths import ONION

#: The names of the two among the links.
IN, OUT = "in", "out"


class DirectOwner(Protocol):
    """The links of a conversation, as the direct ones among them see them."""

    def add(self, key: str, kind: str, place: int, maker: Callable[[], Link], *, passive: bool = False,
            patience: float = 0.0) -> None:
        """There is one more link, as ``Paths.add`` has it; a passive one is made and started at once."""

    def remove(self, key: str) -> None:
        """There is no such link any more."""

    def tell(self, payload: bytes) -> None:
        """Tell the other side something of the links here."""


class DirectLinks:
    """Makes the direct links of one conversation; there are none without ``onions``."""

    def __init__(self, onions: IDirectOnions | None, context: LinkContext, *, inviter: bool) -> None:
        self._onions = onions
        self._context = context
        self._inviter = inviter
        self._core = Direct(context.random)
        self._owner: DirectOwner  # since ``begin``
        self._door: OnionDoor | None = None
        self._service: IDirectOnion | None = None
        self._goes_to = ""
        self._client = b""
        self._publishing = False
        self._stopped = False

    @property
    def state(self) -> str:
        """How far it is, as ``peer.direct`` has it."""
        return self._core.state if self._onions is not None else UNAVAILABLE

    def begin(self, owner: DirectOwner) -> None:
        """The key of the conversation is confirmed; ``owner`` gets the links, and speaks to the other side."""
        if self._onions is not None and not self._stopped:
            self._owner = owner
            self._do(self._core.begin())

    def told(self, payload: bytes) -> None:
        """The other side said something of it."""
        if not self._stopped:
            self._do(self._core.told(payload, self._context.reactor.seconds()))

    async def stop(self) -> None:
        """Withdraw the onion service, and forget the keys."""
        if self._stopped:
            return
        self._stopped = True
        self._core.wipe()
        service, self._service = self._service, None
        if service is not None:
            await service.close()
        if self._goes_to and self._onions is not None:
            await self._onions.forget(self._goes_to)

    # -- effects --------------------------------------------------------------------------------------------------

    def _do(self, effects: Effects) -> None:
        for effect in effects:
            self._actions[type(effect)](self, effect)

    def _say(self, effect: Tell) -> None:
        self._owner.tell(effect.payload)

    def _publish(self, effect: Publish) -> None:
        self._client = effect.client
        if not self._publishing:
            self._publishing = True
            self._later(self._publish_for_the_last())

    def _go_to(self, effect: GoTo) -> None:
        if self._onions is not None:
            self._later(self._connect(self._onions, effect))

    async def _publish_for_the_last(self) -> None:
        """Publish for the key that was told last, one service at a time."""
        try:
            while self._service is not None and not self._stopped:
                service, self._service = self._service, None
                await service.close()
        finally:
            self._publishing = False
        if not self._stopped and self._onions is not None:
            self._service = self._onions.open(self._open_door(), self._client, self._turned)

    def _open_door(self) -> int:
        """Return the port of the door, which stands among the links from now on."""
        if self._door is None:
            door = self._door = OnionDoor(self._context)
            self._owner.add(IN, ONION, 0 if self._inviter else 1, lambda: door, passive=True)
        return self._door.port

    async def _connect(self, onions: IDirectOnions, effect: GoTo) -> None:
        before, self._goes_to = self._goes_to, effect.onion
        if before:
            self._owner.remove(OUT)
            await onions.forget(before)
        try:
            await onions.admit(effect.onion, effect.secret)
        except WhisperdError:
            return  # there is the relay, and the other side may come here
        if not self._stopped and effect.onion == self._goes_to:
            self._owner.add(OUT, ONION, 1 if self._inviter else 0, lambda: OnionLink(effect.onion, self._context),
                            patience=PATIENCE if self._inviter else 0.0)

    def _turned(self, state: str) -> None:
        """The own onion service has another state."""
        if self._stopped or self._service is None:
            return
        if state == "up":
            self._do(self._core.published(self._service.address))
        else:
            self._core.unpublished(refused=state == "refused")

    def _later(self, work: Awaitable[None]) -> None:
        Deferred.fromCoroutine(_logged(work))

    _actions: Mapping[type, Callable[..., None]] = {Tell: _say, Publish: _publish, GoTo: _go_to}


async def _logged(work: Awaitable[None]) -> None:
    """Do the work; a bug in it is logged."""
    try:
        await work
    except Exception as error:
        unexpected(error)
