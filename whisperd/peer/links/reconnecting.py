"""What every link does that dials: one attempt after the other, with pauses, until it is stopped."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.error import ConnectingCancelledError

from whisperd.backoff import Backoff
from whisperd.errors import WhisperdError
from whisperd.interfaces import ProtocolFactory
from whisperd.logs import unexpected
from whisperd.peer.links.context import LinkContext
from whisperd.timers import OneShot

T = TypeVar("T")


def _nothing() -> None:
    """A bug in an attempt is logged, and that is all."""


class Reconnecting:
    """Calls ``attempt`` again and again; it returns when a connection has ended, or did not come about.

    Every connection goes over circuits of this one alone. After one that did not come about they are others: tor may
    wait for minutes at a rendezvous that the other side never came to, and has all that go over the same circuits wait.

    ``broken`` is called when there was a bug in an attempt; the next one comes after the usual pause.
    """

    def __init__(self, attempt: Callable[[], Awaitable[None]], context: LinkContext,
                 broken: Callable[[], None] = _nothing) -> None:
        self._attempt = attempt
        self._broken = broken
        self._context = context
        self._isolation = context.random(16).hex()
        self._dial_seconds = context.timing.first_dial
        self._backoff = Backoff(context.random, first=context.timing.first_pause, maximum=context.timing.max_pause)
        self._exact: float | None = None
        self._timer = OneShot(context.reactor, self._pause_over)
        self._pausing: Deferred[None] | None = None
        self._waiting: Callable[[], None] | None = None
        self._task: Deferred[None] | None = None
        self._stopped = False

    @property
    def pausing(self) -> bool:
        """Whether it waits for the moment of the next attempt."""
        return bool(self._timer)

    @property
    def stopped(self) -> bool:
        """Whether no attempt follows."""
        return self._stopped

    @property
    def running(self) -> bool:
        """Whether there is an attempt or a pause."""
        return self._task is not None and not self._task.called

    def start(self) -> None:
        """Begin with the first attempt."""
        self._task = Deferred.fromCoroutine(self._run())

    def stop(self, *, cancel: bool) -> Deferred[None]:
        """Attempt nothing any more; with ``cancel`` a dial or pause ends at once.

        Return a Deferred that fires when the last attempt is over."""
        self._stopped = True
        if self._task is None:
            return succeed(None)
        done: Deferred[None] = Deferred()
        self._task.addBoth(lambda _: done.callback(None))
        if cancel and self._waiting is not None:
            self._waiting()
        return done

    # -- the next pause -------------------------------------------------------------------------------------------

    def worked(self) -> None:
        """The next attempt counts as the first again."""
        self._backoff.reset()

    def pause_about(self, seconds: float) -> None:
        """Make the next pause about so long."""
        self._backoff.ask(seconds)

    def pause_exactly(self, seconds: float) -> None:
        """Make the next pause exactly so long."""
        self._exact = seconds

    def hurry(self) -> None:
        """What made the last attempts fail may be over: end a pause that is under way, unless it has to be exact."""
        self.worked()
        if self._timer and self._exact is None:
            self._timer.cancel()
            self._pause_over()

    # -- what an attempt uses -------------------------------------------------------------------------------------

    async def connect(self, host: str, port: int, factory: ProtocolFactory[T], *, direct: bool = False) -> T:
        """Return what the dialer connected to; raises what it raises."""
        timing, random = self._context.timing, self._context.random
        try:
            connected = await self._cancellable(Deferred.fromCoroutine(self._context.dialer.connect(
                host, port, factory, isolation=self._isolation, direct=direct, timeout=self._dial_seconds)))
        except WhisperdError:
            self._isolation = random(16).hex()
            self._dial_seconds = min(2 * self._dial_seconds, timing.max_dial)
            raise
        self._dial_seconds = timing.first_dial
        return connected

    async def until_closed(self, closed: Deferred[T]) -> T:
        """Wait until a connection has ended, and return what ``closed`` fires with; one that lived long has worked."""
        reactor = self._context.reactor
        began = reactor.seconds()
        result = await closed
        if reactor.seconds() - began >= self._context.timing.steady:
            self.worked()
        return result

    # -- inside ---------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while not self._stopped:
            try:
                await self._try()
                if not self._stopped:
                    await self._pause()
            except (CancelledError, ConnectingCancelledError):
                return

    async def _try(self) -> None:
        try:
            await self._attempt()
        except (CancelledError, ConnectingCancelledError):
            raise
        except Exception as error:  # a bug here is no reason to be out of reach for ever
            unexpected(error)
            if not self._stopped:
                self._broken()

    async def _pause(self) -> None:
        self._pausing = Deferred(lambda _: self._timer.cancel())
        self._timer.start(self._backoff.next() if self._exact is None else self._exact)
        await self._cancellable(self._pausing)

    def _pause_over(self) -> None:
        pausing, self._pausing = self._pausing, None
        self._exact = None
        if pausing is not None:
            pausing.callback(None)

    async def _cancellable(self, waiting: Deferred[T]) -> T:
        self._waiting = waiting.cancel
        try:
            return await waiting
        finally:
            self._waiting = None
