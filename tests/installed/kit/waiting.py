"""Waiting for something to come to pass, with a deadline that a busy machine keeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

#: Seconds that anything may take on a machine that is busy with something else.
PATIENCE = 120.0
T = TypeVar("T")


def until(holds: Callable[[], T], otherwise: str | Callable[[], str] = "it did not come to pass") -> T:
    """Return what ``holds`` gives as soon as it is true; ``otherwise`` is what the test fails with."""
    deadline = time.monotonic() + PATIENCE
    while not (found := holds()):
        assert time.monotonic() < deadline, otherwise() if callable(otherwise) else otherwise
        time.sleep(0.02)
    return found
