"""Checks for key exchanges, all of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from whisperd.plugin.conformance import kex_messages, kex_people, kex_primitives, kex_spoken, kex_work
from whisperd.plugin.conformance.bad_keys import LOW_ORDER
from whisperd.plugin.conformance.codes import with_code
from whisperd.plugin.conformance.kex_bench import CHECKS, KexBench, ShownIdentity
from whisperd.plugin.conformance.report import ConformanceReport, Follow, seeded
from whisperd.plugin.registry import KEX

__all__ = ["CHECKS", "LOW_ORDER", "ShownIdentity", "check_key_exchange", "kex_messages", "kex_people", "kex_primitives",
           "kex_spoken", "kex_work"]


def check_key_exchange(plugin: Any, *, seed: str = "conformance", thorough: bool = False,
                       only: Iterable[str] = (), follow: Follow | None = None) -> ConformanceReport:
    """Return what every check (or those in ``only``) finds in ``plugin``, an IKeyExchange.

    The random source is made from ``seed``; ``thorough`` changes every single byte instead of some 128 of each value.
    ``follow`` is told of each check when it begins and when it is done. An ICodeKeyExchange is given a code.
    """
    plugin = with_code(plugin)
    results = CHECKS.run(lambda name: KexBench(plugin, seeded(f"{seed} {name}"), thorough), only, follow)
    return ConformanceReport(KEX, str(getattr(plugin, "id", "unknown")), results)
