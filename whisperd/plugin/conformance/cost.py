"""What something costs in CPU time, as a multiple of X25519 agreements that are measured beside it."""

from __future__ import annotations

import time
from collections.abc import Callable

import nacl.bindings as sodium

#: Most that the checks allow, in agreements. They are there to find what nobody could use, not what could be faster.
MAX_EXCHANGE = 3_000
MAX_MESSAGE = 150
#: As much as a step of a Double Ratchet and a few HMACs: messages that anybody can forge are a way to keep one busy.
MAX_FORGED = 4
_RUNS, _TRIES = 5, 10
_PRIVATE, _PUBLIC = b"\x07" * 32, sodium.crypto_scalarmult_base(b"\x09" * 32)


def agreements(work: Callable[[], object], repeat: int = 1, *, maximum: float) -> float:
    """Return how many X25519 agreements take as much CPU time of this thread as one ``work``.

    ``work`` is done ``repeat`` times in each of five runs; the least of the runs counts, for both. What seems to cost
    more than ``maximum`` is measured again: on a busy machine anything does at times, but not ten times in a row."""
    for _ in range(_TRIES):
        runs = [(_seconds(work, repeat), _seconds(_agree, 20)) for _ in range(_RUNS)]
        cost = min(seconds for seconds, _ in runs) / min(seconds for _, seconds in runs)
        if cost <= maximum:
            break
    return cost


def _seconds(work: Callable[[], object], repeat: int) -> float:
    started = time.thread_time()
    for _ in range(repeat):
        work()
    return (time.thread_time() - started) / repeat


def _agree() -> None:
    sodium.crypto_scalarmult(_PRIVATE, _PUBLIC)
