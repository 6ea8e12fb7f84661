"""Waiting for something to come to pass, with a deadline that a busy machine keeps."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, TypeVar

from twisted.internet import reactor
from twisted.internet.task import deferLater

#: Seconds that anything may take on a machine that is busy with something else.
PATIENCE = 120.0
T = TypeVar("T")
Otherwise = str | Callable[[], str]


def until(holds: Callable[[], T], otherwise: Otherwise = "it did not come to pass") -> T:
    """Return what ``holds`` gives as soon as it is true; ``otherwise`` is what the test fails with."""
    deadline = time.monotonic() + PATIENCE
    while not (found := holds()):
        assert time.monotonic() < deadline, otherwise() if callable(otherwise) else otherwise
        time.sleep(0.02)
    return found


async def eventually(holds: Callable[[], Any], otherwise: Otherwise = "it did not come to pass", *,
                     meanwhile: Callable[[], Awaitable[Any]] | None = None) -> Any:
    """Return what ``holds`` gives, or gives in time, as soon as it is true, while the reactor turns.

    ``meanwhile`` is awaited between two looks; without it 10 ms pass."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = holds()
        if isawaitable(found):
            found = await found
        if found:
            return found
        assert time.monotonic() < deadline, otherwise() if callable(otherwise) else otherwise
        await (meanwhile() if meanwhile is not None else deferLater(reactor, 0.01))
