"""Checks of key exchanges with a code that people say to each other: one guess a run, and the runs are counted."""

from __future__ import annotations

from functools import partial
from typing import Any

from whisperd.interfaces import ICodeKeyExchange
from whisperd.plugin.conformance.kex_bench import CHECKS, KexBench
from whisperd.plugin.conformance.report import Broken, NotApplicable

_CODE, _GUESS = "conformance", "a guess"
_RUNS = 3


@CHECKS.add
def different_codes(bench: KexBench) -> None:
    """People with different codes reach no common secret, and each side counts that as one run."""
    one, other = _with_codes(bench)
    _guessed(bench, one, other)
    if (one.runs_left, other.runs_left) != (_RUNS - 1, _RUNS - 1):
        raise Broken(f"after one run of {_RUNS} there are {one.runs_left} and {other.runs_left} left")


@CHECKS.add
def runs_end(bench: KexBench) -> None:
    """When a code has no runs left, prekeys, bundles and messages are refused, even those of the right code."""
    one, _ = _with_codes(bench)
    inviter, joiner = bench.contacts
    right = bench.plugin.for_code(_CODE, _RUNS)
    bundle, private = one.prekeys(inviter, bench.random)
    message, _ = right.initiate(bundle, joiner, bench.random)
    for _ in range(_RUNS):
        _guessed(bench, one, bench.plugin.for_code(_GUESS, _RUNS))
    bench.refused("prekeys when no run is left", partial(one.prekeys, inviter, bench.random))
    bench.refused("a message when no run is left", partial(one.accept, message, private, inviter))
    bench.refused("a bundle when no run is left",
                  partial(one.initiate, right.prekeys(joiner, bench.random)[0], inviter, bench.random))


def _with_codes(bench: KexBench) -> tuple[Any, Any]:
    if not ICodeKeyExchange.providedBy(bench.plugin):
        raise NotApplicable("it takes no code")
    return bench.plugin.for_code(_CODE, _RUNS), bench.plugin.for_code(_GUESS, _RUNS)


def _guessed(bench: KexBench, inviters: Any, joiners: Any) -> None:
    """Let a joiner who guesses the code try once; raises Broken when both sides come to the same secret."""
    inviter, joiner = bench.contacts
    bundle, private = inviters.prekeys(inviter, bench.random)
    message, secret = joiners.initiate(bundle, joiner, bench.random)
    bench.useless("a guessed code", secret, partial(inviters.accept, message, private, inviter))
