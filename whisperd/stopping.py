"""Stopping in order: each step is taken, whatever became of those before it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable

from twisted.internet.defer import Deferred, ensureDeferred

from whisperd import logs
from whisperd.timers import Clock, OneShot


async def every(*steps: Callable[[], object]) -> None:
    """Take each step, and await what it returns; what it raises is a bug that is written down."""
    for step in steps:
        try:
            result = step()
            if isawaitable(result):
                await result
        except Exception as error:
            logs.unexpected(error)


async def within(seconds: float, work: Awaitable[object], reactor: Clock) -> bool:
    """Wait until ``work`` is done, ``seconds`` at most; return whether it is. It is not disturbed if not.

    Raises what it raises in time.
    """
    end: Deferred[bool] = Deferred()
    alarm = OneShot(reactor, lambda: end.callback(False))
    alarm.start(seconds)

    async def done() -> None:
        try:
            await work
        except Exception as error:
            if end.called:
                logs.unexpected(error)
            else:
                end.errback(error)
        else:
            if not end.called:
                end.callback(True)

    ensureDeferred(done())
    try:
        return await end
    finally:
        alarm.cancel()
