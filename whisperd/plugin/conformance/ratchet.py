"""Checks for ratchets, all of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from whisperd.plugin.conformance import ratchet_messages, ratchet_state, ratchet_work
from whisperd.plugin.conformance.ratchet_bench import CHECKS, RatchetBench
from whisperd.plugin.conformance.report import ConformanceReport, Follow, seeded
from whisperd.plugin.registry import RATCHET

__all__ = ["CHECKS", "check_ratchet", "ratchet_messages", "ratchet_state", "ratchet_work"]


def check_ratchet(plugin: Any, *, seed: str = "conformance", thorough: bool = False,
                  only: Iterable[str] = (), follow: Follow | None = None) -> ConformanceReport:
    """Return what every check (or those in ``only``) finds in ``plugin``, an IRatchet.

    The random source is made from ``seed``; ``thorough`` changes every single byte instead of some 128 of each value,
    and walks longer.
    """
    results = CHECKS.run(lambda name: RatchetBench(plugin, seeded(f"{seed} {name}"), thorough), only, follow)
    return ConformanceReport(RATCHET, str(getattr(plugin, "id", "unknown")), results)
