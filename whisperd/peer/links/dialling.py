"""What every link does that dials: one attempt after the other, with pauses, until it is stopped."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.error import ConnectingCancelledError

from whisperd.interfaces import Random
from whisperd.logs import unexpected
from whisperd.peer.links.redial import Redial


class Dialling:
    """Calls ``_connect_once`` again and again; it returns when a connection has ended, or did not come about."""

    def __init__(self, reactor: Any, random: Random) -> None:
        self._reactor = reactor
        self._redial = Redial(reactor, random)
        self._task: Deferred[None] | None = None
        self._waiting: Deferred[Any] | None = None
        self._stopping = False

    async def _connect_once(self) -> None:
        raise NotImplementedError

    def _failed_itself(self, failure: Any) -> None:
        """There was a bug in an attempt, and there are no more."""
        unexpected(failure.value.with_traceback(failure.getTracebackObject()))

    def _begin(self) -> None:
        self._task = Deferred.fromCoroutine(self._run())
        self._task.addErrback(self._failed_itself)

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
                await self._connect_once()
                if not self._stopping:
                    await self._cancellable(self._redial.pause())
            except (CancelledError, ConnectingCancelledError):
                return

    async def _cancellable(self, waiting: Deferred[Any]) -> Any:
        self._waiting = waiting
        try:
            return await waiting
        finally:
            self._waiting = None
