"""Measuring two sides in one run: rounds interleaved, the median of each side, one row for the table.

A machine that slows down half-way slows both sides down, so that a ratio can be trusted where a figure cannot.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

#: One round of one side; returns its figure in the row's unit.
Round = Callable[[], float]
Figure = TypeVar("Figure")


@dataclass(frozen=True)
class Row:
    """What was measured beside what it was measured against; ``target`` is the largest ratio that is good enough.
    ``within``: the median over all rounds of the ratio within a round, where the medians of the sides say less."""

    name: str
    unit: str
    value: float
    against: str
    reference: float
    target: float | None = None
    within: float | None = None

    @property
    def ratio(self) -> float:
        return self.value / self.reference if self.within is None else self.within

    @property
    def reached(self) -> bool | None:
        """Whether the target was reached; None where there is none."""
        return None if self.target is None else self.ratio <= self.target

    def as_json(self) -> dict[str, Any]:
        """Return the row as build/bench.json has it, four significant digits."""
        row = {**asdict(self), "ratio": self.ratio}
        del row["within"]
        return {key: float(f"{value:.4g}") if isinstance(value, float) else value for key, value in row.items()}


def interleave(sides: Mapping[str, Round], rounds: int) -> dict[str, float]:
    """Run every side once to warm up, then ``rounds`` times in turns, and return each side's median."""
    return {name: median(of_one) for name, of_one in in_turns(sides, rounds).items()}


def in_turns(sides: Mapping[str, Callable[[], Figure]], rounds: int) -> dict[str, list[Figure]]:
    """Run every side once to warm up, then ``rounds`` times in turns, and return what each has given, in this order."""
    for run in sides.values():
        run()
    figures: dict[str, list[Figure]] = {name: [] for name in sides}
    for number in range(rounds):
        names = list(sides) if number % 2 == 0 else list(reversed(sides))
        for name in names:
            figures[name].append(sides[name]())
    return figures


def per_call(function: Callable[[], object], calls: int) -> Round:
    """Return a round that calls ``function`` so many times and gives microseconds of this thread's processor time a
    call, so that what else runs on the machine does not count."""

    def run() -> float:
        start = time.thread_time_ns()
        for _ in range(calls):
            function()
        return (time.thread_time_ns() - start) / calls / 1000

    return run


def cpu_microseconds(pid: int) -> float:
    """Return the processor time that all threads of a process have used so far; Linux counts it in nanoseconds."""
    return sum(_microseconds(thread) for thread in Path(f"/proc/{pid}/task").iterdir())


def main_thread_microseconds(pid: int) -> float:
    """Return the processor time that the first thread of a process has used so far."""
    return _microseconds(Path(f"/proc/{pid}/task/{pid}"))


def _microseconds(thread: Path) -> float:
    return int((thread / "schedstat").read_text().split()[0]) / 1000
