"""Work in the threads of the reactor's pool, for what would keep the reactor waiting."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from whisperd.timers import Reactor

P = ParamSpec("P")
T = TypeVar("T")


class ThreadReactor(Reactor, Protocol):
    """A reactor with a pool of threads. [twisted.internet.interfaces.IReactorThreads]"""

    def getThreadPool(self) -> ThreadPool:
        """Return the pool."""


def in_thread(reactor: ThreadReactor, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
    """Do ``work`` in a thread; return what fires with its result, or with what it raises."""
    # mypy does not know which classes implement an interface of zope
    return deferToThreadPool(reactor, reactor.getThreadPool(), work, *args, **kwargs)  # type: ignore[arg-type]
