"""What every link does that dials: one attempt after the other, with pauses, until it is stopped."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.error import ConnectingCancelledError

from whisperd.errors import WhisperdError
from whisperd.interfaces import Random
from whisperd.logs import unexpected
from whisperd.peer.links.redial import Redial

#: Seconds that tor has for a connection: at the first attempt, and at most when attempts fail.
FIRST_PATIENCE = 20.0
MAX_PATIENCE = 60.0


class Dialling:
    """Calls ``_connect_once`` again and again; it returns when a connection has ended, or did not come about.

    Every connection goes over circuits of this link alone. After one that did not come about they are others: tor may
    wait for minutes at a rendezvous that the other side never came to, and has all that go over the same circuits wait.
    """

    def __init__(self, reactor: Any, random: Random) -> None:
        self._reactor = reactor
        self._random = random
        self._isolation = random(16).hex()
        self._patience = FIRST_PATIENCE
        self._redial = Redial(reactor, random)
        self._task: Deferred[None] | None = None
        self._waiting: Deferred[Any] | None = None
        self._stopping = False

    async def _connect_once(self) -> None:
        raise NotImplementedError

    def _broken(self) -> None:
        """There was a bug in an attempt; the next one comes after the usual pause."""

    def _begin(self) -> None:
        self._task = Deferred.fromCoroutine(self._run())

    def _no_more(self) -> Deferred[None]:
        """Return what fires when the last attempt is over; a pause has to be cancelled by ``_give_up_waiting``."""
        self._stopping = True
        if self._task is None:
            return succeed(None)
        done: Deferred[None] = Deferred()
        self._task.addBoth(lambda _: done.callback(None))
        return done

    def _give_up_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()

    async def _run(self) -> None:
        while not self._stopping:
            try:
                await self._attempt()
                if not self._stopping:
                    await self._cancellable(self._redial.pause())
            except (CancelledError, ConnectingCancelledError):
                return

    async def _attempt(self) -> None:
        try:
            await self._connect_once()
        except (CancelledError, ConnectingCancelledError):
            raise
        except Exception as error:  # a bug here is no reason to be out of reach for ever
            unexpected(error)
            if not self._stopping:
                self._broken()

    async def _dial(self, dialer: Any, host: str, port: int, factory: Any, **how: Any) -> Any:
        """Return what ``dialer`` connected to; raises what it raises."""
        try:
            connected = await self._cancellable(Deferred.fromCoroutine(dialer.connect(
                host, port, factory, isolation=self._isolation, timeout=self._patience, **how)))
        except WhisperdError:
            self._isolation = self._random(16).hex()
            self._patience = min(2 * self._patience, MAX_PATIENCE)
            raise
        self._patience = FIRST_PATIENCE
        return connected

    async def _cancellable(self, waiting: Deferred[Any]) -> Any:
        self._waiting = waiting
        try:
            return await waiting
        finally:
            self._waiting = None
