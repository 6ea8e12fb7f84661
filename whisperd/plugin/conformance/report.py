"""What the kit says: one result for each check, and a report of them all."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from whisperd.errors import PluginRefused
from whisperd.interfaces import Random


class Broken(Exception):
    """A plug-in did not do what a check demands; the message says what it did instead."""


@dataclass(frozen=True)
class Result:
    """One check: its name, what it demands, the fault that it found (None: passed), and how long it took."""

    name: str
    demand: str
    fault: str | None
    seconds: float

    @property
    def passed(self) -> bool:
        return self.fault is None


@dataclass(frozen=True)
class Report:
    """Every result for one plug-in."""

    kind: str
    id: str
    results: tuple[Result, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(result.passed for result in self.results)

    @property
    def faults(self) -> dict[str, str]:
        """The faults by the names of the checks that found them."""
        return {result.name: result.fault for result in self.results if result.fault is not None}

    def require(self) -> None:
        """Raise PluginRefused, with every fault, unless all checks passed."""
        if not self.passed:
            found = "; ".join(f"{name}: {fault}" for name, fault in self.faults.items())
            raise PluginRefused(f"{self.id} failed {len(self.faults)} of {len(self.results)} checks: {found}")

    def as_dict(self) -> dict[str, Any]:
        """Return the report as values that JSON has."""
        return {"kind": self.kind, "id": self.id, "passed": self.passed, "results": [asdict(r) for r in self.results]}

    def __str__(self) -> str:
        lines = [f"{'ok    ' if result.passed else 'BROKEN'} {result.name}: {result.fault or result.demand}"
                 for result in self.results]
        return "\n".join(lines)


class Checks:
    """A list of checks: functions that take a bench and raise when the plug-in is broken; docstrings are demands."""

    def __init__(self) -> None:
        self.by_name: dict[str, Callable[[Any], None]] = {}

    def add(self, check: Callable[[Any], None]) -> Callable[[Any], None]:
        """Take in a check, under its name with dashes."""
        self.by_name[check.__name__.replace("_", "-")] = check
        return check

    def run(self, make_bench: Callable[[str], Any], only: Iterable[str] = ()) -> tuple[Result, ...]:
        """Run the checks named in ``only``, or all, each on a bench of its own; KeyError for a name that is not one."""
        return tuple(_run(name, self.by_name[name], make_bench) for name in only or self.by_name)


def _run(name: str, check: Callable[[Any], None], make_bench: Callable[[str], Any]) -> Result:
    started = time.perf_counter()
    fault = None
    try:
        check(make_bench(name))
    except Broken as broken:
        fault = str(broken)
    except Exception as error:
        fault = f"raised {error!r}"
    demand = (check.__doc__ or "").strip()
    return Result(name, demand, fault, time.perf_counter() - started)


def seeded(seed: str) -> Random:
    """Return a random source that repeats itself: call number n gives SHAKE-256(seed ‖ n as 8 bytes).

    For tests only."""
    calls = 0

    def draw(size: int) -> bytes:
        nonlocal calls
        calls += 1
        return hashlib.shake_256(seed.encode() + calls.to_bytes(8, "big")).digest(size)

    return draw


def below(random: Random, limit: int) -> int:
    """Return a whole number from 0 to ``limit`` - 1; good enough for choosing what to test."""
    return int.from_bytes(random(8), "big") % limit


def changed(random: Random, data: bytes, place: int) -> bytes:
    """Return ``data`` with one bit of the byte at ``place`` flipped."""
    flipped = data[place] ^ (1 << below(random, 8))
    return data[:place] + bytes((flipped,)) + data[place + 1 :]


def places(size: int, most: int) -> list[int]:
    """Return at most about ``most`` places in ``size`` bytes: the ends closely, the rest evenly."""
    if size <= most:
        return list(range(size))
    edge = most // 4
    step = max(1, (size - 2 * edge) // (most - 2 * edge))
    return [*range(edge), *range(edge, size - edge, step), *range(size - edge, size)]
